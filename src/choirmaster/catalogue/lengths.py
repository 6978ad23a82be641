"""How long a window must be for its leading metric to be told within a precision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from choirmaster.catalogue.facts import WINDOW, Choice
from choirmaster.metrics import BY_NAME
from choirmaster.times import DAY, HOUR

STANDARD = ("1h", "1d", "1w", "1mo")
LEAST_WINDOWS = 10  # of rows that end: twice the longest run of bad windows that a default rule waits for
_LENGTHS = {"1h": HOUR, "1d": DAY, "1w": 7 * DAY, "1mo": 30 * DAY}
DEFAULT_PRECISION = 0.02
SHORTER = 0.8  # a shorter window must promise this much of the precision, so that choices do not flap
BOUNDED = ("ratio", "probability", "correlation")  # units whose precision is absolute


class Leading(NamedTuple):
    """What the reference says of the leading metric.

    Attributes
    ----------
    metric : str
    value : float or None
    half_width : float or None
        Of its 95 % interval; None where there is none, such as without labels.
    n : int
        Labelled rows it rests on.
    """

    metric: str
    value: float | None = None
    half_width: float | None = None
    n: int = 0

    @property
    def known(self) -> bool:
        """Whether something can be expected of other numbers of rows."""
        return self.half_width is not None and self.n > 0 and (self.absolute or bool(self.value))

    @property
    def absolute(self) -> bool:
        """Whether a precision is meant as it stands, not beside the value."""
        return BY_NAME[self.metric].unit in BOUNDED

    def bound(self, precision: float) -> float:
        """Return the half-width that a precision means."""
        return precision if self.absolute else precision * abs(self.value or 0.0)

    def expected(self, n: float) -> float:
        """Return the half-width to expect of so many labelled rows."""
        return (self.half_width or 0.0) * math.sqrt(self.n / n) if n > 0 else math.inf

    def needed(self, precision: float) -> int:
        """Return how many labelled rows a precision takes.

        >>> Leading("roc_auc", 0.8, 0.01, 10_000).needed(0.02)
        2500
        """
        bound = self.bound(precision)
        return math.ceil(self.n * ((self.half_width or 0.0) / bound) ** 2 - 1e-9) if bound else 0


def longest_within(span: int) -> str:
    """Return the longest standard window of which ten fit into so many microseconds; an hour where none does.

    >>> longest_within(28 * DAY), longest_within(84 * DAY), longest_within(365 * DAY)
    ('1d', '1w', '1mo')
    """
    fitting = [name for name, length in _LENGTHS.items() if LEAST_WINDOWS * length <= span]
    return fitting[-1] if fitting else STANDARD[0]


def choose_window(
    leading: Leading, rows: Mapping[str, float], *, precision: float = DEFAULT_PRECISION, now: str = "",
    longest: str = STANDARD[-1],
) -> Choice:  # fmt: skip
    """Return the smallest standard window whose expected half-width meets a precision, with the reason.

    Parameters
    ----------
    leading : Leading
        The leading metric on the reference: its half-width shrinks with the root of the labelled rows.
    rows : mapping
        Labelled rows that a window of each length had in the past (the lower quartile), shortest first.
    precision : float
        Of ratios as it stands, else beside the value.
    now : str
        The length in force: a shorter one takes its place only where it promises four fifths of the precision.
    longest : str
        No longer one is taken, but for the shortest there is.

    Examples
    --------
    >>> auc = Leading("roc_auc", 0.8, 0.01, 10_000)
    >>> choose_window(auc, {"1h": 100, "1d": 2_400, "1w": 16_800}).why
    '1w has about 16,800 labelled rows, so roc_auc is told within +-0.00772; 1d gives +-0.0204, 0.02 is asked'
    >>> choose_window(auc, {"1h": 1, "1d": 24, "1w": 168}).why
    '1w gives roc_auc +-0.0772; 0.02 needs about 2,500 labelled rows, and 168 are expected'
    """
    lengths = _up_to(longest, list(rows))
    if not leading.known or not any(rows.values()):
        name = now or ("1d" if "1d" in lengths else lengths[-1])
        unknown = (
            "no labelled row lies in the 14 days before" if leading.known else f"{leading.metric} has no interval yet"
        )
        return Choice(WINDOW, name, 1, f"{name}, because {unknown}")
    bound = leading.bound(precision)
    width = {name: leading.expected(rows[name]) for name in lengths}

    def enough(name: str) -> bool:
        shorter = now in lengths and lengths.index(name) < lengths.index(now)
        return width[name] <= bound * (SHORTER if shorter else 1.0)

    asked = f"{precision:g} is asked" if leading.absolute else f"{precision:g} of its value ({bound:.3g}) is asked"
    at = next((at for at, name in enumerate(lengths) if enough(name)), None)
    if at is None:
        name = lengths[-1]
        text = f"{precision:g}" if leading.absolute else f"{precision:g} of its value"
        needs = f"{text} needs about {_rounded(leading.needed(precision)):,} labelled rows"
        why = f"{name} gives {leading.metric} +-{width[name]:.3g}; {needs}, and {round(rows[name]):,} are expected"
        left_out = f"; fewer than {LEAST_WINDOWS} longer windows would fit into these rows"
        return Choice(WINDOW, name, 1, why + (left_out if len(lengths) < len(rows) else ""))
    name = lengths[at]
    beside = f"{lengths[at - 1]} gives +-{width[lengths[at - 1]]:.3g}, {asked}" if at else asked
    return Choice(WINDOW, name, 1, f"{name} has about {round(rows[name]):,} labelled rows, so {leading.metric} is told "
                  f"within +-{width[name]:.3g}; {beside}")  # fmt: skip


def _up_to(longest: str, lengths: list[str]) -> list[str]:
    return [name for name in lengths if STANDARD.index(name) <= STANDARD.index(longest)] or lengths[:1]


def _rounded(n: int) -> int:
    """Round to two digits: it is an expectation."""
    digits = max(0, len(str(n)) - 2)
    return int(math.ceil(n / 10**digits) * 10**digits)
