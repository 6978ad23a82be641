"""The guard against leaving this machine works here and in programs that tests start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

ELSEWHERE = "192.0.2.1"  # reserved for documentation: nothing answers there
expected = pytest.mark.egress_expected


def test_loopback_is_free():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername()[0] == "127.0.0.1"


@expected
def test_connect_elsewhere_is_refused_and_written_down():
    log = os.environ["CHOIRMASTER_TEST_EGRESS_LOG"]
    with socket.socket() as client, pytest.raises(OSError, match="nothing but this machine"):
        client.connect((ELSEWHERE, 80))
    with open(log, encoding="utf-8") as file:
        assert ELSEWHERE in file.read()


@expected
def test_name_look_up_elsewhere_is_refused():
    with pytest.raises(OSError, match="nothing but this machine"):
        socket.getaddrinfo("models.invalid", 80)


@expected
def test_datagram_elsewhere_is_refused():
    with socket.socket(type=socket.SOCK_DGRAM) as client, pytest.raises(OSError, match="nothing but this machine"):
        client.sendto(b"x", (ELSEWHERE, 9))


@expected
def test_program_started_by_a_test_is_guarded():
    code = f"import socket; socket.create_connection(({ELSEWHERE!r}, 80), timeout=2)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "tests reach nothing but this machine" in done.stderr
