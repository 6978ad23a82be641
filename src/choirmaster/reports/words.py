"""Numbers, instants and names as a reader of a report sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from choirmaster.values import REASON_TEXT, Reason

TITLES = {
    "roc_auc": "ROC AUC",
    "f1": "F1",
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "r2": "R squared",
    "psi": "Population stability index",
    "ks": "Kolmogorov-Smirnov distance",
    "brier": "Brier score",
    "jensen_shannon": "Jensen-Shannon distance",
    "label_share": "Labelled share",
    "latency_p50": "Latency, median",
    "latency_p90": "Latency, 90 of 100 calls below",
    "latency_p99": "Latency, 99 of 100 calls below",
}
SHORT_TITLES = {"psi": "PSI", "ks": "KS", "latency_p99": "Latency p99", "latency_p50": "Latency p50"}
UNRULY = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, *range(0x20), 0x7F}
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def title_of(metric: str) -> str:
    """Return the words for a metric.

    >>> title_of("log_loss")
    'Log loss'
    """
    return TITLES.get(metric, metric.replace("_", " ").capitalize())


def short_title_of(metric: str) -> str:
    """Return the words for a narrow column.

    >>> short_title_of("psi"), short_title_of("missing_rate")
    ('PSI', 'Missing rate')
    """
    return SHORT_TITLES.get(metric, title_of(metric))


def number(value: float | int | None) -> str:
    """Write a number with about four significant digits.

    >>> [number(x) for x in (0.73124, 12.345, 12345.6, 0.00012, 27004, None)]
    ['0.7312', '12.35', '12,346', '1.2e-04', '27,004', '']
    """
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if 0 < size < 0.001:
        return f"{value:.1e}"
    return f"{value:,.{4 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0}f}"


def interval(value: Mapping[str, Any]) -> str:
    """Write an interval, or nothing where none is known.

    >>> interval({"lower": 0.7, "upper": 0.75})
    '0.7000 to 0.7500'
    """
    lower, upper = value.get("lower"), value.get("upper")
    return "" if lower is None or upper is None else f"{number(lower)} to {number(upper)}"


def reason_words(reason: str | None) -> str:
    """Return the sentence for a reason."""
    if not reason:
        return "no value"
    return REASON_TEXT[Reason(reason)] if reason in set(Reason) else reason.replace("_", " ")


def moment(text: str | None) -> str:
    """Write an instant in UTC.

    >>> moment("2013-04-22T04:00:00Z")
    '2013-04-22 04:00'
    """
    day, _, clock = (text or "").removesuffix("Z").partition("T")
    clock = clock.partition(".")[0].removesuffix(":00")
    return day if clock in {"", "00:00"} else f"{day} {clock}"


def plain(text: object) -> str:
    r"""Spell out control and direction characters, so that a name stays in its place.

    >>> print(plain("a" + chr(0x202E)))
    a\u202e
    """
    return "".join(f"\\u{ord(sign):04x}" if ord(sign) in UNRULY else sign for sign in str(text))


def cell_text(kind: str, cell: Any) -> tuple[str, str]:
    """Return the first and the small second line of a cell.

    >>> cell_text("value", {"value": None, "reason": "no_labels", "n": 3})
    ('no label has arrived for this window yet', 'n 3')
    """
    if kind == "value":
        rows = "" if cell.get("n") is None else f"n {number(cell['n'])}"
        if cell.get("value") is None:
            return reason_words(cell.get("reason")), rows if cell.get("n") else ""
        return number(cell["value"]), "; ".join(part for part in (interval(cell), rows) if part)
    if kind in {"number", "share"} and isinstance(cell, int | float):
        return number(cell), ""
    if kind == "time":
        return moment(cell), ""
    return ("" if cell is None else plain(cell)), ""
