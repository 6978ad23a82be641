"""A table once, for the page, its JSON twin and its CSV file, so that the three cannot differ."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from choirmaster.dashboard.words import plain

VALUE_FIELDS = ("value", "lower", "upper", "resolution", "n", "kind", "reason")
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def column(key: str, label: str, kind: str = "text") -> dict[str, str]:
    """Describe a column. Kinds: text, number, share, time, value, link, health, segment, metric; data is not shown."""
    return {"key": key, "label": label, "kind": kind}


def table(
    name: str,
    title: str,
    columns: Sequence[Mapping[str, str]],
    rows: Iterable[Mapping[str, Any]],
    *,
    empty: str = "nothing to show",
    note: str = "",
) -> dict[str, Any]:
    """Build a table of plain data; each row keeps only the columns named."""
    kept = [{col["key"]: row.get(col["key"]) for col in columns} for row in rows]
    return {
        "name": name,
        "title": title,
        "columns": [dict(col) for col in columns],
        "rows": kept,
        "empty": empty,
        "note": note,
    }


def value_cell(source: Mapping[str, Any] | None, metric: str = "") -> dict[str, Any]:
    """Return the fields of a value, whatever else the mapping holds; of too few rows also whose value it is.

    >>> value_cell(None)["reason"]
    'no_rows'
    """
    if source is None:
        return {**dict.fromkeys(VALUE_FIELDS), "n": 0, "reason": "no_rows"}
    cell = {name: source.get(name) for name in VALUE_FIELDS}
    return cell | {"metric": metric} if metric and cell["reason"] == "too_few_rows" else cell


def link(text: object, href: str) -> dict[str, str]:
    """Return a cell that leads to another page."""
    return {"text": str(text), "href": href}


def safe_cell(cell: object) -> object:
    """Keep a spreadsheet from reading a text as a formula; numbers stay numbers.

    >>> safe_cell("=1+1"), safe_cell(-3.5), safe_cell(None)
    ("'=1+1", '-3.5', '')
    """
    if cell is None:
        return ""
    if isinstance(cell, str):
        text = plain(cell.replace("\r\n", " ").replace("\n", " "))
        return f"'{text}" if cell.lstrip().startswith(FORMULA_SIGNS) or cell.startswith(FORMULA_SIGNS) else text
    return repr(cell) if isinstance(cell, float) else cell


def to_csv(tables: Sequence[Mapping[str, Any]]) -> str:
    """Write tables one below the other; with several, the first column names the table."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    several = len(tables) > 1
    for index, one in enumerate(tables):
        if index:
            writer.writerow([])
        head = [name for col in one["columns"] for name in _heads(col)]
        writer.writerow((["table"] if several else []) + head)
        for row in one["rows"]:
            cells = [safe_cell(cell) for col in one["columns"] for cell in _cells(col, row[col["key"]])]
            writer.writerow(([one["name"]] if several else []) + cells)
    return out.getvalue()


def _heads(col: Mapping[str, str]) -> list[str]:
    key = str(safe_cell(col["key"]))
    if col["kind"] != "value":
        return [key]
    return [key if name == "value" else f"{key}.{name}" for name in VALUE_FIELDS]


def _cells(col: Mapping[str, str], cell: Any) -> list[Any]:
    if col["kind"] == "value":
        got = value_cell(cell)
        return [got[name] for name in VALUE_FIELDS]
    return [cell["text"] if isinstance(cell, Mapping) else cell]
