"""Measure frames and files: no server, no store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from choirmaster.alerts.default_rules import default_rules
from choirmaster.alerts.text import Alert
from choirmaster.app.choosing import Automatic, Row, automatic
from choirmaster.app.clock import RealClock
from choirmaster.app.exact_rows import sharpen
from choirmaster.app.gathering import AUTO, Gathered, Progress, gather, silent
from choirmaster.app.slices import SegmentTotals
from choirmaster.app.told_apart import tell_apart
from choirmaster.app.wanted import Wanted, inexact, wanted
from choirmaster.catalogue.facts import WINDOW
from choirmaster.catalogue.lengths import DEFAULT_PRECISION
from choirmaster.catalogue.ranking import headline
from choirmaster.engines.local import Scan
from choirmaster.errors import SchemaError
from choirmaster.metrics.freshness import FRESHNESS
from choirmaster.plan import ROW_SCORES, Plan
from choirmaster.schema import Schema
from choirmaster.states.reference import Reference
from choirmaster.times import Grain, Window, parse_instant, to_micros, zone_info
from choirmaster.watch.before import Before
from choirmaster.watch.chosen import chosen_metrics
from choirmaster.watch.evaluate import Subject, ValueRows, evaluate_states
from choirmaster.watch.freshness import PREDICTIONS, add_freshness
from choirmaster.watch.judge import baselines, judge

OPEN_VALUES = 5_000
EXPECTED_LABEL_SHARE = 0.5
UNKNOWN_TOGETHER = (
    "features together: nothing of them was counted; name these metrics, or say all, where rows are counted"
)


@dataclass
class Measured:
    """What measuring frames or files found."""

    values: pa.Table
    alerts: list[Alert]
    notes: list[str]
    reference: Reference
    schema: Schema
    kind: str
    rows: int
    grain: Grain | int | None
    name: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    slices: SegmentTotals = field(default_factory=lambda: SegmentTotals({}))
    choices: list[Row] = field(default_factory=list)
    leads: tuple[str, ...] = ()


def measure(
    current: Any,
    *,
    reference: Any = None,
    schema: Schema | None = None,
    window: str | int | None = AUTO,
    metrics: str | Sequence[str] = AUTO,
    exact: bool | str = AUTO,
    engine: Any = "local",
    precision: float = DEFAULT_PRECISION,
    now: datetime | str | None = None,
    progress: Progress = silent,
) -> Measured:
    """Measure every window of ``current`` against ``reference``.

    See :func:`choirmaster.monitor` for the parameters.
    """
    asked = wanted(metrics, exact)
    clock = _clock(now, schema.timezone if schema else "UTC")
    found = gather(current, reference=reference, schema=schema, window=window, own_bins=asked.own_bins, now=clock,
                   row_scores=asked.row_scores, engine=engine, progress=progress,
                   automatic=automatic(window, precision))  # fmt: skip
    if asked.own_bins:
        found.notes += inexact(found.reference)
    return read_off(found, asked, progress)


def read_off(gathered: Gathered, asked: Wanted, progress: Progress = silent) -> Measured:
    """Read every value and alert off counted rows; the states are let go of on the way."""
    progress("values", 0, 1, "")
    plan, reference, found, table = gathered.plan, gathered.reference, gathered.found, gathered.table
    values, before = ValueRows(at_most=None if table is not None else OPEN_VALUES), Before()
    auto = gathered.automatic or Automatic(metrics=chosen_metrics(plan.layout, reference.states))
    metrics, few = asked.of(plan.layout.task, plan.grain, auto.metrics)
    totals, windows = SegmentTotals(plan.parts), []
    for window, segment, states in auto.slots(found, plan):
        windows += [] if segment else [window]
        if plan.layout.sliced or not segment:
            totals.add(segment, states)
        earlier = before.swap(window, segment, states)
        evaluate_states(values, Subject("", window, segment), states, plan, reference,
                        few if segment else metrics, earlier)  # fmt: skip
    if table is not None and asked.from_rows:
        sharpen(values, table, gathered.past, plan.layout, plan.grain, plan, auto.over)
    if table is not None and gathered.past is not None:
        tell_apart(values, table, gathered.past, plan.layout, plan.grain, auto.over)
    if not isinstance(asked.names, str) and asked.row_scores and ROW_SCORES not in plan.parts:
        gathered.notes.append(UNKNOWN_TOGETHER)
    if plan.now is not None and gathered.schema.time and asked.includes(FRESHNESS.name):
        _freshness(values, windows, found, auto, plan)
    tidy = values.table()
    rules = default_rules(plan.layout.task, expected_label_share=EXPECTED_LABEL_SHARE,
                          leading=plan.layout.series[-1].name)  # fmt: skip
    past = baselines(reference, {one.metric for one in rules}) if reference.comparable else {}
    judged = judge(rules, tidy, past, {}, ensemble=gathered.name,
                   mature=lambda _: True, expected_share=EXPECTED_LABEL_SHARE)  # fmt: skip
    progress("done", 1, 1, "")
    return Measured(tidy, judged.alerts, gathered.notes, reference, gathered.schema, gathered.kind, found.rows,
                    plan.grain, gathered.name, slices=totals,
                    choices=[one for one in auto.rows if one[1].what == WINDOW or asked.names == AUTO],
                    leads=headline(auto.metrics))  # fmt: skip


def _clock(now: datetime | str | None, zone: str) -> int:
    """Return the clock in microseconds UTC; a naive time is taken in the schema's zone."""
    if now is None:
        return RealClock().now()
    if isinstance(now, str):
        return parse_instant(now, zone=zone, where="now")
    if not isinstance(now, datetime):
        raise SchemaError("cannot read the clock", where="now", got=repr(now)[:80],
                          expected='a datetime, or ISO 8601 such as "2026-03-01T12:00:00Z"')  # fmt: skip
    return to_micros(now if now.tzinfo else now.replace(tzinfo=zone_info(zone)))


def _freshness(values: ValueRows, windows: Sequence[Window], found: Scan, auto: Automatic, plan: Plan) -> None:
    """Append the age of the newest row of each window, as it was looked at."""
    newest: dict[int, int] = {}
    now = plan.now or 0
    for window, last in found.newest.items():
        start = auto.over.get(window.start, window.start)
        newest[start] = max(last, newest.get(start, last))
    for window in windows:
        at = min(now, window.end) if isinstance(plan.grain, Grain) else now
        add_freshness(values, Subject("", window), {PREDICTIONS: newest.get(window.start)}, at)
