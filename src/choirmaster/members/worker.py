"""The child process of one member: ``python -m choirmaster.members.worker FD``. It loads the member and answers."""

from __future__ import annotations

import ctypes
import signal
import socket
import sys
from contextlib import suppress

import msgspec

from choirmaster.errors import MemberError
from choirmaster.members.frames import Broken, Frame, pack_answer, receive, send, unpack_rows
from choirmaster.members.loading import Source, load

MOST_TEXT = 2_000
_PARENT_DEATH = 1  # PR_SET_PDEATHSIG


class Order(msgspec.Struct, frozen=True):
    """What a child process is told first: its member, and how much memory it may take (0: no limit)."""

    source: Source
    memory_bytes: int = 0


class Loaded(msgspec.Struct, frozen=True):
    """What a child process loaded."""

    version: str
    classes: tuple[str, ...] | None
    features: tuple[str, ...]


def main(handle: int) -> None:
    """Load what the first frame names, then answer until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(signal.SIGKILL)
    link = socket.socket(fileno=handle)
    with suppress(Broken):
        try:
            _, body = receive(link)
            order = msgspec.json.decode(bytes(body), type=Order)
            member = load(order.source, cautious=False)  # this process is the caution
            _bound_memory(order.memory_bytes)
        except Exception as error:
            send(link, Frame.ERROR, _text(error))
            return
        send(link, Frame.READY, msgspec.json.encode(Loaded(member.version, member.classes, member.features)))
        while True:
            _, body = receive(link)
            try:
                answer = pack_answer(member.predict(unpack_rows(body)))
            except Exception as error:
                send(link, Frame.ERROR, _text(error))
            else:
                send(link, Frame.ANSWER, answer)


def _text(error: Exception) -> bytes:
    said = str(error) if isinstance(error, MemberError) else f"{type(error).__name__}: {error}"
    return said[:MOST_TEXT].encode("utf-8", "replace")


def end_with_parent(sign: signal.Signals) -> None:
    """Have the system send this signal when the thread that started this process ends, however that comes about."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH, int(sign))


def _bound_memory(most: int) -> None:
    if not most:
        return
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


if __name__ == "__main__":
    main(int(sys.argv[1]))
