"""What a measured frame looks like to its user: rows, alerts, report content."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.app.clock import RealClock
from choirmaster.app.frames import Measured
from choirmaster.errors import SchemaError
from choirmaster.layout import Layout
from choirmaster.sources.frames import back_to
from choirmaster.states.pack import States
from choirmaster.states.versions import ALL_VERSIONS
from choirmaster.times import isoformat, to_micros
from choirmaster.watch.slices import calibration_points, fairness_gaps, known_series, weakest_segments


def in_kind(measured: Measured, table: pa.Table) -> Any:
    """Return a table in the kind of frame that went in."""
    return table if measured.kind == "files" else back_to(measured.kind, table)


CHOICE_SCHEMA = pa.schema([
    ("time", pa.timestamp("us", "UTC")), ("what", pa.string()), ("name", pa.string()), ("rank", pa.int64()),
    ("why", pa.string()),
])  # fmt: skip


def choices_in_kind(measured: Measured) -> Any:
    """Return what was chosen in the kind of frame that went in."""
    rows = [{"time": since, **one._asdict()} for since, one in measured.choices]
    table = pa.Table.from_pylist(rows, CHOICE_SCHEMA)
    return table if measured.kind == "files" else back_to(measured.kind, table)


def choice_rows(measured: Measured) -> list[dict[str, Any]]:
    """Return what was chosen as plain data, times as ISO 8601 texts."""
    return [{"time": None if since is None else isoformat(since), **one._asdict()} for since, one in measured.choices]


def alert_rows(measured: Measured) -> list[dict[str, Any]]:
    """Return alerts as plain data."""
    out = []
    for one in measured.alerts:
        document: dict[str, Any] = one.document(now=0)
        for name in ("since", "window_start", "window_end"):
            document[name] = isoformat(document[name])
        out.append(document)
    return out


def content(measured: Measured) -> Any:
    """Return what a report shows."""
    from choirmaster.reports import content_from_values

    layout, reference = measured.reference.layout, measured.reference
    kinds = [("numeric", one) for one in layout.numeric] + [("categorical", one) for one in layout.categorical]
    about = {
        "name": measured.name, "task": str(layout.task), "members": [one.name for one in layout.members],
        "positive": layout.positive, "classes": list(layout.classes), "fusion": measured.schema.fusion or "",
        "features": [{"name": one, "type": kind} for kind, one in kinds], "cutoff": reference.cutoff(_leading(layout)),
        "headline": list(measured.leads), "choices": choice_rows(measured), "notes": measured.notes,
        "reference": {"id": reference.id, "source": reference.source, "rows": reference.rows} if reference.comparable
        else None,
    }  # fmt: skip
    together = measured.values.filter(pc.equal(measured.values["version"], ALL_VERSIONS))
    return content_from_values(together, alert_rows(measured), about, title=measured.name,
                               made_at=isoformat(RealClock().now()), versions=versions(),
                               look=closer_look(measured))  # fmt: skip


def notebook(measured: Measured, title: str) -> str:
    """Return how a notebook shows a result: what leads, what moved, what fired."""
    from choirmaster.api.notebook import DRIFT, summary

    layout, table = measured.reference.layout, measured.values
    together = table.filter(pc.equal(table["version"], ALL_VERSIONS))
    headline = measured.leads
    named = pa.array([*headline, *DRIFT])
    whole = together.filter(pc.and_(pc.is_in(together["metric"], named), pc.equal(together["segment"], "")))
    return summary(title, whole.to_pylist(), alert_rows(measured), measured.notes, headline, layout.positive)


def closer_look(measured: Measured) -> Any:
    """Return what is read off sums of states: calibration, weakest segments, gaps between groups, versions."""
    from choirmaster.reports.facts import CLASSIFY, Closer

    layout, slices = measured.reference.layout, measured.slices
    whole = slices.states("")
    weakest, fairness = [], []
    if layout.sliced:
        series = known_series(layout, "")
        by_segment = slices.slices(series)
        weakest = weakest_segments(layout, whole, by_segment)
        if by_segment and layout.task in CLASSIFY:
            fairness = [one for name in layout.segments if (one := _gaps(layout, by_segment, name))]
    told = measured.values.filter(pc.ends_with(measured.values["metric"], "_difference"))
    named = {f"{metric}_difference" for metric in measured.leads}
    versions = [row for row in told.to_pylist() if not row["segment"] and row["metric"] in named]
    for row in versions:
        row["window_start"] = "" if row["window_start"] is None else isoformat(to_micros(row["window_start"]))
    return Closer(calibration_points(layout, whole), weakest, fairness, versions)


def _gaps(layout: Layout, slices: Mapping[str, States], name: str) -> dict[str, Any] | None:
    try:
        return fairness_gaps(layout, slices, name)
    except SchemaError:
        return None


def _leading(layout: Layout) -> str:
    """Return the fused series, or the only one there is."""
    return layout.series[-1].name


def versions() -> dict[str, str]:
    """Return the versions that numbers may depend on."""
    return {name: version(name) for name in ("choirmaster", "numpy", "pyarrow", "numba")}
