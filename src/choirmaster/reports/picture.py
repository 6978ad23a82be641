"""A chart as simple shapes, laid out once and painted by PDF and HTML alike. The origin is the upper left corner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor, log10

from choirmaster.reports.model import Chart, Line

COLOURS = ("#16191b", "#0072b2", "#c2570c", "#8a4f9e", "#2a8a4a", "#a8324a", "#7a6a00", "#4c6a85")
BAND, GRID, SOFT, BAD = "#dcdedd", "#e2e5e4", "#5a656b", "#b3261e"
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2.5), (1.5, 2), (6, 2, 1.5, 2))

Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Shape:
    """One thing to paint: ``line``, ``area`` or ``text``."""

    kind: str
    points: tuple[tuple[float, float], ...]
    colour: str
    width: float = 1.0
    dash: tuple[float, ...] = ()
    text: str = ""
    anchor: str = "start"
    size: float = 7.5


def shapes(chart: Chart, width: float, height: float) -> list[Shape]:
    """Lay out a chart: grid, band of the first line, lines, bounds, marks, legend."""
    left, right, top, bottom = 44.0, width - 6.0, 10.0, height - 30.0
    drawn = [line for line in chart.lines if any(point is not None for point in line.value)]
    if not drawn or not chart.times:
        return [Shape("text", ((width / 2, height / 2),), SOFT, text="no value in this span", anchor="middle")]
    low, high = _reach(chart, drawn)
    first, last = chart.times[0], max(chart.times[-1], chart.times[0] + (0 if chart.across else 1))

    def x(at: float) -> float:
        return round(left + (at - first) / (last - first) * (right - left), 2)

    def y(value: float) -> float:
        return round(bottom - (value - low) / (high - low) * (bottom - top), 2)

    out = []
    for tick in ticks(low, high):
        out.append(Shape("line", ((left, y(tick)), (right, y(tick))), GRID, 0.5))
        out.append(Shape("text", ((left - 4, y(tick) + 2.5),), SOFT, text=_tick_text(tick), anchor="end"))
    for at, words in _along(chart):
        out.append(Shape("line", ((x(at), bottom), (x(at), bottom + 3)), SOFT, 0.5))
        anchor = "end" if x(at) > right - 20 else "start" if x(at) < left + 20 else "middle"
        out.append(Shape("text", ((x(at), bottom + 11),), SOFT, text=words, anchor=anchor))
    out += [Shape("area", run, BAND, 0) for run in _band(drawn[0].places or chart.times, drawn[0], x, y)]
    for at in reversed(range(len(drawn))):
        colour, dash = COLOURS[at % len(COLOURS)], DASHES[at // 4 % len(DASHES)]
        for run in _runs(drawn[at].places or chart.times, drawn[at].value):
            points = tuple((x(when), y(value)) for when, value in run)
            out.append(Shape("line", points, colour, 1.3 if at == 0 else 0.7, dash))
    out += [
        Shape("line", ((left, y(one)), (right, y(one))), BAD, 0.8, (4, 3)) for one in chart.bounds if low <= one <= high
    ]
    for mark in chart.marks:
        if first <= mark <= last:
            out.append(Shape("area", ((x(mark) - 3, top - 7), (x(mark) + 3, top - 7), (x(mark), top - 1)), BAD, 0))
    return out + _legend(drawn, left, right, height)


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Return round numbers between two ends.

    >>> ticks(0.61, 0.79)
    [0.65, 0.7, 0.75]
    """
    rough = (high - low) / wanted
    power = 10 ** floor(log10(rough))
    step = next((power * part for part in (1, 2, 2.5, 5, 10) if power * part >= rough), power * 10)
    return [round(step * at, 12) for at in range(ceil(low / step), floor(high / step) + 1)]


def days(times: Sequence[int], wanted: int) -> list[tuple[int, str]]:
    """Return up to ``wanted`` instants of a series with the words for an axis.

    >>> days([0, 86400], 6)
    [(0, '1970-01-01'), (86400, '1970-01-02')]
    """
    step = max(1, ceil((len(times) - 1) / max(1, wanted - 1)))
    span = times[-1] - times[0]
    form = "%Y-%m-%d" if span >= 86_400 * (wanted - 1) or len(times) < wanted else "%m-%d %H:%M"
    return [(at, datetime.fromtimestamp(at, UTC).strftime(form)) for at in times[::step]]


def _along(chart: Chart) -> list[tuple[float, str]]:
    """Return the places along the axis that are named, with their words."""
    if not chart.across:
        return [*days([int(at) for at in chart.times], 6)]
    named = [(at, _tick_text(at)) for at in ticks(chart.times[0], chart.times[-1], 6)]
    return [*named[:-1], (named[-1][0], f"{chart.across} {named[-1][1]}")] if named else []


def _reach(chart: Chart, drawn: Sequence[Line]) -> tuple[float, float]:
    known = [point for line in drawn for point in line.value if point is not None]
    known += [point for side in (drawn[0].lower, drawn[0].upper) for point in side if point is not None]
    low, high = min(known), max(known)
    spare = (high - low) or abs(high) * 0.1 or 0.1
    near = [one for one in chart.bounds if low - 0.6 * spare <= one <= high + 0.6 * spare]
    return min([low, *near]) - 0.05 * spare, max([high, *near]) + 0.05 * spare


def _runs(times: Sequence[float], values: Sequence[float | None]) -> Iterator[list[tuple[float, float]]]:
    """Yield the stretches without a gap; a lone point becomes a short dash."""
    run: list[tuple[float, float]] = []
    for when, value in [*zip(times, values, strict=True), (0, None)]:
        if value is not None:
            run.append((when, value))
        elif run:
            yield run if len(run) > 1 else [run[0], (run[0][0] + max(1, (times[-1] - times[0]) // 200), run[0][1])]
            run = []


def _band(times: Sequence[float], line: Line, x: Scale, y: Scale) -> Iterator[tuple[tuple[float, float], ...]]:
    if not line.lower or not line.upper:
        return
    both = [None if a is None or b is None else (a, b) for a, b in zip(line.lower, line.upper, strict=True)]
    run: list[tuple[float, float, float]] = []
    for when, pair in [*zip(times, both, strict=True), (0, None)]:
        if pair is not None:
            run.append((when, *pair))
        elif run:
            if len(run) > 1:
                yield tuple([(x(at), y(a)) for at, a, _ in run] + [(x(at), y(b)) for at, _, b in reversed(run)])
            run = []


def _legend(drawn: Sequence[Line], left: float, right: float, height: float) -> list[Shape]:
    out, at = [], left
    room = (right - left) / len(drawn)
    for index, line in enumerate(drawn):
        colour = COLOURS[index % len(COLOURS)]
        out.append(
            Shape("line", ((at, height - 8), (at + 12, height - 8)), colour, 1.6, DASHES[index // 4 % len(DASHES)])
        )
        name = line.name if len(line.name) * 4.2 < room - 20 else line.name[: max(3, int((room - 24) / 4.2))] + "…"
        out.append(Shape("text", ((at + 15, height - 5.5),), SOFT, text=name))
        at += min(room, 34 + 4.8 * len(name))
    return out


def _tick_text(tick: float) -> str:
    return f"{tick:,.0f}" if abs(tick) >= 1000 else f"{tick:.6g}"
