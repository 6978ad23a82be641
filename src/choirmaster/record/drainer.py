"""Move parts from the journals to the store: in groups, under a lease, then forget them (D6, D7)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from choirmaster.ports import Clock, Store
from choirmaster.records import Part
from choirmaster.times import SECOND

_LOG = structlog.get_logger(__name__)
LEASE = "drain"


class Source(Protocol):
    """A journal as the drainer sees it; its owner may be another process, or dead."""

    identity: str

    def parts(self, after: int, limit: int = 100) -> Iterable[Part]:
        """Yield parts above a sequence, ascending."""
        ...

    def rows(self, after: int) -> int:
        """Return how many rows the parts above a sequence hold, without reading them."""
        ...

    def forget(self, through: int) -> None:
        """Drop parts up to a sequence."""
        ...


class Drainer:
    """Drains every journal of one folder into one store.

    Parameters
    ----------
    store : Store
    journals : callable
        Lists the journals that are there now, orphans included.
    clock : Clock
    holder : str
        Who takes the lease; unique to this process.
    group_rows, group_seconds
        A group is written at so many rows, or when its oldest part has waited so long.
    lease_seconds : float
        How long a silent holder keeps others out.
    """

    def __init__(
        self,
        store: Store,
        journals: Callable[[], Iterable[Source]],
        clock: Clock,
        holder: str,
        *,
        group_rows: int = 100_000,
        group_seconds: float = 10.0,
        lease_seconds: float = 60.0,
    ) -> None:
        self._store, self._journals, self._clock, self._holder = store, journals, clock, holder
        self._group_rows, self._group_seconds, self._lease_seconds = group_rows, group_seconds, lease_seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._busy = threading.Lock()
        self._tidy: set[str] = set()
        self._gathered: dict[str, list[Part]] = {}  # what waits, so that waiting does not read it again and again

    def drain(self, *, everything: bool = True) -> int:
        """Drain what is due, or all of it; returns how many parts. Does nothing while another holds the lease."""
        with self._busy:
            due = [one for one in self._journals() if everything or self._is_due(one)]
            if not due or not self._lease():
                return 0
            try:
                return sum(self._drain_one(one, everything=everything) for one in due)
            finally:
                self._store.release(LEASE, self._holder)

    def _is_due(self, journal: Source) -> bool:
        """Look at the oldest part and at the number of rows only: this is asked again and again."""
        after = self._store.drained(journal.identity)
        if journal.identity not in self._tidy:
            self._tidy.add(journal.identity)
            journal.forget(after)  # a crash between the store's mark and the forgetting leaves this to do
        oldest = next(iter(journal.parts(after, 1)), None)
        if oldest is None:
            return False
        waited = (self._clock.now() - oldest.received_at) / SECOND
        return waited >= self._group_seconds or journal.rows(after) >= self._group_rows

    def _lease(self) -> bool:
        return self._store.lease(LEASE, self._holder, now=self._clock.now(), seconds=self._lease_seconds)

    def _drain_one(self, journal: Source, *, everything: bool) -> int:
        total = 0
        after = self._store.drained(journal.identity)
        while group := self._group(journal, after):
            full = sum(one.batch.rows.num_rows for one in group) >= self._group_rows
            waited = (self._clock.now() - group[0].received_at) / SECOND
            if not (everything or full or waited >= self._group_seconds):
                break
            if total and not self._lease():
                break
            self._store.write_parts(group)
            after = group[-1].sequence
            del self._gathered[journal.identity]
            journal.forget(after)
            total += len(group)
            if not full:  # all that was there; what came meanwhile waits its turn
                break
        if not total and after:
            journal.forget(after)  # a crash between the store's mark and the forgetting leaves this to do
        return total

    def _group(self, journal: Source, after: int) -> list[Part]:
        group = self._gathered.setdefault(journal.identity, [])
        if group and group[0].sequence <= after:  # another drainer was quicker
            group.clear()
        rows = sum(one.batch.rows.num_rows for one in group)
        after = group[-1].sequence if group else after
        while rows < self._group_rows:
            page = list(journal.parts(after, 100))
            for one in page:
                group.append(one)
                rows += one.batch.rows.num_rows
                after = one.sequence
                if rows >= self._group_rows:
                    break
            if not page:
                break
        return group

    # -- the loop -----------------------------------------------------------------------------------------------
    def start(self, every_seconds: float = 1.0) -> None:
        """Drain what is due again and again in a thread of its own."""
        self._thread = threading.Thread(target=self._run, args=(every_seconds,), name="drainer", daemon=True)
        self._thread.start()

    def _run(self, every_seconds: float) -> None:
        pause = every_seconds
        while not self._stop.wait(pause):
            try:
                if self.drain(everything=False):
                    self._store.maintain()
                pause = every_seconds
            except Exception as error:  # the journal keeps everything meanwhile
                pause = min(pause * 2, 30.0)
                _LOG.warning("drain_failed", error=str(error), next_try_seconds=pause)

    def stop(self) -> None:
        """End the loop and drain the rest."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.drain()
