"""A member in child processes of its own: what it does to its process, it does to no other member."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from choirmaster.errors import ConfigError, MemberError
from choirmaster.members.columns import column
from choirmaster.members.frames import Broken, Frame, pack_rows, receive, send, unpack_answer
from choirmaster.members.loading import Source
from choirmaster.members.worker import Loaded, Order

START_SECONDS = 60.0
HANG_SECONDS = 2.0  # past its deadline a call may take this much longer before its process is killed
DEFAULT_SECONDS = 60.0
LOOK_SECONDS = 0.25  # between two looks whether an idle process still runs
WAITING = 256
_PAUSES = (0.0, 0.1, 0.5, 2.0, 5.0)  # before a process is started again that ended so many times without an answer
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Ended(MemberError):
    """The process ended, or hung, in place of saying what is wrong."""


@dataclass(slots=True)
class _Job:
    features: pa.Table
    until: float
    done: Future[np.ndarray] = field(default_factory=Future)


class IsolatedMember:
    """A local member that answers from child processes.

    Each process is given one call at a time over a socket pair, as an Arrow stream, and answers float64 numbers. One
    that ends is started again at once; one that still works two seconds after its call's deadline is killed first. A
    call whose process ends is a failed call of this member, and of no other.

    Parameters
    ----------
    source : Source
        Where the member comes from; it is loaded in the processes, and never here.
    processes : int
        How many, so how many calls run at the same time.
    memory_bytes : int
        The most memory of each process's data; 0 sets no limit.

    Attributes
    ----------
    restarts : int
        How often a process was started again.
    """

    def __init__(self, source: Source, *, processes: int = 1, memory_bytes: int = 0) -> None:
        if not hasattr(socket, "AF_UNIX"):
            raise ConfigError("child processes are not served on this system", where=f'member "{source.name}"',
                              fix="leave processes out")  # fmt: skip
        self.name, self.restarts = source.name, 0
        self._order = Order(source, memory_bytes)
        self._jobs: queue.Queue[_Job | None] = queue.Queue(WAITING)
        self._closing = threading.Event()
        self._children: list[_Child | None] = [None] * processes
        loaded: Future[Loaded] = Future()
        self._threads = [
            threading.Thread(target=self._serve, args=(slot, loaded), name=f"process-{self.name}-{slot}", daemon=True)
            for slot in range(processes)
        ]
        self._threads[0].start()
        told = loaded.result()  # what cannot be loaded is an error here and now, not at the first answer
        self.version, self.classes, self.features = told.version, told.classes, told.features
        for thread in self._threads[1:]:
            thread.start()

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that run now."""
        return tuple(one.pid for one in list(self._children) if one is not None and one.alive)

    def predict(self, features: pa.Table) -> np.ndarray:
        """Answer for each row: (n, n_classes) probabilities, or (n,) numbers."""
        return self.predict_within(features, DEFAULT_SECONDS)

    def predict_within(self, features: pa.Table, seconds: float) -> np.ndarray:
        """Answer for each row, or give up after so many seconds."""
        for name in self.features:
            column(features, name, self.name)
        job = _Job(features.select(list(self.features)), time.monotonic() + seconds)
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise self._failed(f"{WAITING} calls are waiting already") from None
        try:
            return job.done.result(seconds)
        except TimeoutError:
            job.done.cancel()
            raise self._failed(f"no answer within {seconds:.3g} s") from None

    def close(self) -> None:
        """End the processes."""
        self._closing.set()
        for _ in self._threads:
            with contextlib.suppress(queue.Full):
                self._jobs.put_nowait(None)
        for child in list(self._children):
            if child is not None:
                child.stop()
        for thread in self._threads:
            thread.join(1.0)

    # -- one thread a process -----------------------------------------------------------------------------------
    def _serve(self, slot: int, loaded: Future[Loaded]) -> None:
        # The system ends a child with the thread that started it, so each child has a thread that outlives it.
        failures = 0
        while not self._closing.is_set():
            child = self._children[slot]
            if child is None or not child.alive:
                try:
                    child = self._started(slot, failures)
                except MemberError as error:
                    if not loaded.done():
                        loaded.set_exception(error)
                        return
                    failures += 1
                    continue
                if child is None:
                    break
                if not loaded.done():
                    loaded.set_result(child.told)
            try:
                job = self._jobs.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue  # to see whether the process still runs
            if job is not None and job.done.set_running_or_notify_cancel():
                failures = 0 if self._one(child, job) else failures + 1
        last = self._children[slot]
        if last is not None:
            last.kill()

    def _started(self, slot: int, failures: int) -> _Child | None:
        """Start the process of a slot, after a pause that grows with its failures; None when all is to end."""
        if self._closing.wait(_PAUSES[min(failures, len(_PAUSES) - 1)]):
            return None
        old = self._children[slot]
        if old is not None:
            old.kill()
        self._children[slot] = child = _Child(self._order)
        self.restarts += old is not None
        return child

    def _one(self, child: _Child, job: _Job) -> bool:
        """Have one call answered; returns whether the process did so, in time or not."""
        try:
            rows, width = job.features.num_rows, None if self.classes is None else len(self.classes)
            kind, body = child.ask(pack_rows(job.features), job.until + HANG_SECONDS)
            if kind is Frame.ERROR:
                raise self._failed(body.decode("utf-8", "replace"))
            answer = unpack_answer(body, rows, width, self.name)
        except MemberError as error:
            job.done.set_exception(error)
            return True
        except (Broken, TimeoutError, pa.ArrowException) as error:
            child.kill()
            why = "it hung and was killed" if isinstance(error, TimeoutError) else f"its process ended: {child.end()}"
            job.done.set_exception(self._failed(why))
            return False
        job.done.set_result(answer)
        return True

    def _failed(self, got: str) -> MemberError:
        return MemberError("a member failed", where=f'member "{self.name}"', got=got)


class _Child:
    """One process, its socket, and what it said it had loaded."""

    def __init__(self, order: Order) -> None:
        self._link, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "choirmaster.members.worker", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=_environment(),
            )  # fmt: skip
        self.pid = self._process.pid
        where = f'member "{order.source.name}"'
        try:
            until = time.monotonic() + START_SECONDS
            send(self._link, Frame.SOURCE, msgspec.json.encode(order), until)
            kind, body = receive(self._link, until)
            if kind is not Frame.READY:
                why = bytes(body).decode("utf-8", "replace")
                raise MemberError("a member's process cannot load it", where=where, got=why)
            self.told = msgspec.json.decode(bytes(body), type=Loaded)
        except (Broken, TimeoutError, msgspec.MsgspecError) as error:
            self.kill()
            raise Ended("a member's process does not start", where=where, got=f"{self.end()}; {error}") from None
        except MemberError:
            self.kill()
            raise

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, rows: pa.Buffer, until: float) -> tuple[Frame, bytearray]:
        """Send rows and return what comes back."""
        send(self._link, Frame.ROWS, rows, until)
        return receive(self._link, until)

    def stop(self) -> None:
        """Order its end; whoever speaks with it now sees it end."""
        self._process.kill()

    def kill(self) -> None:
        """End it, and wait until it has."""
        self._process.kill()
        self._process.wait()
        self._link.close()

    def end(self) -> str:
        """Say how it ended."""
        code = self._process.poll()
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def try_apart(source: Source) -> None:
    """Read a model file in a process of its own once, and have it answer two rows; what it says is thrown away.

    Raises
    ------
    Ended
        The file ends the process that reads it, or keeps it busy for a minute. Any other error is left to the reading
        in this process, which says it better.
    """
    if not hasattr(socket, "AF_UNIX"):
        return
    try:
        child = _Child(Order(source))
    except Ended as error:
        raise _ending(source, error.got) from None
    except MemberError:
        return
    try:
        rows = pa.table({name: [0.0, float("nan")] for name in child.told.features})
        child.ask(pack_rows(rows), time.monotonic() + START_SECONDS)
    except (Broken, TimeoutError):
        child.kill()
        raise _ending(source, child.end()) from None
    finally:
        child.kill()


def _ending(source: Source, got: str) -> Ended:
    return Ended("a model file ends the process that reads it", where=source.file, got=got,
                 fix="restore the file; it is damaged, or made to do that")  # fmt: skip


def _environment() -> dict[str, str]:
    """Return the variables of a child: the same modules can be imported, and native libraries use one thread."""
    paths = [str(Path.cwd()) if one == "" else one for one in sys.path]
    return {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": os.pathsep.join(paths)}
