"""Counted states as a thing of their own: saved, loaded, added, taken apart, and read off when wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from choirmaster.app.frames import Measured, read_off
from choirmaster.app.gathering import AUTO, Gathered, Progress, gather, silent
from choirmaster.app.wanted import wanted
from choirmaster.engines.local import Scan, Slot
from choirmaster.engines.sparse import Sparse, restore, squeeze
from choirmaster.errors import DataError, StateMismatch
from choirmaster.plan import plan_for
from choirmaster.schema import Schema
from choirmaster.states import BY_KIND
from choirmaster.states.bundle import Bundle, read, write
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import Parts, merge_states, subtract_states
from choirmaster.states.reference import Reference
from choirmaster.times import Grain

Aside = dict[StateKey, Sparse]


@dataclass(frozen=True)
class Counted:
    """States by window and segment, sparse, with the reference that fixes what they count."""

    reference: Reference
    states: Mapping[Slot, Aside]
    schema: Schema
    grain: Grain | int | None
    rows: int
    untimed: int
    notes: tuple[str, ...] = ()
    kind: str = "files"
    name: str = ""


def profile(
    data: Any, *, reference: Any, schema: Schema | None, window: str | int | None, metrics: Any = AUTO,
    progress: Progress = silent,
) -> Counted:  # fmt: skip
    """Count rows and keep the states; a ``Counted`` as reference fixes bins, columns and window."""
    if isinstance(reference, Counted):
        schema, window = schema or reference.schema, _window(reference.grain)
        reference = reference.reference
    found = gather(data, reference=reference, schema=schema, window=window, progress=progress,
                   row_scores=wanted(metrics, exact=False).row_scores)  # fmt: skip
    if isinstance(found.plan.grain, int):
        raise DataError("a profile has no windows by row number", where="window", got=str(window),
                        fix="rows of two profiles have no common order; use windows of time or None")  # fmt: skip
    scan, plan = found.found, found.plan
    states = {slot: squeeze(scan.take(plan, slot)) for slot in scan.slots()}
    return Counted(found.reference, states, found.schema, plan.grain, scan.rows, scan.untimed, tuple(found.notes),
                   found.kind, found.name)  # fmt: skip


def merge(one: Counted, two: Counted) -> Counted:
    """Return the profile of both sets of rows together."""
    _same(one, two)
    parts = _parts(one.reference)
    states = dict(one.states)
    for slot, aside in two.states.items():
        both = merge_states(restore(states.get(slot, {}), parts), restore(aside, parts))
        states[slot] = squeeze(both)
    return replace(one, states=states, rows=one.rows + two.rows, untimed=one.untimed + two.untimed, notes=(), name="")


def subtract(one: Counted, two: Counted) -> Counted:
    """Return the profile without the rows of another; windows without a row left are gone."""
    _same(one, two)
    parts = _parts(one.reference)
    states = dict(one.states)
    for slot, aside in two.states.items():
        left = subtract_states(restore(states.get(slot, {}), parts), restore(aside, parts))
        if any((state.counts < 0).any() for state in left.values()):
            raise StateMismatch("rows that are not in a profile cannot be taken out of it", where="subtract",
                                fix="subtract a profile of rows that the first one holds")  # fmt: skip
        left = {key: state for key, state in left.items() if not state.empty}
        states.pop(slot, None)
        if left:
            states[slot] = squeeze(left)
    return replace(one, states=states, rows=one.rows - two.rows, untimed=one.untimed - two.untimed, notes=(), name="")


def _parts(reference: Reference) -> Parts:
    return plan_for(reference, None, calls=False, intake=True).parts


def read_values(counted: Counted, metrics: Any) -> Measured:
    """Read values and alerts off a profile."""
    plan = plan_for(counted.reference, counted.grain, calls=False, intake=True)
    scan = Scan({}, dict(counted.states), counted.rows, counted.untimed)
    gathered = Gathered(scan, plan, counted.reference, counted.schema, list(counted.notes), counted.kind, counted.name)
    return read_off(gathered, wanted(metrics, exact=False))


def to_bytes(counted: Counted) -> bytes:
    """Write a profile as one file; equal content gives equal bytes."""
    grain = counted.grain
    meta = {"schema": counted.schema.as_dict(), "rows": counted.rows, "untimed": counted.untimed, "name": counted.name,
            "grain": [grain.count, grain.unit, grain.zone] if isinstance(grain, Grain) else None}  # fmt: skip
    parts = _parts(counted.reference)
    states = {slot: restore(aside, parts) for slot, aside in counted.states.items()}
    return write(Bundle(counted.reference, states, meta))


def from_bytes(data: bytes) -> Counted:
    """Read a profile back."""
    bundle = read(data, BY_KIND)
    meta = bundle.meta
    grain = None if meta["grain"] is None else Grain(*meta["grain"])
    states = {slot: squeeze(states) for slot, states in bundle.states.items()}
    fields = dict(meta["schema"])
    return Counted(bundle.reference, states, Schema(fields.pop("task"), **fields), grain, meta["rows"],
                   meta["untimed"], name=meta["name"])  # fmt: skip


def save(counted: Counted, path: Path) -> None:
    """Write a profile to a file, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(to_bytes(counted))
    partial.replace(path)


def load(path: Path) -> Counted:
    """Read a profile from a file."""
    try:
        return from_bytes(path.read_bytes())
    except OSError as error:
        raise DataError("cannot read a profile", where=str(path), got=str(error.strerror or error)) from None


def _window(grain: Grain | int | None) -> str | int | None:
    return str(grain) if isinstance(grain, Grain) else grain


def _same(one: Counted, two: Counted) -> None:
    ours, theirs = one.reference, two.reference
    mine = {key.text: part.id for key, part in ours.parts.items()}
    if mine != {key.text: part.id for key, part in theirs.parts.items()}:
        raise StateMismatch(
            "profiles over different bins do not add up", where="profile",
            expected=f"reference {ours.id or 'of its rows'}", got=f"reference {theirs.id or 'of its rows'}",
            fix="make the second one with reference=first, or both with the same reference",
        )  # fmt: skip
    if one.grain != two.grain:
        raise StateMismatch("profiles with different windows do not add up", where="profile",
                            expected=str(one.grain), got=str(two.grain))  # fmt: skip
