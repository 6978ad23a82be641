"""``cm.AsyncClient``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self

from choirmaster.client import asks
from choirmaster.client.asks import Ask, get, part
from choirmaster.client.settings import checked_url, library, options
from choirmaster.client.trying import Tries, again, given_up, refusal, retry_after


class AsyncClient:
    """The twin of :class:`Client` for an event loop: the same questions, answers and errors, to be awaited.

    Examples
    --------
    >>> async def ask():
    ...     async with AsyncClient("http://127.0.0.1:8080") as client:
    ...         return client.url
    >>> asyncio.run(ask())
    'http://127.0.0.1:8080'
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout_seconds: float = 30.0,
        tries: int = 5,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        transport: Any = None,
    ) -> None:
        httpx = library()
        self.url, self._tries, self._sleep = checked_url(url), Tries(max(1, tries)), sleep
        self._unreachable = (httpx.TransportError,)
        self._http = httpx.AsyncClient(**options(self.url, token, timeout_seconds, transport))

    def __repr__(self) -> str:
        return f"AsyncClient({self.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def predict(
        self, ensemble: str, rows: Any, *, ids: Sequence[str] | None = None, explain: bool = False
    ) -> list[dict[str, Any]]:
        """Ask an ensemble for each row; as :meth:`Client.predict`."""
        found: list[dict[str, Any]] = []
        for ask in asks.predictions(ensemble, rows, ids, explain=explain):
            found += (await self._send(ask))["predictions"]
        return found

    async def log_predictions(self, ensemble: str, rows: Any) -> dict[str, Any]:
        """Keep predictions that were made elsewhere; returns the receipts and counts."""
        return asks.together([await self._send(ask) for ask in asks.events("predictions", ensemble, rows)])

    async def log_labels(self, ensemble: str, rows: Any) -> dict[str, Any]:
        """Keep labels; as :meth:`Client.log_labels`."""
        return asks.together([await self._send(ask) for ask in asks.events("labels", ensemble, rows)])

    async def receipt(self, receipt: str) -> dict[str, Any]:
        """Return the final counts of a batch."""
        return dict(await self._send(get(f"/api/ingest/{part(receipt)}")))

    async def show(self, ensemble: str, identity: str) -> dict[str, Any]:
        """Return one kept prediction; raises NotFound."""
        return dict(await self._send(get(f"/api/predictions/{part(ensemble)}/{part(identity)}")))

    async def ensembles(self) -> list[dict[str, Any]]:
        """Return the ensembles and their members."""
        return list(await self._send(get("/api/ensembles")))

    async def metrics(self, ensemble: str | None = None, **filters: str) -> list[dict[str, Any]]:
        """Return measured values; as :meth:`Client.metrics`."""
        return list(await self._send(get("/api/metrics", ensemble=ensemble, **filters)))

    async def alerts(self, ensemble: str | None = None) -> list[dict[str, Any]]:
        """Return alerts."""
        return list(await self._send(get("/api/alerts", ensemble=ensemble)))

    async def decide(self, verb: str, ensemble: str, *, reason: str, **given: Any) -> dict[str, Any]:
        """Change how an ensemble runs; as :meth:`Client.decide`."""
        return dict(await self._send(asks.decision(verb, ensemble, reason=reason, **given)))

    async def overrides(self, ensemble: str | None = None) -> list[dict[str, Any]]:
        """Return how each ensemble stands: roles and weights as they hold now, who set them, what the file says."""
        return list(await self._send(get("/api/overrides", ensemble=ensemble)))

    async def metadata(self, ensemble: str) -> dict[str, Any]:
        """Return what an ensemble takes and gives, as the Open Inference Protocol says it."""
        return dict(await self._send(get(f"/v2/models/{part(ensemble)}")))

    async def ready(self) -> bool:
        """Return whether every ensemble can answer; asks once."""
        try:
            return bool((await self._http.get("/v2/health/ready")).status_code == 200)
        except self._unreachable:
            return False

    async def _send(self, ask: Ask) -> Any:
        tried = 0
        while True:
            tried, told = tried + 1, None
            try:
                response = await self._http.request(ask.method, ask.path, **ask.options)
            except self._unreachable as error:
                last = type(error).__name__
            else:
                if response.status_code < 400:
                    return response.json()
                problem = refusal(response, ask.method, ask.path)
                if not again(response.status_code):
                    raise problem
                last, told = str(problem), retry_after(response.headers.get("retry-after", ""))
            pause = None if ask.once else self._tries.pause(tried, told)
            if pause is None:
                raise given_up(f"{ask.method} {self.url}{ask.path}", last, tried)
            await self._sleep(pause)
