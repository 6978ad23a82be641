"""A small client of the server: floor 0 and httpx only."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from choirmaster.errors import AccessError, Forbidden, NotFound, RequestError, Unavailable, missing_extra

_AGAIN = (429, 502, 503, 504)
_ERRORS = {401: AccessError, 403: Forbidden, 404: NotFound}


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
        Waits between tries; 0.1 s doubling to 5 s, or as long as Retry-After says.

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
        try:
            import httpx
        except ImportError:
            raise missing_extra("httpx", "serve", purpose="cm.Client") from None
        self.url, self._tries, self._sleep = url.rstrip("/"), max(1, tries), sleep
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._unreachable = (httpx.TransportError,)
        # No proxy and no .netrc from the environment: a token goes to the address given here and nowhere else.
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout_seconds, trust_env=False,
                                  transport=transport)  # fmt: skip

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

    def predict(self, ensemble: str, rows: Any, *, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Ask an ensemble for each row.

        Parameters
        ----------
        rows : list of dict, or a frame
            Records by feature name; ``_id``, ``_time`` and ``_segment.<name>`` are understood.
        ids : sequence of str, optional
            Identities, one per row; made here when not given, so that a second try is no second prediction.

        Returns
        -------
        list of dict
            ``{id, prediction, probability, present, missing, degraded, recorded}`` per row, in order.
        """
        records = _records(rows)
        body: dict[str, Any] = {"rows": records, "request_id": uuid.uuid4().hex}
        if ids is not None:
            body["ids"] = [str(one) for one in ids]
        answer = self._send("POST", f"/api/predict/{_part(ensemble)}", json=body)
        return list(answer["predictions"])

    def log_predictions(self, ensemble: str, rows: Any) -> dict[str, Any]:
        """Keep predictions that were made elsewhere; returns the receipt and counts."""
        return self._ingest("predictions", ensemble, rows)

    def log_labels(self, ensemble: str, rows: Any) -> dict[str, Any]:
        """Keep labels: ``{"id", "value"}`` and, where known, ``known_at``, ``source``, ``revision``."""
        return self._ingest("labels", ensemble, rows)

    def receipt(self, receipt: str) -> dict[str, Any]:
        """Return the final counts of a batch."""
        return dict(self._send("GET", f"/api/ingest/{_part(receipt)}"))

    def metrics(self, ensemble: str | None = None, **filters: str) -> list[dict[str, Any]]:
        """Return measured values; filters are series, metric, segment, feature, target, start and end."""
        given = {"ensemble": ensemble, **filters}
        return list(self._send("GET", "/api/metrics", params={k: v for k, v in given.items() if v is not None}))

    def alerts(self, ensemble: str | None = None) -> list[dict[str, Any]]:
        """Return alerts."""
        return list(self._send("GET", "/api/alerts", params={"ensemble": ensemble} if ensemble else {}))

    def _ingest(self, kind: str, ensemble: str, rows: Any) -> dict[str, Any]:
        text = "\n".join(json.dumps(row, default=_plain) for row in _records(rows))
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self._send("POST", f"/api/ingest/{kind}", params={"ensemble": ensemble}, content=text.encode(),
                            headers=headers)  # fmt: skip
        return dict(answer)

    def _send(self, method: str, path: str, **options: Any) -> Any:
        pause, last = 0.1, "no answer"
        for left in range(self._tries - 1, -1, -1):
            wait = pause
            try:
                response = self._http.request(method, path, **options)
            except self._unreachable as error:
                last = type(error).__name__
            else:
                if response.status_code not in _AGAIN:
                    return _read(response, method, path)
                last = f"status {response.status_code}: {_error(response)}"
                wait = max(pause, min(_seconds(response.headers.get("retry-after", "")), 5.0))
            if left:
                self._sleep(wait)
            pause = min(pause * 2, 5.0)
        raise Unavailable("the server does not answer", where=f"{method} {self.url}{path}", got=last,
                          fix=f"tried {self._tries} times; is it running there?")  # fmt: skip


def _read(response: Any, method: str, path: str) -> Any:
    if response.status_code < 400:
        return response.json()
    kind = _ERRORS.get(response.status_code, RequestError)
    raise kind("the server refused", where=f"{method} {path}", got=f"status {response.status_code}: {_error(response)}")


def _error(response: Any) -> str:
    try:
        return str(response.json()["error"])[:500]
    except (ValueError, KeyError, TypeError):
        return "no error text"


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _part(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _records(rows: Any) -> list[dict[str, Any]]:
    """Return records of a list, one record, or a frame (pandas, polars, Arrow)."""
    if isinstance(rows, Mapping):
        rows = [rows]
    elif hasattr(rows, "to_pylist"):
        rows = rows.to_pylist()
    elif hasattr(rows, "to_dicts"):
        rows = rows.to_dicts()
    elif hasattr(rows, "to_dict"):
        rows = rows.to_dict("records")
    elif not isinstance(rows, Iterable):
        raise RequestError("cannot read the rows", expected="records or a frame", got=type(rows).__name__)
    return [{str(key): _cell(value) for key, value in row.items()} for row in rows]


def _cell(value: Any) -> Any:
    """Return what JSON can hold: NaN and NaT are missing, times are ISO 8601, numpy numbers plain ones."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if hasattr(value, "isoformat"):
        return None if value != value else value.isoformat()  # noqa: PLR0124  NaT is not equal to itself
    if hasattr(value, "item"):
        return _cell(value.item())
    return value


def _plain(value: Any) -> str:
    return str(value)
