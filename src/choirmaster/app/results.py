"""What a measured frame looks like to its user: rows, alerts, report content."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.app.clock import RealClock
from choirmaster.app.frames import Measured
from choirmaster.layout import Layout
from choirmaster.sources.frames import back_to
from choirmaster.states.versions import ALL_VERSIONS
from choirmaster.times import isoformat
from choirmaster.watch.queries import HEADLINES


def in_kind(measured: Measured, table: pa.Table) -> Any:
    """Return a table in the kind of frame that went in."""
    return table if measured.kind == "files" else back_to(measured.kind, table)


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
        "headline": list(HEADLINES.get(layout.task, ())), "notes": measured.notes,
        "reference": {"id": reference.id, "source": reference.source, "rows": reference.rows} if reference.comparable
        else None,
    }  # fmt: skip
    together = measured.values.filter(pc.equal(measured.values["version"], ALL_VERSIONS))
    return content_from_values(together, alert_rows(measured), about, title=measured.name,
                               made_at=isoformat(RealClock().now()), versions=versions())  # fmt: skip


def _leading(layout: Layout) -> str:
    """Return the fused series, or the only one there is."""
    return layout.series[-1].name


def versions() -> dict[str, str]:
    """Return the versions that numbers may depend on."""
    return {name: version(name) for name in ("choirmaster", "numpy", "pyarrow", "numba")}
