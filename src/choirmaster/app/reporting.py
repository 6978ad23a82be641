"""Write the report of an ensemble and its CSV beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from choirmaster.app.clock import RealClock
from choirmaster.app.results import versions
from choirmaster.errors import ConfigError
from choirmaster.reports import content, render_csv, render_html, render_json, render_pdf
from choirmaster.times import isoformat
from choirmaster.watch.queries import Queries

FORMATS = (".pdf", ".html", ".csv", ".json")


def write_report(
    queries: Queries, ensemble: str, out: Path, start: str | None, end: str | None, progress: Callable[..., None]
) -> list[str]:
    """Write ``out`` in the format of its suffix, and the values as CSV; returns the files."""
    if out.suffix not in FORMATS:
        raise ConfigError("cannot write this kind of report", where=str(out), got=f'"{out.suffix}"', allowed=FORMATS)
    progress("read", 0, 3, ensemble)
    shown = content(queries, ensemble, start=start, end=end, made_at=isoformat(RealClock().now()), versions=versions())
    progress("write", 1, 3, str(out))
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".pdf":
        out.write_bytes(render_pdf(shown))
    else:
        render = {".html": render_html, ".csv": render_csv, ".json": render_json}[out.suffix]
        out.write_text(render(shown), encoding="utf-8")
    files = [out]
    if out.suffix != ".csv":
        table = out.with_suffix(".csv")
        progress("write", 2, 3, str(table))
        table.write_text(render_csv(shown), encoding="utf-8")
        files.append(table)
    return [str(one) for one in files]
