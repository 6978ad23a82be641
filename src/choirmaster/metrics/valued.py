"""What the metrics of a declared value column share: pairs of classes, shares of value, sums of value."""

from __future__ import annotations

import math
from collections.abc import Sequence

from choirmaster.metrics.intervals import Bounds, Z, logit_interval
from choirmaster.metrics.pairs import is_binary, nothing
from choirmaster.states.confusion import Confusion
from choirmaster.states.worth import Worth
from choirmaster.values import Kind, Reason, Value, undefined

Pairs = Sequence[int]
SHARE_INTERVAL = "delta method on the log-odds; at 0 and 1 Wilson's of (sum v)^2 / sum v^2 trials"
SUM_INTERVAL = "normal, from the sums of squares; none where no row adds to it"


def without_value(state: Confusion) -> Value | None:
    """Return why nothing can be said about value, or None."""
    if not state.valued:
        return undefined(Reason.NOT_APPLICABLE, kind=Kind.REALIZED, detail="no value column is declared")
    return nothing(state)


def several(state: Confusion) -> Value | None:
    """Return why a metric of one class has no value of the whole, or None."""
    if state.valued and is_binary(state):
        return None
    why = "several classes; there is a value for each" if state.valued else "no value column is declared"
    return undefined(Reason.NOT_APPLICABLE, n=state.rows, kind=Kind.REALIZED, detail=why)


def right(state: Confusion) -> Pairs:
    """Return the pairs where label and answer are the same class."""
    k = len(state.part.classes)
    return [i * (k + 1) + i for i in range(k)]


def both(state: Confusion) -> Pairs:
    """Return all pairs of a known label and an answer."""
    k = len(state.part.classes)
    return [i * (k + 1) + j for i in range(k) for j in range(k)]


def hits(state: Confusion, index: int) -> Pairs:
    """Return the pair of a class's hits."""
    return [index * (len(state.part.classes) + 1) + index]


def misses(state: Confusion, index: int) -> Pairs:
    """Return the pairs of rows labelled as a class and answered otherwise."""
    k = len(state.part.classes)
    return [index * (k + 1) + j for j in range(k) if j != index]


def false_alarms(state: Confusion, index: int) -> Pairs:
    """Return the pairs of rows answered as a class and labelled otherwise."""
    k = len(state.part.classes)
    return [i * (k + 1) + index for i in range(k) if i != index]


def share_of_value(state: Confusion, top: Pairs, bottom: Pairs, empty: Reason) -> Value:
    """Return the share of value that some pairs have of others, which hold them."""
    return share_of(state.worth(top), state.worth(bottom), empty)


def share_of(part: Worth, whole: Worth, empty: Reason) -> Value:
    """Return V_part / V_whole over the rows with a usable value.

    Interval: R = sum v z / sum v with z 0 or 1, Var R = sum v^2 (z - R)^2 / (sum v)^2, on the log-odds. At 0 and 1
    Wilson's of (sum v)^2 / sum v^2 trials, as many as rows of equal value would be. None where squares are clipped.
    """
    missing = _missing(whole, empty, part.total / whole.total if whole.total else None)
    if missing:
        return missing
    if not whole.total:
        return undefined(empty, kind=Kind.REALIZED, n=whole.n, detail="the values sum to 0")
    share = part.total / whole.total
    if whole.clipped_squares or not whole.squares:
        return Value(share, n=whole.n, kind=Kind.REALIZED)
    spread = part.squares * (1.0 - share) ** 2 + (whole.squares - part.squares) * share**2
    trials = max(1, round(whole.total**2 / whole.squares))
    lower, upper = logit_interval(share, spread / whole.total**2, trials)
    return Value(share, min(lower, share), max(upper, share), n=whole.n, kind=Kind.REALIZED)


def sum_of_value(state: Confusion, pairs: Pairs) -> Value:
    """Return the value of some pairs; the interval is that of the expected sum over as many rows.

    Each of the n rows adds x = v or 0; Var = n s^2 with the sample variance s^2 of x.
    """
    part, rows = state.worth(pairs), state.worth(both(state))
    usable = rows.n
    if not usable:
        return undefined(Reason.ALL_MISSING, kind=Kind.REALIZED, detail="no row has a usable value")
    if part.clipped:
        return _clipped(part, part.total, usable)
    bounds: Bounds = (None, None)
    if part.n and usable > 1 and not part.clipped_squares:
        variance = max(0.0, part.squares - part.total**2 / usable) * usable / (usable - 1)
        half = Z * math.sqrt(variance)
        bounds = max(0.0, part.total - half), part.total + half
    return Value(part.total, *bounds, n=usable, kind=Kind.REALIZED)


def _missing(whole: Worth, empty: Reason, rest: float | None) -> Value | None:
    if not whole.rows:
        return undefined(empty, kind=Kind.REALIZED)
    if not whole.n:
        return undefined(Reason.ALL_MISSING, kind=Kind.REALIZED, detail="no row has a usable value")
    return _clipped(whole, rest, whole.n) if whole.clipped else None


def _clipped(worth: Worth, rest: float | None, n: int) -> Value:
    left = "" if rest is None else f"; of the others it is {rest!r}"
    detail = f"the value of {worth.clipped} of {worth.rows} rows lies beyond the range{left}"
    return undefined(Reason.OUT_OF_RANGE, kind=Kind.REALIZED, n=n, detail=detail)
