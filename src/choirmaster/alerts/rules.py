"""What a rule is: one metric, judged window by window, and how many bad windows in a row make an alert."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from choirmaster.values import rows_needed

NO_VERDICT = "no verdict"
MOST_TOLD = 1_000_000_000  # rows; more than that says nothing to anybody


class Severity(StrEnum):
    """How much it hurts."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Point:
    """One value in one window, beside the value the reference has."""

    window_start: int
    window_end: int
    value: float | None
    lower: float | None
    upper: float | None
    n: int
    reason: str | None = None
    baseline: float | None = None
    baseline_upper: float | None = None
    mature: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a point is bad, and against which bound; ``bad`` is None where nothing can be said."""

    bad: bool | None
    bound: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One metric of some series or features beyond a bound for so many windows in a row.

    Attributes
    ----------
    name : str
    metric : str
    judge : callable
        ``judge(point)`` returns a verdict.
    windows : int
        Bad windows in a row before it fires, and good ones before it resolves.
    needs_labels : bool
        Judge a window only once its labels should be there.
    series, feature, target : str
        Which values it looks at; ``*`` means each of them on its own.
    segment : str
        The segment it looks at, as values name it; '' is all rows.
    """

    name: str
    metric: str
    judge: Callable[[Point], Verdict]
    windows: int = 1
    severity: Severity = Severity.WARNING
    needs_labels: bool = False
    series: str = "*"
    feature: str = ""
    segment: str = ""
    target: str = "*"
    runbook: str = ""


def unsure(point: Point, bound: float) -> str:
    """Return about how many rows would tell on which side of the bound a value is; '' where its interval tells.

    >>> unsure(Point(0, 1, 0.78, 0.74, 0.82, 400), 0.8), unsure(Point(0, 1, 0.78, 0.77, 0.79, 400), 0.8)
    ('needs about 1,600 rows', '')
    """
    if point.value is None or point.lower is None or point.upper is None or not point.lower <= bound <= point.upper:
        return ""
    needed = rows_needed(point.lower, point.upper, point.n, abs(point.value - bound))
    return f"needs about {needed:,} rows" if needed and point.n < needed <= MOST_TOLD else "needs more rows"


def judged(point: Point, bound: float, why: str, *, bad: bool) -> Verdict:
    """Return a verdict that says what is bad or, of a window that is not, whether its interval leaves it open.

    >>> judged(Point(0, 1, 0.78, 0.74, 0.82, 400), 0.8, "below 0.8", bad=False).why
    'no verdict: needs about 1,600 rows'
    """
    open_ = "" if bad else unsure(point, bound)
    return Verdict(bad, bound, f"{NO_VERDICT}: {open_}" if open_ else why)


def bounded(*, above: float | None = None, below: float | None = None) -> Callable[[Point], Verdict]:
    """Return a judge that compares the value with fixed bounds.

    >>> bounded(below=0.8)(Point(0, 1, 0.7, None, None, 10)).bad
    True
    """

    def judge(point: Point) -> Verdict:
        if point.value is None:
            return Verdict(None)
        if above is not None and point.value > above:
            return Verdict(True, above, _sure(point, above, f"above {above:g}"))
        if below is not None and point.value < below:
            return Verdict(True, below, _sure(point, below, f"below {below:g}"))
        bound = above if above is not None else below
        return Verdict(False) if bound is None else judged(point, bound, "", bad=False)

    return judge


def _sure(point: Point, bound: float, why: str) -> str:
    """Add to what a rule about the bare number found how far the interval bears it out."""
    needed = unsure(point, bound)
    return f"{why}; the interval reaches across, to be sure it {needed}" if needed else why
