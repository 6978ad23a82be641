"""The journal of one worker: a batch is acknowledged after the commit that holds it has reached the disk.

A writer thread collects the appends that wait and commits them together (group commit). After an error of the disk
the file is closed and never synced again, because a second sync may falsely succeed; appends go on in a new file and
the drainer reads the old one like every other.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from choirmaster.errors import JournalError, Unavailable
from choirmaster.records import Batch, Part, Receipt
from choirmaster.stores.journal_file import JournalFile, checksum, connect, encode, is_damage
from choirmaster.stores.sql.locks import FileLock

_INSERT = "INSERT INTO batches (received_at, kind, ensemble, rows, payload, checksum) VALUES (?, ?, ?, ?, ?, ?)"
_GROUP = 512  # appends in one commit at most
MAX_BYTES = 8 << 30


class SlotTaken(JournalError):
    """Another process holds this worker slot."""


@dataclass(slots=True)
class _Waiting:
    row: tuple[object, ...]
    rows: int
    size: int
    done: Future[str] = field(default_factory=Future)


class Journal:
    """The local, durable queue in front of every store.

    Parameters
    ----------
    folder : Path
        Holds the journal files; on a local file system.
    slot : str
        Worker slot; the file is ``<slot>.sqlite``, locked as long as this object is open.
    now : callable
        Returns the instant of receipt in microseconds UTC.
    max_bytes : int
        Payload bytes kept before appends are refused with ``Unavailable``.
    opener : callable
        Opens the connection that writes; tests put faults there.

    Attributes
    ----------
    identity : str
        UUID of the file in use.
    moved_aside : int
        Files whose head was unreadable at the start; renamed to ``*.damaged`` and kept.
    """

    def __init__(
        self,
        folder: Path,
        slot: str,
        *,
        now: Callable[[], int],
        max_bytes: int = MAX_BYTES,
        opener: Callable[[Path], sqlite3.Connection] = connect,
    ) -> None:
        self._folder, self._slot, self._now, self._max_bytes, self._opener = folder, slot, now, max_bytes, opener
        self.moved_aside = 0
        self._closed = False
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._room = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._open(f"{slot}.sqlite")
        self._thread = threading.Thread(target=self._write, name=f"journal-{slot}", daemon=True)
        self._thread.start()

    def _open(self, name: str) -> None:
        path = self._folder / name
        lock = FileLock(path.with_suffix(".lock"))
        if not lock.try_acquire():
            raise SlotTaken(
                "the journal belongs to another process", where=str(path), fix="give each worker its own slot"
            )
        try:
            self._file = self._open_file(path)
            self._writer: sqlite3.Connection | None = self._opener(path)
            self._size = self._file.size()
        except BaseException:
            lock.release()
            raise
        self._lock = lock
        self.identity = self._file.identity

    def _open_file(self, path: Path) -> JournalFile:
        try:
            return JournalFile(path)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise JournalError("cannot open the journal", where=str(path), got=str(error)) from error
            self._move_aside(path)
            return JournalFile(path)

    def _move_aside(self, path: Path) -> None:
        number = 1
        while (target := path.with_name(f"{path.stem}.{number}.damaged")).exists():
            number += 1
        path.rename(target)
        for tail in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + tail).rename(target.with_name(target.name + tail))
        self.moved_aside += 1

    # -- writing ------------------------------------------------------------------------------------------------
    def append(self, batch: Batch) -> Receipt:
        """Make a batch durable and return; thread-safe; concurrent appends share one commit.

        Raises
        ------
        Unavailable
            The journal is full; it empties as the store drains it.
        JournalError
            The disk did not take the batch. It may have been written none the less; sending it again is safe.
        """
        payload = encode(batch.rows)
        received_at = self._now()
        check = checksum(received_at, str(batch.kind), batch.ensemble, payload)
        row = (received_at, str(batch.kind), batch.ensemble, batch.rows.num_rows, payload, check)
        waiting = _Waiting(row, batch.rows.num_rows, len(payload))
        with self._room:
            if self._closed:
                raise JournalError("the journal is closed", where=self._slot)
            self._reserve(waiting.size)
            self._waiting.put(waiting)
        return Receipt(waiting.done.result(), waiting.rows)

    def _reserve(self, size: int) -> None:
        if self._size + size > self._max_bytes:
            self._size = self._file.size()
        if self._size + size > self._max_bytes:
            raise Unavailable(
                "the journal is full",
                where=self._slot,
                expected=f"at most {self._max_bytes} bytes waiting",
                got=f"{self._size} bytes",
                fix="see that the store drains, then send again",
            )
        self._size += size

    def _write(self) -> None:
        while (first := self._waiting.get()) is not None:
            group, last = [first], False
            while len(group) < _GROUP:
                try:
                    following = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    last = True
                    break
                group.append(following)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[_Waiting]) -> None:
        try:
            sequences = self._insert(group)
        except Exception as error:  # whatever it is, nobody may be told that the batch is safe
            cause = JournalError("the disk did not take the batch", where=str(self._file.path), got=str(error))
            cause.__cause__ = error
            self._after_error(error)
            for one in group:
                one.done.set_exception(cause)
            return
        for one, sequence in zip(group, sequences, strict=True):
            one.done.set_result(f"{self.identity}:{sequence}")

    def _insert(self, group: list[_Waiting]) -> list[int]:
        if self._writer is None:
            self._rotate()
        link = self._writer
        assert link is not None
        link.execute("BEGIN IMMEDIATE")
        sequences = [int(link.execute(_INSERT, one.row).lastrowid or 0) for one in group]
        link.execute("COMMIT")
        return sequences

    def _after_error(self, error: Exception) -> None:
        """Full disk: undo and stay. Anything else: leave this file for the drainer and go on in a new one."""
        link = self._writer
        if link is None:
            return
        if "full" in str(error) or "locked" in str(error):
            with contextlib.suppress(sqlite3.Error):
                if link.in_transaction:
                    link.execute("ROLLBACK")
                return
        self._writer = None
        with contextlib.suppress(sqlite3.Error):
            link.close()

    def _rotate(self) -> None:
        """Go on in a new file after an error; the old one is an orphan from now on."""
        number = 1
        while (self._folder / f"{self._slot}-{number}.sqlite").exists():
            number += 1
        old_file, old_lock = self._file, self._lock
        self._open(f"{self._slot}-{number}.sqlite")
        with contextlib.suppress(sqlite3.Error):
            old_file.close()
        old_lock.release()

    # -- reading ------------------------------------------------------------------------------------------------
    def parts(self, after: int, limit: int = 100) -> Iterator[Part]:
        """Yield parts of the file in use with a sequence above ``after``, ascending."""
        return self._file.parts(after, limit)

    def forget(self, through: int) -> None:
        """Drop parts up to a sequence, once the store holds them."""
        self._file.forget(through)

    @property
    def damaged(self) -> int:
        """Batches of the file in use that were put aside because their bytes are damaged."""
        return self._file.quarantined()

    def close(self) -> None:
        """Finish what waits, then close the file and release its lock."""
        with self._room:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        if self._writer is not None:
            self._writer.close()
        self._file.close()
        self._lock.release()


def open_free(folder: Path, *, now: Callable[[], int], max_bytes: int = MAX_BYTES) -> Journal:
    """Open the first worker slot that nobody holds, so that a server that starts again takes its file up again."""
    slot = 0
    while True:
        try:
            return Journal(folder, str(slot), now=now, max_bytes=max_bytes)
        except SlotTaken:
            slot += 1
