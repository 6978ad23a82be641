"""Detectors of change in a series of values, in order. Each is one file and one line here.

They complement the drift measures, which compare a window with the reference: a detector sees that a metric began to
move, from the series of its window values, or reads a stream of rows itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from choirmaster.detect.adwin import Adwin
from choirmaster.detect.base import Detector
from choirmaster.detect.cusum import Cusum
from choirmaster.detect.ddm import Ddm
from choirmaster.detect.kswin import Kswin
from choirmaster.detect.page_hinkley import PageHinkley
from choirmaster.errors import SchemaError, unknown

DETECTORS: dict[str, Callable[..., Detector]] = {
    "adwin": Adwin,
    "cusum": Cusum,
    "ddm": Ddm,
    "kswin": Kswin,
    "page_hinkley": PageHinkley,
}

__all__ = ["DETECTORS", "Adwin", "Cusum", "Ddm", "Detector", "Kswin", "PageHinkley", "detect_changes", "window_changes"]


def detector(name: str, **parameters: Any) -> Detector:
    """Return a detector by name.

    Raises
    ------
    SchemaError
        Where the name or a parameter is unknown.
    """
    if name not in DETECTORS:
        raise unknown("detector", name, tuple(DETECTORS))
    try:
        return DETECTORS[name](**parameters)
    except TypeError as error:
        raise SchemaError(f'detector "{name}" does not take these parameters', got=str(error),
                          fix=f"help(choirmaster.detect.DETECTORS['{name}']) lists them") from None  # fmt: skip


def detect_changes(name: str, values: Iterable[float | None], **parameters: Any) -> list[int]:
    """Return the places at which a detector sees a change.

    Parameters
    ----------
    name : str
        ``adwin``, ``cusum``, ``ddm``, ``kswin`` or ``page_hinkley``.
    values : iterable of float
        In order. What is None or not finite (an undefined window) is passed over and keeps its place.
    **parameters
        Those of the detector.

    Returns
    -------
    list of int

    Examples
    --------
    >>> detect_changes("cusum", [0.1, -0.1] * 20 + [None] + [0.4] * 5)
    [42]
    """
    one = detector(name, **parameters)
    return [at for at, value in enumerate(values) if value is not None and math.isfinite(value) and one.observe(value)]


def window_changes(
    table: Any,
    metric: str,
    *,
    name: str = "cusum",
    series: str = "fused",
    segment: str = "",
    feature: str = "",
    target: str = "",
    **parameters: Any,
) -> list[dict[str, Any]]:
    """Return the windows with which a detector sees a change in the series of a metric's values.

    Parameters
    ----------
    table : pyarrow.Table, pandas.DataFrame or list of dict
        Rows of the tidy table of values, such as ``result.metrics``.
    metric, series, segment, feature, target : str
        Whose values; they are put in the order of their windows.
    name : str
        The detector. ``cusum`` learns the usual level and deviation by itself; the thresholds of others are in units of
        the metric.
    **parameters
        Those of the detector.

    Returns
    -------
    list of dict
        ``window_start``, ``window_end`` and ``value`` of each window with which a change was seen.

    Examples
    --------
    >>> rows = [
    ...     {
    ...         "window_start": day,
    ...         "window_end": day + 1,
    ...         "metric": "roc_auc",
    ...         "series": "fused",
    ...         "segment": "",
    ...         "feature": "",
    ...         "target": "",
    ...         "value": 0.8 + 0.01 * (day % 2) - 0.1 * (day >= 40),
    ...     }
    ...     for day in range(50)
    ... ]
    >>> [row["window_start"] for row in window_changes(rows, "roc_auc")]
    [40]
    """
    wanted = {"metric": metric, "series": series, "segment": segment, "feature": feature, "target": target}
    rows = [row for row in _rows(table) if all(row.get(key) == value for key, value in wanted.items())]
    rows.sort(key=lambda row: row["window_start"])
    places = detect_changes(name, [row["value"] for row in rows], **parameters)
    return [{key: rows[at][key] for key in ("window_start", "window_end", "value")} for at in places]


def _rows(table: Any) -> list[dict[str, Any]]:
    if hasattr(table, "to_pylist"):
        return list(table.to_pylist())
    if hasattr(table, "to_dicts"):
        return list(table.to_dicts())
    if hasattr(table, "to_dict"):
        return list(table.to_dict("records"))
    return list(table)
