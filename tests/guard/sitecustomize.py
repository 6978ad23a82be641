"""No test, and no program a test starts, may reach anything but this machine.

Python imports this file by its name in every process whose PYTHONPATH holds its folder. The hook sees each connect,
send and name look-up before it happens, refuses what is not loopback, and writes one line to the log named in
CHOIRMASTER_TEST_EGRESS_LOG, which the suite reads after each test.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Any

LOG = "CHOIRMASTER_TEST_EGRESS_LOG"


class EgressBlocked(OSError):
    """A connection to another machine was tried."""


def is_local(host: Any) -> bool:
    """Tell whether a host, as given to socket functions, is this machine."""
    if host is None:
        return True
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    if text in {"", "localhost", "0.0.0.0", "::"}:
        return True
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return text.endswith(".localhost")


def target(event: str, args: tuple[Any, ...]) -> Any:
    """Return the host that an audit event is about, or None where it is none of our business."""
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        address = args[1] if len(args) > 1 else None
        return address[0] if isinstance(address, tuple) else None
    if event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}:
        return args[0]
    return None


def hook(event: str, args: tuple[Any, ...]) -> None:
    """Refuse what is not loopback and write it down."""
    if not event.startswith("socket."):
        return
    host = target(event, args)
    if is_local(host):
        return
    log = os.environ.get(LOG)
    if log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{event} to {host!r} in {sys.argv[:2]}\n")
    raise EgressBlocked(f"{event} to {host!r}: tests reach nothing but this machine")


if __name__ == "sitecustomize" and os.environ.get(LOG):  # conftest loads this file under another name
    sys.addaudithook(hook)
