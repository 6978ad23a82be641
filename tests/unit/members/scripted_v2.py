"""A server of the V2 protocol that behaves as badly as it is told to, and one that speaks binary."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

HEADER = "Inference-Header-Content-Length"
KINDS = {"FP64": "<f8", "FP32": "<f4", "INT64": "<i8", "BOOL": "?"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.seen.append(("GET", self.path, dict(self.headers)))
        document = self.server.root if self.path == "/v2" else self.server.metadata
        self._send(404, b"{}") if document is None else self._send(200, json.dumps(document).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(("POST", self.path, dict(self.headers)))
        with contextlib.suppress(OSError):
            self.server.act(self, body)

    def _send(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def tensor(name, values, datatype="FP64", **more):
    values = np.asarray(values)
    return {"name": name, "datatype": datatype, "shape": list(values.shape), "data": values.ravel().tolist(), **more}


def says(*outputs, status=200, **headers):
    """Answer these outputs."""
    return raw(json.dumps({"model_name": "m", "outputs": list(outputs)}).encode(), status, **headers)


def raw(body, status=200, **headers):
    return lambda handler, _: handler._send(status, body, **headers)


def hangs(handler, _):
    """Never answer, until the client goes away."""
    handler.connection.settimeout(20)
    with contextlib.suppress(OSError):
        handler.server.gone.append(handler.connection.recv(1) == b"")


def drips(handler, _):
    """Answer one byte after the other."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(2_000):
        handler.wfile.write(b" ")
        time.sleep(0.01)


def dies(handler, _):
    """Close in the middle of the answer."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def floods(handler, _):
    """Announce and send 100 MB."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    for _ in range(1_000):
        handler.wfile.write(b" " * 100_000)
        handler.server.sent += 100_000


def redirects(handler, _):
    handler._send(307, b"{}", Location=f"http://127.0.0.1:{handler.server.server_port}/elsewhere")


def adds(handler, body):
    """Answer the sum of a row's numbers, in binary where asked in binary; texts count as their length."""
    head, tail = body, b""
    if HEADER in handler.headers:
        size = int(handler.headers[HEADER])
        head, tail = body[:size], body[size:]
    document, at, total = json.loads(head), 0, 0.0
    for one in document["inputs"]:
        size = one.get("parameters", {}).get("binary_data_size", 0)
        values = _read(one, tail[at : at + size])
        at += size
        total = total + values.reshape(one["shape"][0], -1).sum(axis=1)
    assert at == len(tail)
    handler.server.asked.append(document)
    name = document["outputs"][0]["name"]
    if not document["outputs"][0]["parameters"]["binary_data"]:
        return says(tensor(name, total))(handler, body)
    other, data = np.zeros(3).tobytes(), total.astype("<f8").tobytes()
    answer = json.dumps({"model_name": "m", "model_version": "7", "outputs": [
        {"name": "first", "datatype": "FP64", "shape": [3], "parameters": {"binary_data_size": len(other)}},
        {"name": name, "datatype": "FP64", "shape": [len(total)], "parameters": {"binary_data_size": len(data)}},
    ]}).encode()  # fmt: skip
    return handler._send(200, answer + other + data, **{HEADER.replace("-", "_"): str(len(answer))})


def _read(one, packed):
    if "data" in one:
        assert not packed
        plain = [len(item) if isinstance(item, str) else 0 if item is None else item for item in one["data"]]
        return np.array(plain, dtype=float)
    if one["datatype"] != "BYTES":
        return np.frombuffer(packed, KINDS[one["datatype"]]).astype(float)
    lengths, at = [], 0
    while at < len(packed):
        lengths.append(int.from_bytes(packed[at : at + 4], "little"))
        at += 4 + lengths[-1]
    assert at == len(packed)
    return np.array(lengths, dtype=float)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that goes away is expected here."""


@contextlib.contextmanager
def scripted(act, *, metadata=None, extensions=()):
    """Run the server in a thread; gives it and the model's address."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.act, server.metadata, server.root = act, metadata, {"name": "s", "version": "1", "extensions": extensions}
    server.seen, server.asked, server.gone, server.sent = [], [], [], 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}/v2/models/m"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
