"""The real clock."""

from __future__ import annotations

import time


class RealClock:
    """Reads the machine's clocks."""

    def now(self) -> int:
        """Return the instant in microseconds UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic()
