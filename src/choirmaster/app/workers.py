"""``choirmaster serve --workers N``: several server processes on one port, started and watched by one that serves none.

The parent holds the port and loads no model. Each worker accepts on the same socket, so a worker that ends takes no
waiting connection with it, has a journal file of its own, and is started again. The first one measures.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import structlog

from choirmaster.app.files import read_config
from choirmaster.app.server import BACKLOG, access_settings, serve
from choirmaster.app.worker import Order
from choirmaster.errors import ChoirmasterError, ConfigError
from choirmaster.http.server import bind

_LOG = structlog.get_logger(__name__)
MOST = 64
START_SECONDS = 300.0
END_SECONDS = 15.0  # for the requests in flight and the flush of a worker; it aims at 10
LOOK_SECONDS = 0.1
_PAUSES = (0.0, 1.0, 5.0, 30.0)  # before a worker is started again that ended so many times soon after its start
SOON_SECONDS = 60.0


@dataclass(slots=True)
class _Worker:
    order: Order
    process: subprocess.Popen[bytes] | None = None
    ready: int = -1
    started: float = 0.0
    failures: int = 0
    again_at: float = field(default=0.0)


def serve_several(
    path: Path, *, workers: int, overrides: Mapping[str, Any], monitor: bool, wait: bool, tell: Callable[[str], None]
) -> None:
    """Serve with several processes until SIGTERM or SIGINT.

    Raises
    ------
    ConfigError
        The number is out of range, or the port cannot be had.
    ChoirmasterError
        A worker ended before it was ready; what it said stands above.
    """
    if not 1 <= workers <= MOST:
        raise ConfigError("workers out of range", where="--workers", expected=f"1 to {MOST}", got=str(workers))
    if workers == 1:
        serve(path, overrides=overrides, monitor=monitor, wait=wait, tell=tell)
        return
    settings = access_settings(read_config(path, overrides).access)
    settings.check()
    folder = Path(tempfile.mkdtemp(prefix="choirmaster-workers-"))
    with bind(settings) as listener:
        listener.listen(BACKLOG)
        orders = [
            Order(path=str(path), overrides=dict(overrides), monitor=monitor and not number, wait=wait, number=number,
                  listener=listener.fileno(), pages=str(folder))
            for number in range(workers)
        ]  # fmt: skip
        crew = [_Worker(one) for one in orders]
        try:
            with _signals() as asked:
                for one in crew:
                    _start(one)
                if _all_ready(crew, asked):
                    scheme = "https" if settings.tls else "http"
                    address = f"{scheme}://{settings.host}:{listener.getsockname()[1]}"
                    tell(f"choirmaster listens on {address} (dashboard, API and /v2), {workers} workers")
                    _watch(crew, asked)
        finally:
            _end(crew)
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Note SIGTERM and SIGINT in a list, in place of ending here."""
    asked: list[int] = []
    own = {sign: signal.signal(sign, lambda sign, _: asked.append(sign)) for sign in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for sign, before in own.items():
            signal.signal(sign, before)


def _start(one: _Worker) -> None:
    reading, writing = os.pipe()
    order = msgspec.structs.replace(one.order, ready=writing)
    command = [sys.executable, "-m", "choirmaster.app.worker", msgspec.json.encode(order).decode()]
    try:
        one.process = subprocess.Popen(command, pass_fds=(order.listener, writing), stdin=subprocess.DEVNULL)
    finally:
        os.close(writing)
    one.ready, one.started = reading, time.monotonic()


def _all_ready(crew: list[_Worker], asked: list[int]) -> bool:
    """Wait until each worker accepts; False where the end was asked for meanwhile."""
    until = time.monotonic() + START_SECONDS
    for one in crew:
        while not _is_ready(one):
            if asked:
                return False
            if time.monotonic() > until or (one.process is not None and one.process.poll() is not None):
                raise ChoirmasterError("a worker does not start", where=f"worker {one.order.number}",
                                       fix="what it said stands above")  # fmt: skip
    return True


def _is_ready(one: _Worker) -> bool:
    readable, _, _ = select.select([one.ready], [], [], LOOK_SECONDS)
    return bool(readable) and os.read(one.ready, 1) != b""


def _watch(crew: list[_Worker], asked: list[int]) -> None:
    """Start again whatever ends, until the end is asked for."""
    while not asked:
        now = time.monotonic()
        for one in crew:
            if one.process is not None and one.process.poll() is not None:
                one.failures = one.failures + 1 if now - one.started < SOON_SECONDS else 1
                one.again_at = now + _PAUSES[min(one.failures, len(_PAUSES)) - 1]
                _LOG.warning("worker_ended", worker=one.order.number, code=one.process.returncode)
                _forget(one)
            if one.process is None and now >= one.again_at:
                _start(one)
        time.sleep(LOOK_SECONDS)


def _forget(one: _Worker) -> None:
    os.close(one.ready)
    one.process, one.ready = None, -1


def _end(crew: list[_Worker]) -> None:
    """Ask every worker to end, and kill those that do not."""
    running = [(one, one.process) for one in crew if one.process is not None]
    for _, process in running:
        process.terminate()
    until = time.monotonic() + END_SECONDS
    for one, process in running:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            _LOG.warning("worker_killed", worker=one.order.number)
            process.kill()
            process.wait()
        _forget(one)
