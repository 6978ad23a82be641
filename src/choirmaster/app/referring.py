"""References on the command line: which rows one is made of, and what it holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.app.operating import user
from choirmaster.errors import ConfigError, NotFound, Unavailable
from choirmaster.times import Window, isoformat, parse_duration, parse_instant
from choirmaster.watch.absorb import live
from choirmaster.watch.answers import collecting_text
from choirmaster.watch.choosing import FIRST_ROWS, chosen_rows, first
from choirmaster.watch.settings import MonitorSettings

if TYPE_CHECKING:
    from choirmaster.app.installation import Installation

Progress = Callable[..., None]
Rows = Callable[[MonitorSettings], tuple[pa.Table, str]]


def set_reference(
    site: Installation, ensemble: str, file: str | None, window: str | None, span: str | None, *,
    since: str | None, who: str, cause: str, progress: Progress,
) -> Mapping[str, Any]:  # fmt: skip
    """Start an epoch, then measure the windows it touches."""
    from choirmaster.app.installation import TURN_SECONDS, WAIT_SECONDS

    if sum(one is not None for one in (file, window, span)) > 1:
        raise ConfigError("choose one of --from, --from-window and --first")
    settings = site.monitor.settings[ensemble]
    start = None if since is None else parse_instant(since, zone=settings.grain.zone, where="--since")
    rows = _rows(site, file, window, span)
    site.drain()
    until = site.clock.monotonic() + TURN_SECONDS
    while True:
        found = site.monitor.set_reference(
            ensemble, rows, who=who or user(), cause=cause, since=start,
            progress=lambda done, total: progress("measure again", done, total, "windows"),
        )  # fmt: skip
        if found is not None:
            break
        if site.clock.monotonic() >= until:
            raise Unavailable("another process is measuring this store", fix="try again when it has ended")
        time.sleep(WAIT_SECONDS)
    summary = site.look([ensemble])
    return {"id": found.id, "before": found.before, "since": _moment(found.since), "source": found.source,
            "rows": found.rows, "windows": found.windows, "values": summary.values}  # fmt: skip


def _moment(micros: int) -> str | None:
    return isoformat(micros) if micros > -(1 << 61) else None


def _rows(site: Installation, file: str | None, window: str | None, span: str | None) -> Rows:
    if file is not None:
        return lambda settings: _of_file(site, settings, Path(file))
    if window is not None:
        return lambda settings: _of_window(site, settings, window)
    if span is not None:
        return lambda settings: _first(site, settings, parse_duration(span, where="--first"))
    return lambda settings: _configured(site, settings)


def _of_file(site: Installation, settings: MonitorSettings, path: Path) -> tuple[pa.Table, str]:
    from choirmaster.app.ensembles import reference_rows

    if not path.exists():
        raise ConfigError("cannot read a reference", where="--from", got=f'"{path}"', fix="give a path that is there")
    return reference_rows(path, site.config.ensembles[settings.name], site.members[settings.name]), str(path)


def _of_window(site: Installation, settings: MonitorSettings, text: str) -> tuple[pa.Table, str]:
    begin, dots, end = text.partition("..")
    if not dots:
        raise ConfigError("cannot read a span", where="--from-window", expected="START..END", got=f'"{text}"')
    zone = settings.grain.zone
    span = Window(*(parse_instant(one.strip(), zone=zone, where="--from-window") for one in (begin, end)))
    rows = live(site.store.rows(settings.name, window=span))
    if not rows.num_rows:
        raise NotFound("no live row in this span", where="--from-window", got=str(span))
    return rows, f"live rows of {span}"


def _first(site: Installation, settings: MonitorSettings, length: int) -> tuple[pa.Table, str]:
    times = live(site.store.rows(settings.name, columns=["time", "split"]))["time"].cast(pa.int64())
    begin = pc.min(times).as_py()
    if begin is None:
        raise NotFound("there is no live row yet", where="--first")
    rows = live(site.store.rows(settings.name, window=Window(begin, begin + length)))
    return rows, f"the first live rows, up to {isoformat(begin + length)}"


def _configured(site: Installation, settings: MonitorSettings) -> tuple[pa.Table, str]:
    if settings.reference_rows is not None or not site.store.epochs(settings.name):
        table, source, _ = chosen_rows(site.store, settings)
        if table is None:
            raise NotFound("there are too few live rows yet", where=settings.name, fix="wait, or give --from FILE")
        return table, source
    table, _ = _first(site, settings, settings.collect)
    return first(table, settings.collect), FIRST_ROWS


def listed(site: Installation, ensemble: str) -> list[Mapping[str, Any]]:
    """Return the references of an ensemble; while the first is being collected, a line without an id says so."""
    found: list[Mapping[str, Any]] = list(site.queries.references(ensemble))
    share = None if found else site.queries.collecting(ensemble)
    if share is not None:
        return [{"ensemble": ensemble, "id": None, "source": collecting_text(share), "collecting": share}]
    return found


def shown(site: Installation, ensemble: str, reference: str) -> Mapping[str, Any]:
    """Return what one reference holds; '' is the current one."""
    from choirmaster.states import BY_KIND
    from choirmaster.states.reference import from_bytes

    found = [one for one in site.queries.references(ensemble) if reference in ("", one["id"])]
    stored = site.store.reference(ensemble, found[0]["id"]) if found else None
    share = None if found else site.queries.collecting(ensemble)
    if share is not None:
        fix = f"wait for more rows, or choirmaster reference set {ensemble} --from FILE"
        raise NotFound("there is no reference yet", where=ensemble, got=collecting_text(share), fix=fix)
    if stored is None:
        raise NotFound("unknown reference", where=ensemble, got=f'"{reference}"')
    held = from_bytes(stored[1], BY_KIND)
    layout = held.layout
    return {
        **found[0], "rows": held.rows, "task": str(layout.task),
        "cutoffs": {one.name: held.cutoff(one.name) for one in layout.series},
        "series": [one.name for one in layout.series],
        "features": [{"name": key.feature, "kind": "numeric" if key.feature in layout.numeric else "categorical",
                      "bins": part.cells} for key, part in sorted(held.parts.items())
                     if key.kind == "histogram/1" and key.feature],
        "segments": {name: list(values) for name, values in held.segments.items()},
    }  # fmt: skip
