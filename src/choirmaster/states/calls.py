"""``calls/1``: how a member answered, and how fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from choirmaster.schema import STATUSES
from choirmaster.states.base import Floats, Ints, Part, State

STEPS = 32  # buckets for each doubling of the latency: 3 % wide
DOUBLINGS = 37  # up to 2^36 us, nineteen hours
BUCKETS = STEPS * DOUBLINGS
NO_LATENCY = BUCKETS


@dataclass(frozen=True, eq=False)
class CallsPart(Part):
    """Has no parameters: statuses and latency buckets are the same for everybody."""

    kind = "calls/1"

    @property
    def cells(self) -> int:
        """Calls by status, rows by status, answered calls by latency bucket, answered calls without latency."""
        return 2 * len(STATUSES) + BUCKETS + 1

    def payload(self) -> bytes:
        return f"{STEPS}/{DOUBLINGS}/{','.join(STATUSES)}".encode()


CALLS = CallsPart()


def bucket(latency_us: Ints) -> Ints:
    """Return the latency bucket of whole microseconds; negative means unknown.

    Bucket b below 32 is exactly b microseconds; above, each doubling is cut into 32 equal steps.

    >>> bucket(np.array([0, 31, 32, 63, 64, -1])).tolist()
    [0, 31, 32, 63, 64, 1184]
    """
    us = np.maximum(latency_us, 0)
    doubling = np.maximum(np.frexp(us.astype(np.float64))[1] - 5, 1) - 1
    step = us >> doubling
    return np.where(latency_us < 0, NO_LATENCY, np.minimum(doubling * STEPS + step, BUCKETS - 1)).astype(np.int64)


def bucket_edges() -> Floats:
    """Return the lower border of every bucket in microseconds, and the end of the last."""
    b = np.arange(BUCKETS + 1)
    doubling = np.maximum(b // STEPS - 1, 0)
    return np.asarray((b - doubling * STEPS) * 2.0**doubling, dtype=np.float64)


class Calls(State):
    """Counts of calls and rows by status, and of answered calls by latency."""

    kind = "calls/1"
    part: CallsPart

    @property
    def calls(self) -> Ints:
        """Calls by status, in the order of ``STATUSES``."""
        return self.counts[: len(STATUSES)]

    @property
    def rows(self) -> Ints:
        """Rows by status."""
        return self.counts[len(STATUSES) : 2 * len(STATUSES)]

    @property
    def latencies(self) -> Ints:
        """(BUCKETS,) answered calls by latency bucket."""
        return self.counts[2 * len(STATUSES) : -1]

    def update(self, status: Ints, latency_us: Ints, first: Ints) -> None:
        """Add rows: status index, latency (negative: unknown), and 1 on the first row of each call."""
        self.add(count_calls(status, latency_us, first, np.zeros(len(status), np.int64), 1)[0], np.empty(0, np.int64))


def count_calls(status: Ints, latency_us: Ints, first: Ints, group: Ints, groups: int) -> Ints:
    """Count calls; one row for each group. Latency counts for calls that were answered (status ok)."""
    width = CALLS.cells
    s = len(STATUSES)
    taken = group >= 0
    opens = taken & (first == 1)
    answered = opens & (status == 0)
    flat = np.concatenate(
        [
            group[opens] * width + status[opens],
            group[taken] * width + s + status[taken],
            group[answered] * width + 2 * s + bucket(latency_us[answered]),
        ]
    )
    return np.bincount(flat, minlength=groups * width).astype(np.int64).reshape(groups, width)
