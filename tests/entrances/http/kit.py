"""Fakes and small helpers for the tests of the HTTP entrance."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import Any

import httpx
import numpy as np
import pyarrow as pa

from choirmaster.http.app import build_app
from choirmaster.http.settings import AccessSettings
from choirmaster.http.table import Services
from choirmaster.layout import Layout, Output, SeriesSpec, Task
from choirmaster.serve.runner import EnsembleRunner
from choirmaster.serve.settings import EnsembleSettings
from tests.unit.operate.memory import operator

NOW = 1_366_588_800_000_000  # 2013-04-22T00:00:00Z
BASE = "http://127.0.0.1:8080"


class Clock:
    """A fixed date, and real seconds that only go forward."""

    def now(self) -> int:
        return NOW

    def monotonic(self) -> float:
        return time.monotonic()


class Fake:
    """A member that says what it is told to."""

    version = "v1"

    def __init__(self, name: str, say: Any, classes: Any = ("no", "yes"), features: Any = ("x", "c")) -> None:
        self.name, self.say, self.classes, self.features = name, say, classes, features
        self.calls = 0

    def predict(self, features: Any) -> Any:
        self.calls += 1
        if callable(self.say):
            return self.say(features)
        if isinstance(self.say, BaseException):
            raise self.say
        if self.classes is None:
            return np.full(features.num_rows, self.say)
        rows = np.empty((features.num_rows, 2))
        rows[:, 1], rows[:, 0] = self.say, 1 - self.say
        return rows


def forever(_: Any) -> Any:
    threading.Event().wait(30)


LAYOUT = Layout(
    Task.BINARY,
    (SeriesSpec("a"), SeriesSpec("b"), SeriesSpec("fused")),
    classes=("no", "yes"),
    positive="yes",
    numeric=("x",),
    categorical=("c",),
    segments=("c", "shop"),
)
NUMERIC = Layout(
    Task.REGRESSION,
    (SeriesSpec("a", Output.VALUE), SeriesSpec("b", Output.VALUE), SeriesSpec("fused", Output.VALUE)),
    numeric=("u", "v"),
)


def runner(members: Any = None, /, layout: Layout = LAYOUT, name: str = "delays", **settings: Any) -> EnsembleRunner:
    kept: list[Any] = settings.pop("kept", [])
    members = members or {"a": Fake("a", 0.25), "b": Fake("b", 0.75)}
    clock = settings.pop("clock", Clock())
    return EnsembleRunner(
        EnsembleSettings(name, layout, **settings),
        members,
        clock,
        record=lambda batch: (kept.append(batch), "queued")[1],
        new_id=lambda: "made",
    )


def regression(**settings: Any) -> EnsembleRunner:
    def total(features: Any) -> Any:
        return np.asarray(features["u"]) + np.asarray(features["v"])

    members = {"a": Fake("a", total, None, ("u", "v")), "b": Fake("b", total, None, ("v", "u"))}
    return runner(members, NUMERIC, "amounts", **settings)


class FakeIngest:
    def __init__(self) -> None:
        self.taken: list[Any] = []

    def predictions(self, body: bytes, *, content_type: str, ensemble: str | None) -> dict[str, Any]:
        return self._take("prediction", body, content_type, ensemble)

    def labels(self, body: bytes, *, content_type: str, ensemble: str | None) -> dict[str, Any]:
        return self._take("label", body, content_type, ensemble)

    def _take(self, *what: Any) -> dict[str, Any]:
        self.taken.append(what)
        return {"receipt": "j:1", "accepted": 1, "duplicate": 0, "conflicting": 0, "refused": 0, "problems": []}

    def receipt(self, receipt: str) -> dict[str, Any] | None:
        return {"receipt": receipt, "accepted": 1} if receipt == "j:1" else None


class FakeQueries:
    def __init__(self) -> None:
        self.asked: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        if name not in {"ensembles", "alerts", "models", "references", "audit", "weights", "metrics"}:
            raise AttributeError(name)

        def ask(**arguments: Any) -> Any:
            self.asked.append((name, arguments))
            return [{"ensemble": "delays", "metric": "brier", "value": -0.5, "series": "=cmd"}]

        return ask

    def prediction(self, ensemble: str, identity: str) -> Any:
        self.asked.append(("prediction", ensemble, identity))
        return {"id": identity} if identity == "r/0" else None


def services(**more: Any) -> Services:
    made: dict[str, Any] = {
        "runners": {"delays": runner(), "amounts": regression()},
        "clock": Clock(),
        "ingest": FakeIngest(),
        "queries": FakeQueries(),
        "operator": operator(),
        "version": "1",
    }
    return Services(**(made | more))


class Browser:
    """Sends requests to an application without a socket."""

    def __init__(self, app: Any, base: str = BASE, **headers: str) -> None:
        self.app, self.base, self.headers = app, base, headers
        pa.array(["warm"])  # the first conversion loads pandas; a server does that at its start, before any deadline

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(
                transport=transport, base_url=self.base, headers=self.headers, trust_env=False
            ) as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self("POST", path, **options)


def browser(settings: AccessSettings | None = None, **more: Any) -> Browser:
    return Browser(build_app(services(**more), settings or AccessSettings()))


def tensor(name: str, data: list[Any], datatype: str = "FP64", shape: list[int] | None = None) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)] if shape is None else shape, "datatype": datatype, "data": data}


@contextlib.contextmanager
def served(app: Any, settings: AccessSettings):
    """Run a real server on a random loopback port, in a thread."""
    from choirmaster.http.server import bind, make_server

    with bind(settings) as listener:
        server = make_server(app, settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until = time.monotonic() + 10
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        try:
            yield server, f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(12)
            assert not thread.is_alive()
