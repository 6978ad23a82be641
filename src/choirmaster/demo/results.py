"""What the year shows, read back from the server: months, drift, alerts, counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from choirmaster.demo.traffic import ENSEMBLE, Sent
from choirmaster.errors import RequestError, Unavailable

FUSED = "fused"
SHOWN_METRICS = {"roc_auc": "auc", "log_loss": "log_loss", "f1": "f1"}
DRIFT_SHOWN = ("temp", "sched_minute")
WAIT_SECONDS, LOOK_SECONDS = 300.0, 1.0
QUANTILES = (50, 90, 99)


class Reader:
    """Reads pages (their JSON form) and values over HTTP.

    Parameters
    ----------
    address : str
        Of the server.
    """

    def __init__(self, address: str) -> None:
        import httpx

        self._http = httpx.Client(base_url=address, timeout=120.0, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ready(self) -> bool:
        """Return whether every configured ensemble answers."""
        return self._http.get("/v2/health/ready").status_code == 200

    def overview(self) -> dict[str, Any]:
        """Return the summary of the ensemble."""
        return next(iter(self._get("/api/ensembles").json()), {})

    def tables(self, page: str = "") -> dict[str, list[dict[str, Any]]]:
        """Return the tables of one of the ensemble's pages by name."""
        found = self._get(f"/ensembles/{ENSEMBLE}{page}", format="json").json()
        return {one["name"]: one["rows"] for one in found["tables"]}

    def values_csv(self) -> bytes:
        """Return all values that are about no segment."""
        return bytes(self._get("/api/metrics", accept="text/csv", ensemble=ENSEMBLE).content)

    def _get(self, path: str, *, accept: str = "*/*", **query: str) -> Any:
        answer = self._http.get(path, params=query, headers={"Accept": accept})
        if answer.status_code != 200:
            raise RequestError("the server refused", where=f"GET {path}", expected="status 200",
                               got=f"status {answer.status_code}: {answer.text[:300]}")  # fmt: skip
        return answer


def wait_until_measured(
    reader: Reader, sent: Sent, *, alive: Callable[[], None], progress: Callable[[float, str], None],
    seconds: float = WAIT_SECONDS,
) -> None:  # fmt: skip
    """Wait until every prediction and label that was sent stands in the measured windows.

    Raises
    ------
    Unavailable
        Nothing new was measured for so many seconds.
    """
    seen: tuple[int, int] = (-1, -1)
    since = time.monotonic()
    while True:
        alive()
        found = reader.overview()
        rows = int(found.get("predictions") or 0)
        labels = round(rows * (found.get("labelled_share") or 0.0))
        if (rows, labels) == (sent.predictions, sent.labels):
            return
        if (rows, labels) != seen:
            seen, since = (rows, labels), time.monotonic()
        elif time.monotonic() - since > seconds:
            raise Unavailable("the monitor has not measured everything", got=f"{rows} predictions and {labels} labels",
                              expected=f"{sent.predictions} predictions and {sent.labels} labels")  # fmt: skip
        progress(rows, f"{rows} flights and {labels} labels measured")
        time.sleep(LOOK_SECONDS)


def months(tables: Mapping[str, Sequence[Mapping[str, Any]]], drift: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row per month: counts, each metric of each series, whether fused wins, and drift.

    Parameters
    ----------
    tables : mapping
        Of the ensemble's page.
    drift : mapping
        Of its features page.
    """
    rows: dict[str, dict[str, Any]] = {}
    for one in tables["maturity"]:
        rows[one["month"]] = {"month": one["month"], "flights": one["n"], "labelled": one["labelled"],
                              "never_labelled": one["open"]}  # fmt: skip
    for metric, short in SHOWN_METRICS.items():
        for one in tables[f"months-{metric}"]:
            rows[one["month"]][short] = {
                name.removeprefix("series."): cell["value"] for name, cell in one.items() if name.startswith("series.")
            }
    for one in drift["drift-months"]:
        rows[one["month"]]["psi"] = {name: one[f"x.{name}"] for name in DRIFT_SHOWN}
    return [{**row, "fused_wins": wins(row["auc"])} for _, row in sorted(rows.items())]


def wins(auc: Mapping[str, float | None]) -> bool:
    """Return whether the fused answer's AUC is above every member's.

    >>> wins({"fused": 0.7, "logit": 0.69, "forest": 0.68})
    True
    """
    fused = auc.get(FUSED)
    others = [value for name, value in auc.items() if name != FUSED]
    return fused is not None and all(value is not None and fused > value for value in others)


def latency(seconds: Sequence[float]) -> dict[str, float]:
    """Return quantiles of single-row requests in milliseconds, as the client sees them.

    >>> latency([0.001, 0.002, 0.003])["p50_ms"]
    2.0
    """
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {f"p{one}_ms": round(1e3 * ordered[round(last * one / 100)], 3) for one in QUANTILES} if ordered else {}


def write_values(reader: Reader, path: Path) -> None:
    """Write every value that is about no segment as CSV."""
    path.write_bytes(reader.values_csv())
