"""One HTML file: no link to the outside, no script, charts as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from choirmaster.reports import words
from choirmaster.reports.model import Chart, Content
from choirmaster.reports.picture import Shape, shapes

if TYPE_CHECKING:
    from jinja2 import Environment

WIDTH, HEIGHT = 720, 230


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    env = Environment(
        loader=PackageLoader("choirmaster.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(plain=words.plain, moment=words.moment)
    env.globals.update(cell_text=words.cell_text, drawing=drawing, path=path, WIDTH=WIDTH, HEIGHT=HEIGHT)
    return env


def render_html(content: Content) -> str:
    """Draw the whole report as one HTML text."""
    return _environment().get_template("report.html").render(report=content)


def drawing(chart: Chart) -> list[Shape]:
    """Lay out a chart in the size of the file."""
    return shapes(chart, WIDTH, HEIGHT)


def path(points: Sequence[tuple[float, float]]) -> str:
    """Write points as SVG does.

    >>> path([(0, 1), (2, 3.5)])
    '0,1 2,3.5'
    """
    return " ".join(f"{x:g},{y:g}" for x, y in points)
