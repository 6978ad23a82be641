"""Counts of what each model was asked, in the shape of Triton's statistics; of this process, since its start."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_EXACT_SIZES = 64  # larger batches are counted together, up to the next power of two


@dataclass(slots=True)
class Spent:
    """How often, and how long in all."""

    count: int = 0
    ns: int = 0

    def add(self, seconds: float) -> None:
        """Count one more."""
        self.count += 1
        self.ns += max(0, round(seconds * 1e9))

    def as_dict(self) -> dict[str, int]:
        """Return both numbers."""
        return {"count": self.count, "ns": self.ns}


@dataclass(frozen=True, slots=True)
class Took:
    """The seconds of one request: waiting for a thread, reading its rows, asking, writing the answer."""

    queue: float = 0.0
    compute_input: float = 0.0
    compute_infer: float = 0.0
    compute_output: float = 0.0

    @property
    def whole(self) -> float:
        """All of it."""
        return self.queue + self.compute_input + self.compute_infer + self.compute_output


_PARTS = ("queue", "compute_input", "compute_infer", "compute_output")


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    last: int = 0
    success: Spent = field(default_factory=Spent)
    fail: Spent = field(default_factory=Spent)
    parts: dict[str, Spent] = field(default_factory=lambda: {name: Spent() for name in _PARTS})
    batches: dict[int, dict[str, Spent]] = field(default_factory=dict)

    def answered(self, rows: int, took: Took, now: int) -> None:
        self.rows += rows
        self.last = now // 1000
        self.success.add(took.whole)
        size = grouped(rows)
        if size not in self.batches:
            self.batches[size] = {name: Spent() for name in _PARTS[1:]}
        for parts in (self.parts, self.batches[size]):
            for name, spent in parts.items():
                spent.add(getattr(took, name))

    def as_dict(self) -> dict[str, Any]:
        spent = {"success": self.success, "fail": self.fail, **self.parts, "cache_hit": Spent(), "cache_miss": Spent()}
        return {
            "last_inference": self.last, "inference_count": self.rows, "execution_count": self.success.count,
            "inference_stats": {name: one.as_dict() for name, one in spent.items()},
            "batch_stats": [{"batch_size": size, **{name: one.as_dict() for name, one in parts.items()}}
                            for size, parts in sorted(self.batches.items())],
        }  # fmt: skip


class Statistics:
    """Counts by model; safe to use from several threads.

    Examples
    --------
    >>> counts = Statistics()
    >>> counts.answered("delays", 3, Took(compute_infer=0.5), now=2_000_000)
    >>> found = counts.of("delays", "7")
    >>> found["inference_count"], found["execution_count"], found["inference_stats"]["success"]["ns"]
    (3, 1, 500000000)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[str, _Counts] = {}

    def answered(self, model: str, rows: int, took: Took, *, now: int) -> None:
        """Count a request that was answered; ``now`` in microseconds UTC."""
        with self._lock:
            self._of(model).answered(rows, took, now)

    def failed(self, model: str, seconds: float) -> None:
        """Count a request that was not."""
        with self._lock:
            self._of(model).fail.add(seconds)

    def called(self, ensemble: str, calls: Iterable[Any], *, now: int) -> None:
        """Count each member that was asked for an ensemble's answer."""
        for call in calls:
            if call.latency_us is None:
                continue
            seconds, rows = call.latency_us / 1e6, int(call.usable.sum())
            if rows:
                self.answered(f"{ensemble}.{call.name}", rows, Took(compute_infer=seconds), now=now)
            else:
                self.failed(f"{ensemble}.{call.name}", seconds)

    def of(self, model: str, version: str) -> Mapping[str, Any]:
        """Return one model's counts; zeros where it was never asked."""
        with self._lock:
            return {"name": model, "version": version, **self._models.get(model, _Counts()).as_dict()}

    def _of(self, model: str) -> _Counts:
        found = self._models.get(model)
        if found is None:
            found = self._models[model] = _Counts()
        return found


def grouped(rows: int) -> int:
    """Return the batch size under which rows are counted, so that there are few of them.

    >>> [grouped(rows) for rows in (0, 1, 64, 65, 128, 1000)]
    [0, 1, 64, 128, 128, 1024]
    """
    return rows if rows <= _EXACT_SIZES else 1 << (rows - 1).bit_length()
