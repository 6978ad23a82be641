"""Measure frames and files: no server, no store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from choirmaster.alerts.default_rules import default_rules
from choirmaster.alerts.text import Alert
from choirmaster.app.choosing import Automatic, Row, automatic
from choirmaster.app.exact_rows import sharpen
from choirmaster.app.gathering import AUTO, Gathered, Progress, gather, silent
from choirmaster.app.slices import SegmentTotals
from choirmaster.app.told_apart import tell_apart
from choirmaster.app.wanted import Wanted, inexact, wanted
from choirmaster.catalogue.facts import WINDOW
from choirmaster.catalogue.lengths import DEFAULT_PRECISION
from choirmaster.catalogue.ranking import headline
from choirmaster.plan import ROW_SCORES
from choirmaster.schema import Schema
from choirmaster.states.reference import Reference
from choirmaster.times import Grain
from choirmaster.watch.before import Before
from choirmaster.watch.chosen import chosen_metrics
from choirmaster.watch.evaluate import Subject, ValueRows, evaluate_states
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
    progress: Progress = silent,
) -> Measured:
    """Measure every window of ``current`` against ``reference``.

    See :func:`choirmaster.monitor` for the parameters.
    """
    asked = wanted(metrics, exact)
    found = gather(current, reference=reference, schema=schema, window=window, own_bins=asked.own_bins, flags=True,
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
    totals = SegmentTotals(plan.parts)
    for window, segment, states in auto.slots(found, plan):
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
