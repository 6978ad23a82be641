"""What moved: features, scores, labels and predicted classes against the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.catalogue.titles import MOVED
from choirmaster.reports.facts import Facts
from choirmaster.reports.model import Column, Section, Table
from choirmaster.reports.sections import FEATURES_DRAWN, FEATURES_LISTED, line_chart, worst_first
from choirmaster.reports.words import metric_title, short_title

MEASURES = ("psi", "ks", "jensen_shannon", "wasserstein_scaled", "hellinger", "total_variation", "l_infinity")
OF_FEATURES, OF_A_SIDE = 4, 2  # measures side by side
OF_SERIES = (*(f"{side}_{measure}" for side in MOVED for measure in MEASURES), "label_mean_shift")
TOGETHER = ("reconstruction_shift", "reconstruction_ks", "domain_classifier_auc", "reconstruction_error")
ALL_SERIES = "all"
BRIEF = {f"{side}_{measure}": f"{words.capitalize()}, {short_title(measure)}"
         for side, (words, _) in MOVED.items() for measure in MEASURES}  # fmt: skip
BRIEF["label_mean_shift"] = "Mean label, sd"


def features(facts: Facts) -> Section | None:
    """Draw the features that moved most, and list all of them."""
    by_feature = facts.of_features("psi")
    if not worst_first(facts, "psi"):
        return None
    worst = worst_first(facts, "psi")
    drawn = {name: by_feature[name] for name, _, _ in worst[:FEATURES_DRAWN]}
    chart = line_chart(
        facts,
        "psi",
        {name: {at: {**row, "lower": None, "upper": None} for at, row in rows.items()} for name, rows in drawn.items()},
    )
    words = [f"The {len(drawn)} features that moved most are drawn." if chart and len(by_feature) > 1 else ""]
    if len(by_feature) > FEATURES_LISTED:
        words.append(f"{FEATURES_LISTED} of {len(by_feature)} features are listed; the CSV file has all.")
    return Section(
        "Features against the reference",
        tuple(one for one in words if one),
        (chart,) if chart else (),
        (_table(facts, [name for name, _, _ in worst], sorted(by_feature)),),
    )


def _table(facts: Facts, worst: Sequence[str], names: Sequence[str]) -> Table:
    """List PSI with its interval, and the largest and newest value of other measures that were measured."""
    order = [*worst, *(name for name in names if name not in worst)][:FEATURES_LISTED]
    columns = [
        Column("feature", "feature", "text", 1.5),
        Column("psi.largest", "PSI, largest", "number"),
        Column("psi.at", "in window", "time", 1.1),
        Column("psi.newest", "PSI, newest", "value", 1.5),
    ]
    largest = {metric: {name: (top, at) for name, top, at in worst_first(facts, metric)} for metric in MEASURES}
    others = [metric for metric in MEASURES[1:] if largest[metric]][: OF_FEATURES - 1]
    for metric in others:
        columns.append(Column(f"{metric}.largest", f"{short_title(metric)}, largest", "number", 1.2))
        columns.append(Column(f"{metric}.newest", "newest", "number", 0.8))
    rows = []
    for name in order:
        values = facts.of_features("psi").get(name) or {}
        row: dict[str, Any] = {"feature": name, "psi.newest": values[max(values)] if values else None}
        row["psi.largest"], row["psi.at"] = largest["psi"].get(name, (None, ""))
        for metric in others:
            found = facts.of_features(metric).get(name) or {}
            row[f"{metric}.largest"] = largest[metric].get(name, (None, ""))[0]
            row[f"{metric}.newest"] = found[max(found)]["value"] if found else None
        rows.append(row)
    return Table(tuple(columns), tuple(rows))


def together(facts: Facts) -> Section | None:
    """Draw how far the features have moved together, and list what was measured of it."""
    found = {metric: facts.of_series(metric).get(ALL_SERIES) or {} for metric in TOGETHER}
    rows = []
    for metric, values in found.items():
        known = [(one["value"], at) for at, one in values.items() if one["value"] is not None]
        largest, at = max(known, key=lambda pair: abs(pair[0]), default=(None, ""))
        if known:
            rows.append({"what": metric_title(metric), "largest": largest, "at": at, "newest": values[max(values)]})
    if not rows:
        return None
    columns = (Column("what", "measure", "text", 2.0), Column("largest", "largest", "number"),
               Column("at", "in window", "time", 1.1), Column("newest", "newest", "value", 1.5))  # fmt: skip
    chart = line_chart(facts, TOGETHER[0], {"all features": found[TOGETHER[0]]})
    words = "Features may move together, or no longer do, where each of them alone is as it was."
    return Section("All features together", (words,), (chart,) if chart else (), (Table(columns, tuple(rows)),))


def series(facts: Facts) -> Section | None:
    """Draw the drift of scores, and list that of scores, predicted classes and labels of each series."""
    found = {metric: facts.of_series(metric) for metric in OF_SERIES}
    shown = _shown(found)
    if not shown:
        return None
    names = list(dict.fromkeys(name for metric in shown for name in found[metric]))
    columns = [Column("series", "series", "text", 1.2)]
    rows: list[dict[str, Any]] = [{"series": name} for name in names]
    for metric in shown:
        columns.append(Column(f"{metric}.largest", f"{BRIEF[metric]}, largest", "number"))
        columns.append(Column(f"{metric}.newest", "newest", "value", 1.3))
        for row in rows:
            values = found[metric].get(row["series"]) or {}
            known = [one["value"] for one in values.values() if one["value"] is not None]
            row[f"{metric}.largest"] = max(known, key=abs) if known else None
            row[f"{metric}.newest"] = values[max(values)] if values else None
    first = columns[:1]
    tables = tuple(
        Table((*first, *columns[at : at + 6]), tuple(rows)) for at in range(1, len(columns), 6)
    )  # three measures side by side fit on a page
    chart = line_chart(facts, shown[0], found[shown[0]])
    return Section("Scores and labels against the reference", (), (chart,) if chart else (), tables)


def _shown(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """Return the measures that have a value: of scores, labels and classes the foremost, and the shift of the mean."""
    known = [
        metric
        for metric, by_series in found.items()
        if any(row["value"] is not None for rows in by_series.values() for row in rows.values())
    ]
    out: list[str] = []
    for side in MOVED:
        out += [name for name in known if name.removeprefix(f"{side}_") in MEASURES][:OF_A_SIDE]
    return [*out, *(name for name in known if name == "label_mean_shift")]
