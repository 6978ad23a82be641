"""Numbers, instants and names as a reader of a report sees them: those of the catalogue, and cells of tables."""

from __future__ import annotations

from typing import Any

from choirmaster.catalogue.titles import metric_title, short_title
from choirmaster.catalogue.words import better, interval, moment, number, plain, reason_words, segment_words

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def cell_text(kind: str, cell: Any) -> tuple[str, str]:
    """Return the first and the small second line of a cell; None, where nothing could be, is empty.

    >>> cell_text("value", {"value": None, "reason": "no_labels", "n": 3})
    ('no label has arrived for this window yet', 'n 3')
    """
    if kind == "value" and cell is not None:
        rows = "" if cell.get("n") is None else f"n {number(cell['n'])}"
        if cell.get("value") is None:
            why = reason_words(cell.get("reason"), cell.get("metric") or "", cell.get("n"))
            return why, rows if cell.get("n") else ""
        return number(cell["value"]), "; ".join(part for part in (interval(cell), rows) if part)
    if kind in {"number", "share"} and isinstance(cell, int | float):
        return number(cell), ""
    if kind == "time":
        return moment(cell), ""
    return ("" if cell is None else plain(cell)), ""


__all__ = [
    "FORMULA_SIGNS", "better", "cell_text", "interval", "metric_title", "moment", "number", "plain", "reason_words",
    "segment_words", "short_title",
]  # fmt: skip
