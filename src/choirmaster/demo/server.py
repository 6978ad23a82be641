"""The real server as a process of its own, started the way a user starts it."""

from __future__ import annotations

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from choirmaster.errors import Unavailable

START_SECONDS, END_SECONDS = 60.0, 30.0
_ADDRESS = re.compile(r"listens on (https?://\S+)")
_LAST_LINES = 8


def free_port(wanted: int) -> int:
    """Return the wanted port, or 0 (any that is free) where another program has it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted


class ServerProcess:
    """``choirmaster serve CONFIG --wait``; its output goes to a file.

    Parameters
    ----------
    config : Path
    log : Path
        Where its lines are kept.
    command : sequence of str
        What starts choirmaster.
    """

    def __init__(self, config: Path, log: Path, command: Sequence[str] = (sys.executable, "-m", "choirmaster")) -> None:
        self._config, self._log, self._command = config, log, command
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._addresses: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.address = ""

    @property
    def pid(self) -> int:
        """The process, or 0."""
        return self._process.pid if self._process else 0

    def __enter__(self) -> Self:
        """Start it and wait for its address."""
        with self._log.open("a", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                [*self._command, "serve", "--config", str(self._config), "--wait", "--no-monitor"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.address = self._wait_for_address()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def running(self) -> bool:
        """Return whether it still runs."""
        return self._process is not None and self._process.poll() is None

    def check(self) -> None:
        """Raise if it has ended by itself."""
        if not self.running():
            raise self._ended()

    def wait(self) -> int:
        """Wait until it ends; returns its exit code."""
        return self._process.wait() if self._process else 0

    def stop(self) -> int | None:
        """End it with SIGTERM, and hard if it does not listen; returns its exit code."""
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._reader is not None:
            self._reader.join(5.0)
        return process.returncode

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None  # started with a pipe
        with self._log.open("a", encoding="utf-8") as log, self._process.stdout as lines:
            for line in lines:
                log.write(line)
                log.flush()
                found = _ADDRESS.search(line)
                if found:
                    self._addresses.put(found[1])

    def _wait_for_address(self) -> str:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                return self._addresses.get(timeout=0.2)
            except queue.Empty:
                self.check()
        raise Unavailable("the server does not start", expected=f"its address within {START_SECONDS:g} s",
                          got=self.last_lines(), where=str(self._log))  # fmt: skip

    def _ended(self) -> Unavailable:
        code = self._process.returncode if self._process else None
        return Unavailable("the server has ended", where=str(self._log), got=f"exit code {code}: {self.last_lines()}")

    def last_lines(self) -> str:
        """Return the end of what it wrote."""
        if self._reader is not None and not self.running():
            self._reader.join(2.0)
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return " / ".join(lines[-_LAST_LINES:])[-1000:] or "no line"


class MonitorProcess:
    """``choirmaster monitor --follow``: measures what the server stores, on a processor of its own.

    Parameters
    ----------
    config : Path
    log : Path
        Where its lines are kept.
    command : sequence of str
        What starts choirmaster.
    """

    def __init__(self, config: Path, log: Path, command: Sequence[str]) -> None:
        self._config, self._log, self._command = config, log, command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self._log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [*self._command, "monitor", "--follow", "--config", str(self._config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip

    def check(self) -> None:
        """Raise if it has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            said = " / ".join(lines[-_LAST_LINES:])[-1000:]
            raise Unavailable("the monitor has ended", where=str(self._log),
                              got=f"exit code {self._process.returncode}: {said}")  # fmt: skip

    def close(self) -> None:
        """End it in order, and hard if it does not listen."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
