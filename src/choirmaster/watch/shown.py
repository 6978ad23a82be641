"""One kept prediction as people ask for it: what went in, who said what, who was missing, and each member's part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from choirmaster import fusion
from choirmaster.errors import ChoirmasterError
from choirmaster.layout import (
    Layout,
    Output,
    SeriesSpec,
    Status,
    Task,
    class_column,
    feature_column,
    series_prefix,
    tag_column,
)
from choirmaster.overlay import Role, overlay_of
from choirmaster.overlay.fold import weight_version
from choirmaster.ports import Store
from choirmaster.times import isoformat, to_micros
from choirmaster.values import FUSED
from choirmaster.watch.settings import MonitorSettings

_FALLBACK = "fallback:"
STORED, QUEUED = "stored", "queued"
_NO_SAY = (Role.SHADOW, Role.OFF)
_NEAR = 1e-9
LABEL = ("value", "known_at", "source", "revision", "recorded_at")

Waiting = Callable[[str, str], tuple[Mapping[str, Any] | None, Sequence[Mapping[str, Any]]]]
"""Returns the prediction and the labels of an id that are durable and not in the store yet."""


def prediction(
    store: Store, settings: MonitorSettings, identity: str, waiting: Waiting | None = None
) -> dict[str, Any] | None:
    """Return one kept prediction, of the store or of what waits for it; None for an id that nobody knows."""
    row = store.find(settings.name, identity)
    waits, labels = (None, ()) if waiting is None else waiting(settings.name, identity)
    row = row or (None if waits else store.find(settings.name, identity))  # it may have been drained in between
    found = row or waits
    if found is None:
        return None
    return shown(settings.name, settings.layout, found, rule=_rule(settings),
                 weights=weights_of(store, settings, str(found["weight_version"] or "")),
                 roles=roles_at(store, settings, to_micros(found["time"])),
                 state=STORED if row else QUEUED, queued_labels=labels)  # fmt: skip


def _rule(settings: MonitorSettings) -> Mapping[str, Any]:
    declared: Any = settings.facts.get("declared_fusion")
    return declared if isinstance(declared, Mapping) else {"rule": str(settings.facts.get("fusion", ""))}


def weights_of(store: Store, settings: MonitorSettings, version: str) -> dict[str, float] | None:
    """Return the weights that a kept version names, None where they are not known any more."""
    name = version.removeprefix(_FALLBACK)
    if name == "equal":
        return dict.fromkeys((one.name for one in settings.layout.members), 1.0)
    known: Any = settings.facts.get("weights", {})
    if name == "configured":
        return dict(known)
    decided = [one.weights for one in store.decisions(settings.name) if weight_version(one) == name]
    return {member: float(decided[0].get(member, weight)) for member, weight in known.items()} if decided else None


def roles_at(store: Store, settings: MonitorSettings, at: int) -> dict[str, Role]:
    """Return the members' roles at an instant: those of the file, with what operators had decided by then on top."""
    listed: Any = settings.facts.get("members", ())
    roles = dict.fromkeys((one.name for one in settings.layout.members), Role.VOTER)
    roles |= {one["name"]: Role(one["role"]) for one in listed if one["name"] in roles}
    decided = overlay_of(settings.name, [one for one in store.decisions(settings.name) if one.at <= at], at).roles
    return roles | {name: one.role for name, one in decided.items() if name in roles and one.role is not None}


def shown(
    ensemble: str, layout: Layout, row: Mapping[str, Any], *, rule: Mapping[str, Any],
    weights: Mapping[str, float] | None, roles: Mapping[str, Role], state: str = STORED,
    queued_labels: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:  # fmt: skip
    """Return a kept row in plain words.

    Parameters
    ----------
    row : mapping
        The canonical columns, with ``label``, ``measured`` and ``labels`` where it is in the store.
    rule : mapping
        The fusion rule with its parameters, as ``choirmaster.fusion.prepare`` reads it.
    weights : mapping or None
        Weight by member under the row's weight version; None where they are not known any more.
    roles : mapping
        What each member did; a shadow has no say.
    state : str
        ``stored``, or ``queued`` while it waits in the journal.
    queued_labels : sequence of mapping
        Labels that wait in the journal.
    """
    version = str(row["weight_version"] or "")
    members = [{**_member(layout, one, row), "role": str(roles[one.name])} for one in layout.members]
    answer = _output(layout, _fused(layout), row)
    fallback = version.startswith(_FALLBACK)
    heard = [one for one in members if one["role"] not in _NO_SAY]
    present = [one["member"] for one in heard if one["status"] == Status.OK]
    not_drawn = (Role.CANARY, Status.ABSENT)  # the id is not in the canary's share
    missing = {one["member"]: one["status"] for one in heard
               if one["status"] != Status.OK and (one["role"], one["status"]) != not_drawn}  # fmt: skip
    shares = _shares(layout, row, rule, weights, present, fallback=fallback)
    for one in members:
        if "members" in shares:
            one[shares["kind"]] = shares["members"].get(one["member"])
    labels = [{**_label(one), "state": STORED} for one in row.get("labels", ())]
    labels += [{**_label(one), "state": QUEUED} for one in queued_labels]
    return {
        "ensemble": ensemble, "id": row["id"], "state": state, "time": _time(row["time"]), "split": row["split"],
        "features": {one: row.get(feature_column(one)) for one in layout.features},
        "tags": {one: row.get(tag_column(one)) for one in layout.tags},
        **({"value": row.get("value")} if layout.value else {}),
        "answer": answer, "answered_by_fallback": fallback, "present": present, "missing": missing,
        "members": members, "fusion": rule.get("rule", ""),
        "weight_version": version.removeprefix(_FALLBACK),
        "weights": dict(weights) if weights is not None else None,
        "shares": {name: one for name, one in shares.items() if name != "members"},
        "label": row.get("label"), "label_measured": row.get("measured"), "labels": labels,
    }  # fmt: skip


def _fused(layout: Layout) -> SeriesSpec:
    return next(one for one in layout.series if one.name == FUSED)


def _member(layout: Layout, series: SeriesSpec, row: Mapping[str, Any]) -> dict[str, Any]:
    prefix = series_prefix(series.name)
    return {
        "member": series.name, "status": row.get(f"{prefix}.status") or str(Status.ABSENT),
        "answer": _output(layout, series, row), "version": row.get(f"{prefix}.version"),
        "latency_us": row.get(f"{prefix}.latency_us"),
    }  # fmt: skip


def _output(layout: Layout, series: SeriesSpec, row: Mapping[str, Any]) -> Any:
    """Return probabilities by class, numbers by level, a class, or a number; None where there is none."""
    if series.output is Output.CLASS:
        return row.get(class_column(series.name))
    found = [row[name] for name in layout.output_columns(series) if row.get(name) is not None]
    if len(found) < len(layout.output_columns(series)):
        return None
    if layout.task is Task.BINARY:
        both = {layout.positive: found[0], _negative(layout): 1.0 - found[0]}
        return {name: both[name] for name in layout.classes}
    if layout.task.has_classes:
        return dict(zip(layout.classes, found, strict=True))
    return dict(zip(layout.levels, found, strict=True)) if layout.levels else found[0]


def _negative(layout: Layout) -> str:
    return next(one for one in layout.classes if one != layout.positive)


def _shares(
    layout: Layout,
    row: Mapping[str, Any],
    rule: Mapping[str, Any],
    weights: Mapping[str, float] | None,
    heard: Sequence[str],
    *,
    fallback: bool,
) -> dict[str, Any]:
    """Return the kind of the members' parts and the parts, or why they are not known."""
    if fallback:
        return {"unknown": "the fallback answered, not the members"}
    if weights is None:
        return {"unknown": "the weights of that version are not known any more"}
    outputs = [_output(layout, one, row) if one.name in heard else None for one in layout.members]
    numbers = [_numbers(layout, one) for one in outputs]
    there = [one for one in numbers if one is not None]
    if not there or not (layout.task.classifies or layout.task is Task.REGRESSION):
        return {"unknown": "no member's numbers are kept"}
    present = np.array([[one is not None for one in numbers]])
    stacked = np.array([[np.zeros_like(there[0]) if one is None else one for one in numbers]])
    member_weight = np.array([float(weights.get(one.name, 1.0)) for one in layout.members])
    try:
        whole = fusion.prepare(rule, task=str(layout.task), members=[one.name for one in layout.members],
                               classes=layout.classes, positive=layout.positive)  # fmt: skip
        told = fusion.explain(whole, stacked, present, member_weight)
        again = whole.fuse(stacked, present, member_weight).output[0]
    except ChoirmasterError as error:
        return {"unknown": str(error)}
    kept = _numbers(layout, _output(layout, _fused(layout), row))
    if kept is not None and not np.allclose(again, kept, rtol=0.0, atol=_NEAR):
        return {"unknown": "under today's fusion the members' answers do not give the answer that was kept"}
    return {"kind": told.kind, "members": {
        one.name: _named(layout, told.values[0, at]) for at, one in enumerate(layout.members) if present[0, at]
    }}  # fmt: skip


def _numbers(layout: Layout, output: Any) -> Any:
    if output is None or isinstance(output, str):
        return None
    return np.array([output[name] for name in layout.classes]) if layout.classes else np.float64(output)


def _named(layout: Layout, values: Any) -> Any:
    found = [None if np.isnan(one) else float(one) for one in np.atleast_1d(values)]
    return dict(zip(layout.classes, found, strict=True)) if layout.classes else found[0]


def _label(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _time(event.get(name)) if name.endswith("_at") else event.get(name) for name in LABEL}


def _time(value: Any) -> str | None:
    return None if value is None else isoformat(value if isinstance(value, int) else to_micros(value))
