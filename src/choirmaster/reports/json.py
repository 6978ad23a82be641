"""The whole content as JSON."""

from __future__ import annotations

import json

from choirmaster.reports.model import Content
from choirmaster.values import VALUE_COLUMNS


def render_json(content: Content) -> str:
    """Write everything a report says, and the tidy rows behind it: names of columns once, then a list per row."""
    plain = content.as_dict()
    rows = [[row.get(name) for name in VALUE_COLUMNS] for row in content.values]
    plain["values"] = {"columns": list(VALUE_COLUMNS), "rows": rows}
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)
