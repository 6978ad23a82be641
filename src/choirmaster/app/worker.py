"""One of several server processes: ``python -m choirmaster.app.worker ORDER``."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec

from choirmaster.errors import ChoirmasterError


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told.

    Attributes
    ----------
    path : str
        The configuration.
    overrides : dict
        Values of the command line by dotted path.
    monitor, wait : bool
        As ``choirmaster serve`` takes them; only one worker measures.
    number : int
        Which worker it is, from 0.
    listener : int
        The socket that listens.
    ready : int
        Where a byte is written once it accepts.
    pages : str
        The folder where each worker leaves its metrics.
    """

    path: str
    overrides: dict[str, Any]
    monitor: bool
    wait: bool
    number: int
    listener: int
    ready: int = -1
    pages: str


def main(text: str) -> int:
    """Serve as told; returns the exit code."""
    from choirmaster.app.server import Shared, serve
    from choirmaster.members.worker import end_with_parent

    end_with_parent(signal.SIGTERM)
    order = msgspec.json.decode(text, type=Order)
    shared = Shared(
        socket.socket(fileno=order.listener), order.number, Path(order.pages), lambda: _ready(order.ready)
    )  # fmt: skip
    try:
        serve(Path(order.path), overrides=order.overrides, monitor=order.monitor, wait=order.wait, tell=_tell,
              shared=shared)  # fmt: skip
    except ChoirmasterError as error:
        print(f"worker {order.number}: {error}", file=sys.stderr, flush=True)
        return 2
    return 0


def _ready(handle: int) -> None:
    os.write(handle, b"1")
    os.close(handle)


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
