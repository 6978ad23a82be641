"""Sinks deliver or say whether to try again; a webhook never reaches inside unless that is declared."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import structlog

from choirmaster.errors import ChoirmasterError, SinkError
from choirmaster.ports import Notification
from choirmaster.sinks import KINDS, build
from choirmaster.sinks.webhook import WebhookSink, is_public

NOTE = Notification(
    "f-1", "firing", "critical", "AUC fell", "from 0.8 to 0.7", "http://127.0.0.1/x", 0, {"ensemble": "e"}
)


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers), json.loads(body)))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    server = HTTPServer(("127.0.0.1", 0), _Receiver)
    server.seen, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def _sink(server, **more):
    url = f"http://hooks.test:{server.server_port}/a?b=c"
    return WebhookSink("oncall", url, resolve=lambda host, port: ["127.0.0.1"], timeout_seconds=2, **more)


def test_webhook_posts_the_notification_once_with_a_key(receiver):
    _sink(receiver, allow_private=True, headers={"Authorization": "Bearer x"}).send(NOTE)
    ((path, headers, body),) = receiver.seen
    assert path == "/a?b=c"
    assert headers["Idempotency-Key"] == "f-1-firing"
    assert headers["Authorization"] == "Bearer x"
    assert headers["Host"] == f"hooks.test:{receiver.server_port}"
    assert (body["fingerprint"], body["severity"], body["at"]) == ("f-1", "critical", "1970-01-01T00:00:00Z")


@pytest.mark.parametrize(("status", "retryable"), [(500, True), (503, True), (429, True), (400, False), (302, False)])
def test_status_says_whether_to_try_again(receiver, status, retryable):
    receiver.status = status
    with pytest.raises(SinkError, match=f"status {status}") as caught:
        _sink(receiver, allow_private=True).send(NOTE)
    assert caught.value.retryable is retryable
    assert len(receiver.seen) == 1


def test_private_addresses_are_refused_before_connecting(receiver):
    with pytest.raises(SinkError, match="private address") as caught:
        _sink(receiver).send(NOTE)
    assert not caught.value.retryable
    assert receiver.seen == []


def test_one_private_address_among_public_ones_is_enough_to_refuse():
    sink = WebhookSink("a", "https://hooks.test/", resolve=lambda host, port: ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(SinkError, match="private address"):
        sink.send(NOTE)


def test_nobody_there_may_be_tried_again():
    sink = WebhookSink("a", "http://hooks.test:9/", resolve=lambda host, port: ["127.0.0.1"], allow_private=True)
    with pytest.raises(SinkError) as caught:
        sink.send(NOTE)
    assert caught.value.retryable


def test_unknown_hosts_may_be_tried_again():
    def resolve(host, port):
        raise OSError("no such host")

    with pytest.raises(SinkError, match="cannot resolve") as caught:
        WebhookSink("a", "http://hooks.test/", resolve=resolve).send(NOTE)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "::1", "fe80::1%eth0",
     "fc00::1", "::ffff:127.0.0.1", "100.64.0.1", "224.0.0.1", "2002:7f00:1::"],
)  # fmt: skip
def test_inner_addresses_are_not_public(address):
    assert not is_public(address)


def test_file_sink_appends_lines(tmp_path):
    sink = build("file", "log", {"path": tmp_path / "deep" / "alerts.jsonl"})
    sink.send(NOTE)
    sink.send(NOTE)
    lines = (tmp_path / "deep" / "alerts.jsonl").read_text().splitlines()
    assert [json.loads(line)["fingerprint"] for line in lines] == ["f-1", "f-1"]


def test_file_sink_that_cannot_write_may_be_tried_again(tmp_path):
    (tmp_path / "a").write_text("a file, not a folder")
    with pytest.raises(SinkError) as caught:
        build("file", "log", {"path": tmp_path / "a" / "b"}).send(NOTE)
    assert caught.value.retryable


def test_log_sink_writes_one_structured_line():
    with structlog.testing.capture_logs() as lines:
        build("log", "console", {}).send(NOTE)
    (line,) = lines
    assert (line["event"], line["log_level"], line["fingerprint"], line["ensemble"]) == (
        "AUC fell",
        "error",
        "f-1",
        "e",
    )


def test_every_kind_is_built_and_others_are_named(tmp_path):
    settings = {"url": "https://hooks.test/", "path": tmp_path / "x"}
    assert [build(kind, "a", settings).name for kind in KINDS] == ["a"] * len(KINDS)
    with pytest.raises(ChoirmasterError, match="did you mean"):
        build("webhok", "a", settings)
