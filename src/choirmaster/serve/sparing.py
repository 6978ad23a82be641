"""Says the same thing once in a while, and how often it went unsaid."""

from __future__ import annotations

import logging

from choirmaster.ports import Clock

EVERY_SECONDS = 10.0


class SparingLog:
    """Warnings about one thing: the first at once, then at most one every ten seconds with the count of the others.

    Every one of them is counted elsewhere; a member that fails a thousand times a second must not fill the disk.
    """

    def __init__(self, log: logging.Logger, clock: Clock) -> None:
        self._log, self._clock = log, clock
        self._next, self._unsaid = 0.0, 0

    def warning(self, text: str, *arguments: object) -> None:
        """Say it, or count that it was not said."""
        now = self._clock.monotonic()
        if now < self._next:
            self._unsaid += 1
            return
        more = f" ({self._unsaid} more since the last time)" if self._unsaid else ""
        self._next, self._unsaid = now + EVERY_SECONDS, 0
        self._log.warning(f"{text}{more}", *arguments)
