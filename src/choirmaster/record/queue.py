"""Two ways to record an answer: without waiting for the disk, or waiting for it (D9)."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence

import pyarrow as pa
import structlog

from choirmaster.errors import Unavailable
from choirmaster.ports import Journal
from choirmaster.records import Batch

_LOG = structlog.get_logger(__name__)
GATHER_SECONDS = 0.01  # well under the 50 ms that a kill may lose


class DurableRecorder:
    """Records and returns when the rows are on the disk.

    Parameters
    ----------
    journal : Journal
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __call__(self, batch: Batch) -> str:
        """Append; raises what the journal raises."""
        self._journal.append(batch)
        return "durable"

    def close(self) -> None:
        """Nothing waits here."""


class AsyncRecorder:
    """Records without delaying an answer: a bounded queue, drops counted by reason.

    A kill loses what came in the last moments: at most the gathering time and one commit, together under 50 ms on a
    disk that syncs in time.

    Parameters
    ----------
    journal : Journal
    max_rows : int
        Rows that may wait; beyond it new ones are dropped (``queue_full``).

    Attributes
    ----------
    dropped : Counter
        Rows dropped so far, by reason: ``queue_full``, ``journal_full``, ``journal_error``, ``closed``.
    """

    def __init__(self, journal: Journal, *, max_rows: int = 100_000) -> None:
        self._journal, self._max_rows = journal, max_rows
        self.dropped: Counter[str] = Counter()
        self._queue: deque[Batch] = deque()
        self._rows = 0
        self._closed = False
        self._ready = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def __call__(self, batch: Batch) -> str:
        """Queue the batch; returns ``queued`` or ``dropped`` at once."""
        rows = batch.rows.num_rows
        with self._ready:
            if self._closed or self._rows + rows > self._max_rows:
                self.dropped["closed" if self._closed else "queue_full"] += rows
                return "dropped"
            self._queue.append(batch)
            self._rows += rows
            self._ready.notify()
        return "queued"

    def _run(self) -> None:
        while True:
            with self._ready:
                while not self._queue and not self._closed:
                    self._ready.wait()
                if not self._queue:
                    return
                if not self._closed:
                    self._ready.wait(GATHER_SECONDS)
                taken = list(self._queue)
                self._queue.clear()
            for batch in joined(taken):
                self._append(batch)
            with self._ready:
                self._rows -= sum(one.rows.num_rows for one in taken)
                self._ready.notify_all()

    def _append(self, batch: Batch) -> None:
        reason = "journal_error"
        for _ in range(2):  # the second try goes to the journal's next file
            try:
                self._journal.append(batch)
                return
            except Unavailable:
                reason = "journal_full"
                break
            except Exception as error:
                _LOG.warning("record_failed", ensemble=batch.ensemble, rows=batch.rows.num_rows, error=str(error))
        with self._ready:
            self.dropped[reason] += batch.rows.num_rows

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until nothing waits; returns whether that came in time."""
        with self._ready:
            return self._ready.wait_for(lambda: self._rows == 0, seconds)

    def close(self) -> None:
        """Write what waits, then stop."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
        self._thread.join()


def joined(batches: Sequence[Batch]) -> list[Batch]:
    """Join batches of the same kind, ensemble and columns, in the order of their first row."""
    groups: dict[tuple[str, str, pa.Schema], list[pa.RecordBatch]] = {}
    for one in batches:
        groups.setdefault((one.kind, one.ensemble, one.rows.schema), []).append(one.rows)
    out = []
    for (kind, ensemble, schema), rows in groups.items():
        if len(rows) == 1:
            whole = rows[0]
        else:
            table = pa.Table.from_batches(rows, schema).unify_dictionaries().combine_chunks()
            whole = table.to_batches()[0] if table.num_rows else rows[0]
        out.append(Batch(type(batches[0].kind)(kind), ensemble, whole))
    return out
