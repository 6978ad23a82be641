"""How old the newest event is by the clock: an observed value, for the greatest of several times is no sum."""

from __future__ import annotations

from choirmaster.metrics.base import DATA_QUALITY, EVERY, Metric
from choirmaster.values import Reason, Value, undefined

NEWEST = "newest"  # in place of a kind of state
SECOND = 1_000_000


def freshness(newest: int | None, at: int) -> Value:
    """Seconds from the newest event to an instant.

    Definition   (at - newest) / 10^6, of events up to that instant; ``at`` is the clock, or the end of a window that is
                 over by then
    Inputs       newest, at in microseconds UTC; newest is None where there is no event up to the clock
    Range        0 upwards; unit: seconds; lower is better
    Undefined    no_rows
    Interval     none: a time is read, not estimated
    Source       textbook

    Examples
    --------
    >>> freshness(1_000_000, 61_000_000).number
    60.0
    """
    if newest is None:
        return undefined(Reason.NO_ROWS, detail="no event up to the clock")
    return Value(max(at - newest, 0) / SECOND, n=1)


FRESHNESS = Metric(
    "freshness", NEWEST, DATA_QUALITY, EVERY, "lower", "seconds",
    "age of the newest event by the clock, or at the end of a window that is over; events after the clock do not count",
    "none: a time is read, not estimated",
    "textbook", freshness,
)  # fmt: skip
