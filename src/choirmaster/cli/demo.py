"""``choirmaster demo``."""

from __future__ import annotations

from pathlib import Path

from choirmaster.cli import output
from choirmaster.cli.context import Json, services


def demo(
    *, out: Path = Path("demo-out"), no_serve: bool = False, quick: bool = False, port: int = 8080,
    json: Json = False,
) -> int:  # fmt: skip
    """Train four models on two months of real flights, serve them, replay the year and watch them.

    Example: choirmaster demo --no-serve --quick --out demo

    Parameters
    ----------
    out
        Folder for models, store, summary.json, metrics.csv and report.pdf.
    no_serve
        End when everything is written, in place of leaving the dashboard open.
    quick
        Replay one month only.
    port
        Of the dashboard on this machine.
    """
    say = output.hint if json else output.tell
    with output.progress(quiet=json) as progress:
        summary = services().demo(out=out, serve=not no_serve, quick=quick, port=port, progress=progress, tell=say)
    if json:
        output.as_json(summary)
    return 0
