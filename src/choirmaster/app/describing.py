"""``choirmaster describe``: everything that has a name and a declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from choirmaster import fusion
from choirmaster.errors import unknown
from choirmaster.metrics import METRICS, Metric


def describe(name: str) -> Mapping[str, Any]:
    """Return one declaration, or the names there are for ''."""
    known: dict[str, Callable[[], dict[str, Any]]] = {one.name: (lambda one=one: _metric(one)) for one in METRICS}  # type: ignore[misc]  # default binds the loop's value
    known |= {one.name: (lambda one=one: _rule(one)) for one in fusion.RULES}  # type: ignore[misc]  # the same
    if not name:
        return {"names": sorted(known)}
    if name not in known:
        raise unknown("name", name, known)
    return known[name]()


def _metric(one: Metric) -> dict[str, Any]:
    kind = "drift measure" if one.compares else "metric"
    return {
        "name": one.name, "kind": kind, "text": one.definition, "family": one.family, "state": one.needs,
        "tasks": [str(task) for task in one.tasks], "better": one.better, "unit": one.unit, "interval": one.interval,
        "least": str(one.least), "source": one.source,
    }  # fmt: skip


def _rule(one: fusion.Rule) -> dict[str, Any]:
    return {
        "name": one.name, "kind": "fusion rule", "text": one.definition, "range": one.range, "tasks": list(one.tasks),
        "edge_cases": list(one.edge_cases), "source": one.source,
    }  # fmt: skip
