"""Which rows become a reference: the configured ones, else the first live ones; and where a stored one differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.layout import Layout
from choirmaster.plan import ROW_SCORES
from choirmaster.ports import Store
from choirmaster.states.reference import Reference
from choirmaster.values import FUSED
from choirmaster.watch.absorb import live
from choirmaster.watch.history import History
from choirmaster.watch.settings import MonitorSettings

COLLECT_ROWS = 10_000
FIRST_ROWS = "the first live rows"
CONTENT = "reference_content"  # the kind of document that holds the hash of a reference's file


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


def note_content(store: Store, settings: MonitorSettings, reference: Reference, *, at: int) -> None:
    """Remember the content of the configured file with the reference that is made of it."""
    if settings.reference_content is not None and reference.source == settings.reference_source:
        document = {"content": settings.reference_content()}
        store.put_document(CONTENT, f"{settings.name}/{reference.id}", document, at=at)


def noted_content(store: Store, ensemble: str, reference: str) -> str:
    """Return the hash of the file that a reference was made of; '' where none was remembered."""
    key = f"{ensemble}/{reference}"
    return str(store.documents(CONTENT, key).get(key, {}).get("content", ""))


def fix_text(ensemble: str) -> str:
    """Return what to type to measure by the configuration as it is now."""
    return f"choirmaster reference set {ensemble} starts a new epoch; until then values stay comparable with the past"


def differences(
    reference: Reference, settings: MonitorSettings, *, by_hand: bool = False, content: str = ""
) -> list[str]:
    """Say where a stored reference is not what the configuration asks for now: it stays, and so do its numbers.

    One that was set ``by_hand`` may come from elsewhere than the configured file. A member that is only in the
    configuration is no difference: it gets parts of its own (D14). ``content`` is the hash of the file that the
    reference was made of.
    """
    out = [f"{what}; what is new is not measured" for what in _of_layout(reference.layout, settings.layout)]
    if settings.reference_rows is not None and reference.source != settings.reference_source:
        if not by_hand:
            out.append(f"the reference file is {settings.reference_source} now, it was {reference.source}")
    elif content and settings.reference_content is not None:
        now = settings.reference_content()
        if now and now != content:
            out.append(f"the reference file {reference.source} holds something else now: its content is {now[:12]}, "
                       f"the reference was made of {content[:12]}")  # fmt: skip
    wished = settings.cutoff.get(FUSED) if isinstance(settings.cutoff, Mapping) else settings.cutoff
    held_cutoff = reference.cutoff(FUSED)
    if isinstance(wished, int | float) and held_cutoff is not None and float(wished) != held_cutoff:
        out.append(f"the cutoff is {wished:g} now, values are measured at {held_cutoff:g}")
    if settings.row_scores and ROW_SCORES not in reference.parts:
        out.append("metrics of all features together are asked for, of which it knows nothing: they are not measured")
    return out


_SHAPES = {"task": "the task", "classes": "the classes", "positive": "the positive class",
           "numeric": "the numeric features", "categorical": "the categorical features", "segments": "the segments",
           "crosses": "the crossed segments", "value": "the value column", "levels": "the quantile levels"}  # fmt: skip


def _of_layout(held: Layout, wanted: Layout) -> Iterator[str]:
    """Yield what shapes a reference and is not as it was; a member that is only wanted now is no difference."""
    for name, words in _SHAPES.items():
        before, now = getattr(held, name), getattr(wanted, name)
        if isinstance(before, tuple) and set(before) != set(now):
            gone, new = (
                [_shown(one) for one in some if one not in other] for some, other in ((before, now), (now, before))
            )
            parts = [f"with {', '.join(new)}"] * bool(new) + [f"without {', '.join(gone)}"] * bool(gone)
            yield f"{words} are {' and '.join(parts)} now"
        elif isinstance(before, tuple) and before != now:
            yield f"{words} are in another order now"
        elif before != now:
            yield f"{words} changed from {before} to {now}"
    outputs = {one.name: one.output for one in wanted.series}
    for one in held.series:
        if one.name not in outputs:
            yield f"the member {one.name} is gone"
        elif one.output != outputs[one.name]:
            yield f"the output of {one.name} is {outputs[one.name]} now, it was {one.output}"


def _shown(value: object) -> str:
    return " x ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def found_differences(store: Store, settings: MonitorSettings, history: History) -> list[str]:
    """Say where the reference in use is not what the configuration asks for now."""
    current = history.current
    return differences(current, settings, by_hand=bool(history.epochs[-1].who),
                       content=noted_content(store, settings.name, current.id))  # fmt: skip
