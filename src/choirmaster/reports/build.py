"""From facts to content: which sections a report has, and the sentences at its head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.reports import closer, moved, sections
from choirmaster.reports.chosen import choices
from choirmaster.reports.facts import NOTHING_CLOSER, Closer, Facts, Queries, from_queries, from_values
from choirmaster.reports.model import Content
from choirmaster.reports.words import metric_title, moment, number
from choirmaster.values import FUSED

HEADLINE_OF_ANY = ("roc_auc", "log_loss", "f1", "accuracy", "mae", "rmse", "wis", "pinball")
HEADLINES_SHOWN = 4
TOLD = (
    *closer.OF_VALUE,
    *closer.OF_ALL,
    *closer.OF_MEMBERS,
    *closer.OF_PAIRS,
    *moved.MEASURES,
    *moved.OF_SERIES,
    *moved.TOGETHER,
    *sections.DATA_QUALITY,
    *sections.RUNNING,
    "label_share",
)  # what sections show besides the headline


def content(
    queries: Queries,
    ensemble: str,
    *,
    start: str | None = None,
    end: str | None = None,
    made_at: str = "",
    versions: Mapping[str, str] | None = None,
    configuration: str = "",
) -> Content:
    """Build the report of one ensemble over a span from the public queries.

    Parameters
    ----------
    start, end : str or None
        ISO 8601 instants; None leaves that end open.
    made_at : str
        When the report is made, as text.
    versions : mapping or None
        Of the program and what else matters, by name.
    configuration : str
        Hash of the configuration that was in force.
    """
    facts = from_queries(queries, ensemble, start=start, end=end)
    return build(facts, ensemble, made_at=made_at, versions=versions or {}, configuration=configuration)


def content_from_values(
    values: Any,
    alerts: Sequence[Mapping[str, Any]],
    schema_summary: Mapping[str, Any],
    *,
    title: str = "",
    made_at: str = "",
    versions: Mapping[str, str] | None = None,
    configuration: str = "",
    look: Closer = NOTHING_CLOSER,
) -> Content:
    """Build a report from a table of values alone, without a store.

    Parameters
    ----------
    values : pyarrow.Table
        Columns ``VALUE_SCHEMA``.
    alerts : sequence of mapping
        Keys rule, state, severity, series, feature, metric, value, bound, since, text; missing ones are fine.
    schema_summary : mapping
        What is known of the task: any of the keys of ``Queries.ensemble`` (task, members, headline, cutoff, positive,
        features, reference, fusion, choices).
    look : Closer
        Calibration, weakest segments, gaps between groups and versions, where they are known.
    """
    facts = from_values(values, alerts, schema_summary, look)
    ensemble = str(schema_summary.get("name") or next((row["ensemble"] for row in facts.rows), "") or "data")
    return build(facts, ensemble, title=title, made_at=made_at, versions=versions or {}, configuration=configuration)


def build(
    facts: Facts, ensemble: str, *, title: str = "", made_at: str, versions: Mapping[str, str], configuration: str
) -> Content:
    """Put the sections together."""
    headline = headline_of(facts)
    start, end = facts.span
    shown = (
        sections.quality(facts, headline),
        sections.periods(facts, headline),
        closer.calibration(facts),
        closer.segments(facts),
        closer.versions(facts),
        closer.value(facts),
        closer.together(facts),
        moved.features(facts),
        moved.together(facts),
        moved.series(facts),
        sections.alerts(facts),
        sections.data_quality(facts),
        sections.running(facts),
        choices(facts),
        sections.methods(facts, headline, TOLD),
        sections.identity(facts, versions, configuration),
    )
    reference = facts.about.get("reference") or {}
    identity = {**versions, "configuration": configuration, "reference": str(reference.get("id") or "")}
    return Content(
        title=title or f"{ensemble}: how the ensemble did",
        ensemble=ensemble,
        start=start,
        end=end,
        made_at=made_at,
        summary=tuple(summary(facts, headline)),
        sections=tuple(one for one in shown if one is not None),
        facts={key: text for key, text in identity.items() if text},
        values=facts.rows,
    )


def headline_of(facts: Facts) -> list[str]:
    """Return the metrics that matter most and have values, at most four."""
    named = facts.about.get("headline") or HEADLINE_OF_ANY
    return [one for one in named if one in facts.metrics and one != "label_share"][:HEADLINES_SHOWN]


def summary(facts: Facts, headline: Sequence[str]) -> list[str]:
    """Return the few sentences a reader in a hurry needs."""
    said = [_rows(facts)]
    _, periods = facts.periods(headline, newest=10**6)
    word = "months" if facts.months else "windows"
    said += [sentence for metric in headline[:2] if (sentence := _wins(metric, periods, word))]
    said += [sentence for sentence in (_cutoff(facts, headline), _drift(facts)) if sentence]
    firing = sum(one.get("state") == "firing" for one in facts.alerts)
    count = len(facts.alerts)
    noun = "alert" if count == 1 else "alerts"
    said.append(f"{number(count)} {noun}, {number(firing)} of them firing at the end." if count else "No alert.")
    return said


def _rows(facts: Facts) -> str:
    start, end = facts.span
    span = f"From {moment(start)} to {moment(end)} (UTC)" if start else "Over all rows"
    shares = next(iter(facts.of_series("label_share").values()), {})
    rows = sum(row["n"] or 0 for row in shares.values())
    labelled = sum(round((row["n"] or 0) * row["value"]) for row in shares.values() if row["value"] is not None)
    if not rows:
        return f"{span}, {len(facts.members)} members were watched."
    return (
        f"{span}, {number(rows)} predictions of {len(facts.members)} members were measured; "
        f"{number(labelled)} have a label, {number(rows - labelled)} have none and stand in no quality number."
    )


def _wins(metric: str, periods: Sequence[Mapping[str, Any]], word: str) -> str:
    better = sections.better(metric)
    wins = both = 0
    for one in periods:
        values = {
            name: cell["value"]
            for name, cell in (one["metrics"].get(metric) or {}).items()
            if cell and cell["value"] is not None
        }
        fused = values.pop(FUSED, None)
        if fused is None or not values or better == "none":
            continue
        both += 1
        wins += fused >= max(values.values()) if better == "higher" else fused <= min(values.values())
    return (
        f"{metric_title(metric)} of the fused answer was at least as good as every member's in {wins} of {both} {word}."
        if both
        else ""
    )


def _cutoff(facts: Facts, headline: Sequence[str]) -> str:
    cutoff = facts.about.get("cutoff")
    if not isinstance(cutoff, int | float) or not {"f1", "precision", "recall", "accuracy"} & set(headline):
        return ""
    return f"F1 and what else needs classes is taken at the chosen cutoff {number(float(cutoff))}."


def _drift(facts: Facts) -> str:
    found = sections.worst_first(facts, "psi")
    if not found:
        return ""
    name, most, window = found[0]
    moved = sum(value >= sections.MOVED for _, value, _ in found)
    return (
        f"The feature that moved most is {name}: population stability index {number(most)} in the window "
        f"of {moment(window)}; {moved} of {len(found)} features reached {sections.MOVED} in some window."
    )
