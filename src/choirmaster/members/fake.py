"""A member for tests: it answers, waits and fails as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.errors import MemberError
from choirmaster.members.columns import answer


@dataclass(frozen=True, slots=True)
class Act:
    """What a fake member does at one call: wait, then raise ``error``, or answer ``values``.

    ``values`` is an array for the whole call, one row (or number) repeated for each row asked, or a function of the
    feature table; NaN is allowed.
    """

    values: Any = None
    error: Exception | None = None
    delay_seconds: float = 0.0


class FakeMember:
    """A scripted member.

    Parameters
    ----------
    name : str
        The member's name.
    always : Act or array or number or function
        What it does once the script is over.
    script : sequence of Act
        What it does at its first calls, in order.
    classes : sequence of str or None
        None makes it a regressor.
    features : sequence of str
        The features it claims to take; they are not looked at.
    version : str
        The version it claims.
    sleep : callable
        Gets ``delay_seconds``; ``time.sleep`` unless a test brings its own.

    Attributes
    ----------
    calls : int
        How often it was asked.

    Examples
    --------
    >>> member = FakeMember("a", [0.25, 0.75], script=[Act(error=RuntimeError("down"))])
    >>> rows = pa.table({"x": [1, 2]})
    >>> member.predict(rows)
    Traceback (most recent call last):
        ...
    RuntimeError: down
    >>> member.predict(rows).tolist()
    [[0.25, 0.75], [0.25, 0.75]]
    """

    def __init__(
        self,
        name: str = "fake",
        always: Any = 0.5,
        *,
        script: Sequence[Act] = (),
        classes: Sequence[str] | None = ("no", "yes"),
        features: Sequence[str] = (),
        version: str = "fake",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name, self.version = name, version
        self.classes = None if classes is None else tuple(classes)
        self.features = tuple(features)
        self.calls = 0
        self._always = always if isinstance(always, Act) else Act(always)
        self._script, self._sleep, self._lock = tuple(script), sleep, threading.Lock()

    def predict(self, features: pa.Table) -> np.ndarray:
        """Do what the script says next."""
        with self._lock:
            act = self._script[self.calls] if self.calls < len(self._script) else self._always
            self.calls += 1
        if act.delay_seconds:
            self._sleep(act.delay_seconds)
        if act.error is not None:
            raise act.error.with_traceback(None)  # one error told many times keeps no trail of them
        return self._answer(act.values, features)

    def _answer(self, values: Any, features: pa.Table) -> np.ndarray:
        raw = np.asarray(values(features) if callable(values) else values, dtype=np.float64)
        width = () if self.classes is None else (len(self.classes),)
        if raw.shape in ((), width):
            if raw.shape != width:
                raw = np.array([1 - raw, raw]) if width == (2,) else np.full(width, raw)
            return np.tile(raw, (features.num_rows, *(1,) * len(width)))
        if raw.shape == (features.num_rows, *width):
            return raw
        if self.classes is not None and raw.shape == (features.num_rows,):
            return answer(raw, features.num_rows, self.classes, self.name)
        raise MemberError("a script does not fit the rows", where=f'member "{self.name}"',
                          expected=str((features.num_rows, *width)), got=str(raw.shape))  # fmt: skip
