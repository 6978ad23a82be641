"""What a rule is: one metric, judged window by window, and how many bad windows in a row make an alert."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


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


def bounded(*, above: float | None = None, below: float | None = None) -> Callable[[Point], Verdict]:
    """Return a judge that compares the value with fixed bounds.

    >>> bounded(below=0.8)(Point(0, 1, 0.7, None, None, 10)).bad
    True
    """

    def judge(point: Point) -> Verdict:
        if point.value is None:
            return Verdict(None)
        if above is not None and point.value > above:
            return Verdict(True, above, f"above {above:g}")
        if below is not None and point.value < below:
            return Verdict(True, below, f"below {below:g}")
        return Verdict(False, above if above is not None else below)

    return judge
