"""How a member answers its calls: availability, lateness, failure. Calls count, not rows (D21)."""

from __future__ import annotations

from choirmaster.metrics.base import EVERY, LATENCY, Metric
from choirmaster.metrics.pairs import share
from choirmaster.schema import STATUSES, Status
from choirmaster.states.calls import Calls
from choirmaster.values import Kind, Reason, Value, undefined


def availability(state: Calls) -> Value:
    """Calls answered in time and in form / calls. Undefined: no_calls."""
    return _share(state, Status.OK)


def late_rate(state: Calls) -> Value:
    """Calls not answered by the deadline / calls. Undefined: no_calls."""
    return _share(state, Status.LATE)


def failure_rate(state: Calls) -> Value:
    """Calls that failed or whose answer was invalid / calls. Undefined: no_calls."""
    return _share(state, Status.FAILED, Status.INVALID)


def made(state: Calls) -> int:
    """Return how many calls there were: absent ones were never made."""
    return int(state.calls.sum()) - int(state.calls[STATUSES.index(Status.ABSENT)])


def _share(state: Calls, *wanted: Status) -> Value:
    n = made(state)
    if not n:
        return undefined(Reason.NO_CALLS)
    return share(sum(int(state.calls[STATUSES.index(one)]) for one in wanted), n, Kind.OBSERVED)


AVAILABILITY = Metric(
    "availability", "calls/1", LATENCY, EVERY, "higher", "ratio", "calls answered in time and in form / calls",
    "Wilson", "textbook", availability,
)  # fmt: skip
LATE_RATE = Metric(
    "late_rate", "calls/1", LATENCY, EVERY, "lower", "ratio", "calls not answered by the deadline / calls", "Wilson",
    "textbook", late_rate,
)  # fmt: skip
FAILURE_RATE = Metric(
    "failure_rate", "calls/1", LATENCY, EVERY, "lower", "ratio", "calls that failed or answered out of form / calls",
    "Wilson", "textbook", failure_rate,
)  # fmt: skip
