"""A reference: the parts that fix every bin and unit, and the reference's own states to compare with."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from choirmaster.ids import content_id
from choirmaster.schema import Layout, Output, SeriesSpec, Task
from choirmaster.states.agreement import AgreementPart
from choirmaster.states.base import Part, State
from choirmaster.states.calls import CallsPart
from choirmaster.states.confusion import ConfusionPart
from choirmaster.states.errors import ErrorPart
from choirmaster.states.histogram import CategoryPart, NumericPart
from choirmaster.states.keys import StateKey, parse_key
from choirmaster.states.label_sets import LabelSetPart
from choirmaster.states.losses import LossPart
from choirmaster.states.moments import MomentsPart
from choirmaster.states.quantiles import QuantilePart
from choirmaster.states.rowscore import RowScorePart
from choirmaster.states.scores import ScorePart
from choirmaster.states.spread import SpreadPart


@dataclass(frozen=True)
class Reference:
    """What current rows are compared with.

    Attributes
    ----------
    layout : Layout
        Columns, classes and series.
    parts : mapping of StateKey to Part
    states : mapping of StateKey to State
        The reference's own rows, under the same keys.
    segments : mapping
        Segment column to its known values, most frequent first.
    source : str
        Where the rows came from, in words.
    rows : int
    comparable : bool
        False where there was no reference and the bins come from the measured data itself: then nothing can drift.
    crosses : mapping
        Crossed columns to the segment keys kept apart, most frequent first.
    """

    layout: Layout
    parts: Mapping[StateKey, Part]
    states: Mapping[StateKey, State]
    segments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = ""
    rows: int = 0
    comparable: bool = True
    crosses: Mapping[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def id(self) -> str:
        """Content hash of parts, states and segment values; '' where there is nothing to compare with."""
        if not self.comparable:
            return ""
        pieces = [json.dumps(self.segments, sort_keys=True).encode()] if self.segments else []
        pieces += [f"{key.text}={self.parts[key].id}".encode() for key in sorted(self.parts)]
        pieces += [self.states[key].to_bytes() for key in sorted(self.states)]
        return content_id(*pieces)

    def cutoff(self, series: str) -> float | None:
        """Return the cutoff of a series, or None where none is used."""
        part = self.parts.get(StateKey(series, "confusion/1"))
        return float(part.cutoff) if isinstance(part, ConfusionPart) and np.isfinite(part.cutoff) else None


def with_costs(reference: Reference, layout: Layout) -> Reference:
    """Return the same reference read under the costs of a layout of the same classes: no part's identity changes."""
    costs = layout.costs
    if reference.layout.costs == costs or reference.layout.classes != layout.classes:
        return reference
    parts = {key: replace(one, costs=costs) if isinstance(one, ConfusionPart) else one
             for key, one in reference.parts.items()}  # fmt: skip
    states = {key: type(one)(parts[key], one.counts, one.sums) for key, one in reference.states.items()}
    return replace(reference, layout=replace(reference.layout, costs=costs), parts=parts, states=states)


_PART_KINDS: dict[str, type[Part]] = {
    "numeric": NumericPart, "category": CategoryPart, "moments": MomentsPart, "confusion": ConfusionPart,
    "score": ScorePart, "loss": LossPart, "calls": CallsPart, "errors": ErrorPart, "agreement": AgreementPart,
    "spread": SpreadPart, "quantile": QuantilePart,
    "label_set": LabelSetPart, "rowscore": RowScorePart,
}  # fmt: skip


def to_bytes(reference: Reference) -> bytes:
    """Write a reference as an uncompressed-array archive (npz) with one JSON header; no pickle."""
    arrays: dict[str, Any] = {}
    meta: dict[str, Any] = {"format": 1, "source": reference.source, "rows": reference.rows,
                            "comparable": reference.comparable, "layout": _layout_fields(reference.layout),
                            "segments": {name: list(values) for name, values in reference.segments.items()},
                            "crosses": [[list(names), list(kept)] for names, kept in reference.crosses.items()],
                            "parts": {}}  # fmt: skip
    for number, (key, part) in enumerate(sorted(reference.parts.items())):
        plain: dict[str, Any] = {}
        for name, value in vars(part).items():
            if name in type(part).__dataclass_fields__:
                _put(arrays, plain, f"{number}.{name}", name, value)
        meta["parts"][key.text] = {"kind": _kind_name(part), "number": number, "fields": plain}
    for key, state in sorted(reference.states.items()):
        arrays[f"state.{key.text}"] = np.frombuffer(state.to_bytes(), np.uint8)
    arrays["meta"] = np.frombuffer(json.dumps(meta, sort_keys=True).encode(), np.uint8)
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def from_bytes(data: bytes, registry: Mapping[str, type[State]]) -> Reference:
    """Read a reference back."""
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        meta = json.loads(archive["meta"].tobytes())
        parts: dict[StateKey, Part] = {}
        for text, entry in meta["parts"].items():
            fields = {name: archive[f"{entry['number']}.{name}"] if value is None else value
                      for name, value in entry["fields"].items()}  # fmt: skip
            parts[parse_key(text)] = _PART_KINDS[entry["kind"]](**_tuples(fields))
        names = [name for name in archive.files if name.startswith("state.")]
        keys = {name: parse_key(name.removeprefix("state.")) for name in names}
        states = {key: registry[key.kind].from_bytes(archive[name].tobytes(), parts[key]) for name, key in keys.items()}
    segments = {name: tuple(values) for name, values in meta["segments"].items()}
    crosses = {tuple(names): tuple(kept) for names, kept in meta.get("crosses", ())}
    return Reference(layout_from(meta["layout"]), parts, states, segments, meta["source"], meta["rows"],
                     meta["comparable"], crosses)  # fmt: skip


def _put(arrays: dict[str, Any], plain: dict[str, Any], slot: str, name: str, value: Any) -> None:
    if isinstance(value, np.ndarray):
        arrays[slot], plain[name] = value, None
    elif value is None:
        return  # a field at its default; None in the header stands for an array
    elif isinstance(value, float) and not np.isfinite(value):
        arrays[slot], plain[name] = np.float64(value), None
    else:
        plain[name] = value


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    out = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return {
        name: float(value) if isinstance(value, np.ndarray) and value.ndim == 0 else value
        for name, value in out.items()
    }


def _kind_name(part: Part) -> str:
    return next(name for name, kind in _PART_KINDS.items() if type(part) is kind)


def _layout_fields(layout: Layout) -> dict[str, Any]:
    return asdict(layout)


def layout_from(fields: Mapping[str, Any]) -> Layout:
    """Build a layout from plain data."""
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    plain["task"] = Task(plain["task"])
    plain["crosses"] = tuple(tuple(one) for one in plain.get("crosses", ()))
    plain["series"] = tuple(SeriesSpec(one["name"], Output(one["output"])) for one in plain["series"])
    return Layout(**plain)
