"""The tidy rows as CSV; a text that a spreadsheet would run as a formula is kept a text."""

from __future__ import annotations

import csv
import io
from typing import Any

from choirmaster.reports.model import Content
from choirmaster.reports.words import FORMULA_SIGNS, plain
from choirmaster.values import VALUE_COLUMNS


def render_csv(content: Content) -> str:
    """Write one line per value with the columns ``VALUE_COLUMNS``; undefined values are empty and have a reason."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(VALUE_COLUMNS)
    for row in content.values:
        writer.writerow([safe_cell(row.get(name)) for name in VALUE_COLUMNS])
    return out.getvalue()


def safe_cell(cell: Any) -> Any:
    """Escape a text that begins like a formula; numbers pass as they are.

    >>> safe_cell("@sum"), safe_cell(-0.5), safe_cell(None)
    ("'@sum", '-0.5', '')
    """
    if cell is None:
        return ""
    if isinstance(cell, str):
        return (
            f"'{plain(cell)}"
            if cell.startswith(FORMULA_SIGNS) or cell.lstrip().startswith(FORMULA_SIGNS)
            else plain(cell)
        )
    return repr(cell) if isinstance(cell, float) else cell
