"""Which rows become a reference: the configured ones, else the first live ones; and where a stored one differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.plan import ROW_SCORES
from choirmaster.ports import Store
from choirmaster.states.reference import Reference
from choirmaster.values import FUSED
from choirmaster.watch.absorb import live
from choirmaster.watch.settings import MonitorSettings

COLLECT_ROWS = 10_000
FIRST_ROWS = "the first live rows"


def chosen_rows(store: Store, settings: MonitorSettings) -> tuple[pa.Table | None, str, float]:
    """Return the rows of a first reference, where they come from, and how much of them is there (1: all).

    The configured rows, else the first 10,000 live rows, or those of the first 14 days, whichever comes first.
    """
    if settings.reference_rows is not None:
        return settings.reference_rows(), settings.reference_source, 1.0
    table = live(store.pending(settings.name).predictions)
    share = collected(table, settings.collect)
    return (first(table, settings.collect) if share >= 1.0 else None), FIRST_ROWS, share


def first(table: pa.Table, enough: int) -> pa.Table:
    """Return the first rows in order of time, no more than a first reference needs."""
    ordered = table.sort_by("time").slice(0, COLLECT_ROWS)
    times = ordered["time"].cast(pa.int64())
    return ordered.filter(pc.less_equal(times, (pc.min(times).as_py() or 0) + enough))


def collected(table: pa.Table, enough: int) -> float:
    """Return how much of a first reference is there: 10,000 rows or enough time, whichever comes first."""
    bounds = pc.min_max(table["time"].cast(pa.int64())).as_py()
    span = (bounds["max"] or 0) - (bounds["min"] or 0)
    return float(max(table.num_rows / COLLECT_ROWS, span / enough))


def fix_text(ensemble: str) -> str:
    """Return what to type to measure by the configuration as it is now."""
    return f"choirmaster reference set {ensemble} starts a new epoch; until then values stay comparable with the past"


def differences(reference: Reference, settings: MonitorSettings, *, by_hand: bool = False) -> list[str]:
    """Say where a stored reference is not what the configuration asks for now: it stays, and so do its numbers.

    One that was set ``by_hand`` may come from elsewhere than the configured file. A member that is only in the
    configuration is no difference: it gets parts of its own (D14).
    """
    out = []
    held = {one.name for one in reference.layout.series}
    wanted = tuple(one for one in settings.layout.series if one.name in held)
    if reference.layout != replace(settings.layout, series=wanted):
        out.append("features, members, classes or segments have changed; what is new is not measured")
    if not by_hand and settings.reference_rows is not None and reference.source != settings.reference_source:
        out.append(f"the reference file is {settings.reference_source} now, it was {reference.source}")
    wished = settings.cutoff.get(FUSED) if isinstance(settings.cutoff, Mapping) else settings.cutoff
    held_cutoff = reference.cutoff(FUSED)
    if isinstance(wished, int | float) and held_cutoff is not None and float(wished) != held_cutoff:
        out.append(f"the cutoff is {wished:g} now, values are measured at {held_cutoff:g}")
    if settings.row_scores and ROW_SCORES not in reference.parts:
        out.append("metrics of all features together are asked for, of which it knows nothing: they are not measured")
    return out
