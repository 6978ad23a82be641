"""One journal file: its tables, how a batch becomes a row of it, and reading it back with damage put aside."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pyarrow as pa

from choirmaster.errors import JournalError
from choirmaster.records import Batch, EventKind, Part

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS batches (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, kind TEXT NOT NULL,
  ensemble TEXT NOT NULL, rows INTEGER NOT NULL, payload BLOB NOT NULL, checksum BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS damaged (
  sequence INTEGER PRIMARY KEY, received_at INTEGER, kind TEXT, ensemble TEXT, rows INTEGER, payload BLOB, reason TEXT);
"""
_ROW = "SELECT received_at, kind, ensemble, rows, payload, checksum FROM batches WHERE sequence = ?"
_WAITING = (
    "SELECT sequence, received_at, kind, ensemble, payload, checksum FROM batches "
    "WHERE sequence > ? AND ensemble IN (?, '*') ORDER BY sequence"
)
_PROBES = 100_000  # the last sequence may be damaged too
BUSY_SECONDS = 30.0


def encode(rows: pa.RecordBatch) -> bytes:
    """Write a record batch as one Arrow IPC stream, compressed with lz4."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_batch(rows)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def decode(payload: bytes) -> pa.RecordBatch:
    """Undo :func:`encode`."""
    with pa.ipc.open_stream(pa.py_buffer(payload)) as reader:
        return reader.read_next_batch()


def checksum(received_at: int, kind: str, ensemble: str, payload: bytes) -> bytes:
    """Return the 64-bit checksum over everything a row of the journal says."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(f"{received_at}|{kind}|{ensemble}|".encode())
    digest.update(payload)
    return digest.digest()


def connect(path: Path) -> sqlite3.Connection:
    """Open a journal file so that a commit returns only after its bytes are on the disk."""
    link = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        link.execute("PRAGMA journal_mode=WAL")
        link.execute("PRAGMA synchronous=FULL")
    except BaseException:
        link.close()
        raise
    return link


class JournalFile:
    """A journal file seen by the drainer: read, forget, never append. Any process may hold one beside the owner.

    Parameters
    ----------
    path : Path
        An existing file, or one to be made.

    Attributes
    ----------
    identity : str
        UUID of the file, for ever.
    damaged : Counter
        Batches put aside so far, by reason; they are kept in the table ``damaged`` and never served.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged: Counter[str] = Counter()
        self._reading = threading.RLock()
        self._reader = connect(path)
        self.identity = self._prepare()

    def _prepare(self) -> str:
        try:
            self._reader.executescript(_TABLES)
            self._reader.execute("INSERT OR IGNORE INTO meta VALUES ('identity', ?)", (uuid.uuid4().hex,))
            return str(self._reader.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()[0])
        except BaseException:
            self._reader.close()
            raise

    def parts(self, after: int, limit: int = 100) -> Iterator[Part]:
        """Yield parts with a sequence above ``after``, ascending; damaged ones are put aside and counted."""
        for sequence in self._sequences(after, limit):
            part = self._part(sequence)
            if part is not None:
                yield part

    def _sequences(self, after: int, limit: int) -> list[int]:
        query = "SELECT sequence FROM batches WHERE sequence > ? ORDER BY sequence LIMIT ?"
        try:
            with self._reading:
                return [row[0] for row in self._reader.execute(query, (after, limit))]
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise _error(self.path, error) from error
            return self._probe(after, limit)

    def _probe(self, after: int, limit: int) -> list[int]:
        """List sequences one by one where a damaged page makes the list itself unreadable."""
        found: list[int] = []
        for sequence in range(after + 1, min(self._last_sequence(), after + _PROBES) + 1):
            with self._reading, suppress(sqlite3.DatabaseError):
                found += [
                    row[0]
                    for row in self._reader.execute("SELECT sequence FROM batches WHERE sequence = ?", (sequence,))
                ]
            if len(found) >= limit:
                break
        return found

    def _last_sequence(self) -> int:
        with self._reading, suppress(sqlite3.DatabaseError):
            row = self._reader.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batches'").fetchone()
            return int(row[0]) if row else 0
        return 0

    def _part(self, sequence: int) -> Part | None:
        try:
            with self._reading:
                row = self._reader.execute(_ROW, (sequence,)).fetchone()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise _error(self.path, error) from error
            self.damaged["unreadable"] += 1
            return None
        if row is None:
            return None
        try:
            received_at, kind, ensemble, rows, payload, check = row
            if checksum(received_at, kind, ensemble, payload) != check:
                raise ValueError("checksum")
            batch = Batch(EventKind(kind), ensemble, decode(payload))
            if batch.rows.num_rows != rows:
                raise ValueError("row count")
        except Exception as error:  # any damage of this row: put it aside, go on with the next
            self._put_aside(sequence, "checksum" if str(error) == "checksum" else "undecodable")
            return None
        return Part(self.identity, sequence, received_at, batch)

    def _put_aside(self, sequence: int, reason: str) -> None:
        self.damaged[reason] += 1
        with self._reading, suppress(sqlite3.DatabaseError):
            self._reader.execute("BEGIN IMMEDIATE")
            try:
                self._reader.execute(
                    "INSERT OR REPLACE INTO damaged SELECT sequence, received_at, kind, ensemble, rows, payload, ? "
                    "FROM batches WHERE sequence = ?", (reason, sequence))  # fmt: skip
                self._reader.execute("DELETE FROM batches WHERE sequence = ?", (sequence,))
                self._reader.execute("COMMIT")
            except BaseException:
                self._reader.execute("ROLLBACK")
                raise

    def quarantined(self) -> int:
        """Return how many damaged batches this file keeps aside."""
        with self._reading:
            return int(self._reader.execute("SELECT count(*) FROM damaged").fetchone()[0])

    def forget(self, through: int) -> None:
        """Drop parts up to a sequence, once the store holds them."""
        try:
            with self._reading:
                self._reader.execute("DELETE FROM batches WHERE sequence <= ?", (through,))
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise _error(self.path, error) from error

    def rows(self, after: int) -> int:
        """Return how many rows the parts above a sequence hold; 0 where damage hides them."""
        query = "SELECT coalesce(sum(rows), 0) FROM batches WHERE sequence > ?"
        with self._reading, suppress(sqlite3.DatabaseError):
            return int(self._reader.execute(query, (after,)).fetchone()[0])
        return 0

    def size(self) -> int:
        """Return the bytes of payload not forgotten yet."""
        with self._reading:
            return int(self._reader.execute("SELECT coalesce(sum(length(payload)), 0) FROM batches").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self._reading:
            self._reader.close()


def waiting_parts(path: Path, ensemble: str, drained: Callable[[str], int]) -> Iterator[Part]:
    """Yield what a journal file holds for an ensemble and the store does not, without writing to the file.

    Labels for every ensemble are among them; what is damaged is left to the drainer.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as link:
        (identity,) = link.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()
        for sequence, received_at, kind, name, payload, check in link.execute(_WAITING, (drained(identity), ensemble)):
            if checksum(received_at, kind, name, payload) == check:
                yield Part(identity, sequence, received_at, Batch(EventKind(kind), name, decode(payload)))


def journal_files(folder: Path) -> list[Path]:
    """Return the journal files of a folder, orphans included, in name order."""
    return sorted(folder.glob("*.sqlite"))


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Tell whether an error says that bytes of the file are damaged."""
    text = str(error)
    return "malformed" in text or "not a database" in text or "corrupt" in text


def _error(path: Path, error: Exception) -> JournalError:
    return JournalError("cannot read the journal", where=str(path), got=str(error))


class JournalFolder:
    """All journal files of a folder, each opened once, for the drainer; orphans are among them.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    unreadable : dict
        Files that cannot be opened, with the cause; they stay where they are and never stop the rest.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[tuple[str, int], JournalFile] = {}
        self.unreadable: dict[str, str] = {}

    def __call__(self) -> list[JournalFile]:
        """Return the journals that are there now."""
        found: dict[tuple[str, int], JournalFile] = {}
        for path in journal_files(self._folder):
            try:
                key = (path.name, path.stat().st_ino)
                found[key] = self._open.pop(key) if key in self._open else JournalFile(path)
                self.unreadable.pop(path.name, None)
            except (sqlite3.Error, OSError) as error:
                self.unreadable[path.name] = str(error)
        self.close()
        self._open = found
        return list(found.values())

    def waiting(self) -> int:
        """Return the rows in all files that are not forgotten yet; safe beside a drain in another thread."""
        total = 0
        for path in journal_files(self._folder):
            with suppress(sqlite3.Error, OSError), closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as link:
                total += int(link.execute("SELECT coalesce(sum(rows), 0) FROM batches").fetchone()[0])
        return total

    def close(self) -> None:
        """Close all files."""
        for one in self._open.values():
            one.close()
        self._open = {}
