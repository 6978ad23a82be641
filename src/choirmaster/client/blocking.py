"""``cm.Client``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from choirmaster.client import asks
from choirmaster.client.asks import Ask, get, part
from choirmaster.client.settings import checked_url, library, options
from choirmaster.client.trying import Tries, again, given_up, refusal, retry_after


class Client:
    """Talks to one server; tries again with the same ids when it cannot be reached or says "not now".

    Parameters
    ----------
    url : str
        Such as ``http://127.0.0.1:8080``.
    token : str, optional
        Sent as a Bearer token.
    timeout_seconds : float
        For each try.
    tries : int
        How often in all.
    sleep : callable, optional
        Waits between tries: 0.1 s doubling to 5 s, or as long as Retry-After says, up to 30 s.

    Raises
    ------
    Unavailable
        No answer after all tries, or the server said so.
    RequestError, NotFound, AccessError, Forbidden, TooLarge
        A refusal, with what the server said: what, where, expected, got.

    Examples
    --------
    >>> with Client("http://127.0.0.1:8080") as client:
    ...     client.url
    'http://127.0.0.1:8080'
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout_seconds: float = 30.0,
        tries: int = 5,
        sleep: Callable[[float], None] = time.sleep,
        transport: Any = None,
    ) -> None:
        httpx = library()
        self.url, self._tries, self._sleep = checked_url(url), Tries(max(1, tries)), sleep
        self._unreachable = (httpx.TransportError,)
        self._http = httpx.Client(**options(self.url, token, timeout_seconds, transport))

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def predict(
        self, ensemble: str, rows: Any, *, ids: Sequence[str] | None = None, explain: bool = False
    ) -> list[dict[str, Any]]:
        """Ask an ensemble for each row.

        Parameters
        ----------
        rows : list of dict, or a frame
            Records by feature name, or a pandas, polars or Arrow frame; ``_id``, ``_time`` and ``_segment.<name>``
            are understood. More than 2,000 rows are several requests.
        ids : sequence of str, optional
            Identities, one per row; made here when not given, so that a second try is no second prediction.
        explain : bool
            Whether each answer says what part each member has in it.

        Returns
        -------
        list of dict
            ``{id, prediction, probability, present, missing, degraded, recorded}`` per row, in order; with ``explain``
            also ``shares``: their ``kind`` and the ``members``.
        """
        found: list[dict[str, Any]] = []
        for ask in asks.predictions(ensemble, rows, ids, explain=explain):
            found += self._send(ask)["predictions"]
        return found

    def log_predictions(self, ensemble: str, rows: Any) -> dict[str, Any]:
        """Keep predictions that were made elsewhere; returns the receipts and counts."""
        return asks.together([self._send(ask) for ask in asks.events("predictions", ensemble, rows)])

    def log_labels(self, ensemble: str, rows: Any) -> dict[str, Any]:
        """Keep labels: ``{"id", "value"}`` and, where known, ``known_at``, ``source``, ``revision``."""
        return asks.together([self._send(ask) for ask in asks.events("labels", ensemble, rows)])

    def receipt(self, receipt: str) -> dict[str, Any]:
        """Return the final counts of a batch."""
        return dict(self._send(get(f"/api/ingest/{part(receipt)}")))

    def show(self, ensemble: str, identity: str) -> dict[str, Any]:
        """Return one kept prediction: what went in, what each member said, its label; raises NotFound."""
        return dict(self._send(get(f"/api/predictions/{part(ensemble)}/{part(identity)}")))

    def ensembles(self) -> list[dict[str, Any]]:
        """Return the ensembles and their members."""
        return list(self._send(get("/api/ensembles")))

    def metrics(self, ensemble: str | None = None, **filters: str) -> list[dict[str, Any]]:
        """Return measured values; filters are series, metric, segment, feature, target, start and end."""
        return list(self._send(get("/api/metrics", ensemble=ensemble, **filters)))

    def alerts(self, ensemble: str | None = None) -> list[dict[str, Any]]:
        """Return alerts."""
        return list(self._send(get("/api/alerts", ensemble=ensemble)))

    def decide(self, verb: str, ensemble: str, *, reason: str, **given: Any) -> dict[str, Any]:
        """Change how an ensemble runs; asks once, since a second try might be a second change.

        Parameters
        ----------
        verb : str
            ``set_role`` (with ``member``, ``role`` and, for a canary, ``share``), ``clear_role`` (``member``),
            ``set_weights`` (``weights``), ``clear_weights``, ``freeze``, ``unfreeze`` or ``undo``.
        reason : str
            For the audit table.
        given
            What the verb takes, ``lasting`` (how long it holds, such as ``2h``) and ``force`` (accept fewer voters
            than the quorum, or no fallback).

        Returns
        -------
        dict
            ``ensemble``, ``number``, ``action``, ``before``, ``after``, ``until``, ``who``, ``reason``.
        """
        return dict(self._send(asks.decision(verb, ensemble, reason=reason, **given)))

    def overrides(self, ensemble: str | None = None) -> list[dict[str, Any]]:
        """Return how each ensemble stands: roles and weights as they hold now, who set them, what the file says."""
        return list(self._send(get("/api/overrides", ensemble=ensemble)))

    def metadata(self, ensemble: str) -> dict[str, Any]:
        """Return what an ensemble takes and gives, as the Open Inference Protocol says it."""
        return dict(self._send(get(f"/v2/models/{part(ensemble)}")))

    def ready(self) -> bool:
        """Return whether every ensemble can answer; asks once."""
        try:
            return bool(self._http.get("/v2/health/ready").status_code == 200)
        except self._unreachable:
            return False

    def _send(self, ask: Ask) -> Any:
        tried = 0
        while True:
            tried, told = tried + 1, None
            try:
                response = self._http.request(ask.method, ask.path, **ask.options)
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
            self._sleep(pause)
