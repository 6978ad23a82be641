"""``choirmaster describe``: everything that has a name and a declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from choirmaster import fusion
from choirmaster.app.unserved import FRAMES_ONLY
from choirmaster.errors import unknown
from choirmaster.metrics import METRICS, OBSERVED, Metric
from choirmaster.metrics.base import PREVIOUS, REFERENCE
from choirmaster.plan import ROW_SCORES
from choirmaster.values import Kind

COSTS = ("cost", "total_cost")
TOGETHER = ("errors/1", "agreement/1", "spread/1")


def describe(name: str) -> Mapping[str, Any]:
    """Return one declaration, or the names there are for ''."""
    declared = (*METRICS, *OBSERVED)
    known: dict[str, Callable[[], dict[str, Any]]] = {one.name: partial(_metric, one) for one in declared}
    rules = {one.name: one for one in fusion.RULES}
    known = {name: partial(_rule, one) for name, one in rules.items()} | known
    known |= {one.name: partial(_calibration, one) for one in fusion.CALIBRATIONS}
    if not name:
        return {"names": sorted(known)}
    if name not in known:
        raise unknown("name", name, known)
    found = known[name]()
    return found if name not in rules or found["kind"] == "fusion rule" else found | {"fusion_rule": _rule(rules[name])}


def _metric(one: Metric) -> dict[str, Any]:
    kind = "drift measure" if one.compares else "metric"
    needs = [text for text, needed in (
        ("labels", one.kind is Kind.REALIZED), ("a reference", one.compares and one.against == REFERENCE),
        ("the window before", one.against == PREVIOUS), ("a cutoff, or answers that are classes", _decides(one)),
        ("a value column", one.name.startswith("value_")), ("a matrix of costs", one.name in COSTS),
        ("members that are called", one.needs == "calls/1"), ("at least two members", one.needs in TOGETHER),
        ("at least two features that vary", one.needs == ROW_SCORES.kind),
        ("rows in memory", one.name == FRAMES_ONLY),
    ) if needed]  # fmt: skip
    return {
        "name": one.name, "kind": kind, "text": one.definition, "family": one.family, "state": one.needs,
        "tasks": [str(task) for task in one.tasks], "better": one.better, "unit": one.unit, "interval": one.interval,
        "least": str(one.least), "source": one.source, "needs": needs or ["answers"],
    }  # fmt: skip


def _decides(one: Metric) -> bool:
    """Say whether a score must have become a class."""
    return (
        one.needs in ("confusion/1", "agreement/1", "label_sets/1")
        and not one.name.startswith("label_")
        and (one.name not in ("prevalence", "value_missing_rate"))
    )


def _rule(one: fusion.Rule) -> dict[str, Any]:
    return {
        "name": one.name, "kind": "fusion rule", "text": one.definition, "range": one.range, "tasks": list(one.tasks),
        "edge_cases": list(one.edge_cases), "source": one.source, "parameters": list(one.parameters),
    }  # fmt: skip


def _calibration(one: fusion.Calibration) -> dict[str, Any]:
    return {
        "name": one.name, "kind": "calibration", "text": one.definition, "range": one.range, "tasks": list(one.tasks),
        "edge_cases": list(one.edge_cases), "source": one.source, "parameters": list(one.parameters),
    }  # fmt: skip
