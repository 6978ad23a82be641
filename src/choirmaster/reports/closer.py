"""Sections that look closer: calibration, segments, versions, members together, value. None where nothing is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.reports.facts import Facts
from choirmaster.reports.model import Chart, Column, Line, Section, Table
from choirmaster.reports.sections import EMPTY_CELL, line_chart
from choirmaster.reports.words import metric_title, moment, plain, segment_words, short_title
from choirmaster.values import FUSED

CURVES_DRAWN = 3
PAIRS_LISTED = 20
VERSIONS_LISTED = 12
SURELY = 0.05
OF_MEMBERS = ("member_loss", "leave_one_out", "shapley", "best_weight")
OF_PAIRS = ("disagreement", "error_correlation", "double_fault", "correctness_kappa")
OF_ALL = ("diversity", "disagreement", "spread")
OF_VALUE = ("value_recall", "value_precision", "value_caught", "value_missed", "value_false_alarms", "cost",
            "total_cost")  # fmt: skip


def newest(rows: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the newest cell that has a number, else the newest."""
    known = [window for window, row in rows.items() if row["value"] is not None]
    return rows[max(known or rows)] if rows else EMPTY_CELL


def calibration(facts: Facts) -> Section | None:
    """Draw the curve of the first series, and list the points of each."""
    curves: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for one in facts.closer.calibration:
        curves[one["series"]].append(one)
    if not curves:
        return None
    order = sorted(curves, key=lambda name: (name != FUSED, name))[:CURVES_DRAWN]
    ends = [one["score"] for name in order for one in curves[name]]
    low, high = min(ends), max(ends)
    lines = tuple(_curve(name, curves[name]) for name in order)
    if high > low:
        lines = (*lines, Line("as it should be", (low, high), places=(low, high)))
    chart = Chart("Calibration: share of positives by mean score", (low, high), lines, across="score")
    target = plain(facts.closer.calibration[0].get("target") or "the positive class")
    words = [f"Scores for {target}, in ten cells of equal mass in the reference; the grey area is the 95 % interval."]
    if len(curves) > len(order):
        words.append(f"{len(order)} of {len(curves)} series are shown.")
    drawn = (chart,) if high > low and any(len(curves[name]) > 1 for name in order) else ()
    return Section("Calibration", tuple(words), drawn, (_points({name: curves[name] for name in order}),))


def _points(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    """List the cells downwards, and for each series its mean score and its share of positives across."""
    columns = [Column("cell", "cell", "number", 0.5)]
    for name in curves:
        columns.append(Column(f"{name}.score", f"{name}, mean score", "number", 1.1))
        columns.append(Column(f"{name}.share", "share of positives", "value", 1.5))
    rows = []
    for at in range(max(map(len, curves.values()))):
        row: dict[str, Any] = {"cell": at + 1}
        for name, points in curves.items():
            one = points[at] if at < len(points) else None
            row[f"{name}.score"] = one["score"] if one else None
            row[f"{name}.share"] = {**one, "value": one["share"], "reason": None} if one else None
        rows.append(row)
    return Table(tuple(columns), tuple(rows))


def _curve(name: str, points: Sequence[Mapping[str, Any]]) -> Line:
    return Line(
        name, [one["share"] for one in points], [one["lower"] for one in points], [one["upper"] for one in points],
        [one["score"] for one in points],
    )  # fmt: skip


def segments(facts: Facts) -> Section | None:
    """List the weakest segments, and the gaps between the groups of each."""
    words, tables = [], []
    if facts.closer.weakest:
        first = facts.closer.weakest[0]
        sure = sum(one["p_adjusted"] is not None and one["p_adjusted"] <= SURELY for one in facts.closer.weakest)
        words.append(
            f"{metric_title(first['metric'])} of {plain(first['series'])} in each declared segment against all other "
            f"rows, the surest first; {sure} of those listed are worse beyond chance (adjusted p at most {SURELY}, "
            "Holm's correction for looking at many)."
        )
        tables.append(_weakest(facts.closer.weakest))
    rows = [_gap(one["segment"], gap) for one in facts.closer.fairness for gap in one["gaps"]]
    if rows:
        target = plain(facts.closer.fairness[0].get("target") or "")
        words.append(f"Gaps are the largest difference between any two groups of a segment; selected means {target}.")
        tables.append(Table(GAP_COLUMNS, tuple(rows)))
    return Section("Segments", tuple(words), (), tuple(tables)) if tables else None


WEAKEST_COLUMNS = (
    Column("segment", "segment", "text", 1.6),
    Column("value", "its value", "value", 1.5),
    Column("rest", "all others", "number"),
    Column("difference", "difference", "value", 1.5),
    Column("p_adjusted", "adjusted p", "number"),
)
GAP_COLUMNS = (
    Column("segment", "segment", "text", 1.0),
    Column("metric", "rate", "text", 1.4),
    Column("difference", "largest gap", "value", 1.5),
    Column("lowest", "lowest in", "text", 1.3),
    Column("highest", "highest in", "text", 1.3),
)


def _weakest(found: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        {"segment": segment_words(one["segment"]), "value": {**one, "reason": one["reason"] or "no_rows"},
         "rest": one["rest"], "p_adjusted": one["p_adjusted"],
         "difference": {"value": one["difference"], "lower": one["difference_lower"],
                        "upper": one["difference_upper"], "n": None, "reason": one["reason"]}}
        for one in found
    )  # fmt: skip
    return Table(WEAKEST_COLUMNS, rows)


def _gap(segment: str, gap: Mapping[str, Any]) -> dict[str, Any]:
    cell = {"value": gap["difference"], "lower": gap["difference_lower"], "upper": gap["difference_upper"],
            "n": gap["n"], "reason": gap.get("difference_reason")}  # fmt: skip
    return {"segment": segment, "metric": metric_title(gap["metric"]), "difference": cell,
            **{side: segment_words(gap[side]) if gap.get(side) else "" for side in ("lowest", "highest")}}  # fmt: skip


def versions(facts: Facts) -> Section | None:
    """List the newest differences between the versions of a member."""
    found = sorted(facts.closer.versions, key=lambda row: (row["window_start"], row["series"]), reverse=True)
    known = [row for row in found if row["value"] is not None][:VERSIONS_LISTED]
    if not known:
        return None
    columns = (
        Column("window", "window", "time", 1.1),
        Column("series", "member"),
        Column("pair", "versions", "text", 1.4),
        Column("metric", "metric", "text", 1.6),
        Column("value", "difference", "value", 1.6),
    )
    rows = tuple(
        {"window": row["window_start"], "series": row["series"], "pair": row["target"].replace("|", " to "),
         "metric": metric_title(row["metric"].removesuffix("_difference")), "value": row}
        for row in known
    )  # fmt: skip
    words = ("The second version's value minus the first's, in windows where both answered.",)
    return Section("Versions of members", words, (), (Table(columns, rows),))


def together(facts: Facts) -> Section | None:
    """Show how far members agree, and what each is worth to the whole."""
    by_target = _of_all(facts)
    charts = []
    for metric in OF_ALL:
        rows = {"all members": by_target[metric, ""]} if (metric, "") in by_target else {}
        if (chart := line_chart(facts, metric, rows)) is not None:
            charts.append(chart)
    tables = [
        _by_target("of", [""], OF_ALL, by_target),
        _by_target("member", facts.members, OF_MEMBERS, by_target),
        _by_target("pair", _pairs(by_target), OF_PAIRS, by_target),
    ]
    shown = tuple(one for one in tables if one is not None)
    if not shown:
        return None
    words = ["Of the newest window that has a number."]
    if len(_pairs(by_target)) > PAIRS_LISTED:
        words.append(f"{PAIRS_LISTED} of {len(_pairs(by_target))} pairs are listed; the CSV file has all.")
    return Section("Members together", tuple(words), tuple(charts[:1]), shown)


Targets = dict[tuple[str, str], dict[str, dict[str, Any]]]


def _of_all(facts: Facts) -> Targets:
    """Return ``{(metric, target): {window: row}}`` of what belongs to all members together."""
    wanted = {*OF_MEMBERS, *OF_PAIRS, *OF_ALL}
    found: Targets = defaultdict(dict)
    for row in facts.rows:
        if row["metric"] in wanted and row["series"] == "all" and not row.get("segment"):
            found[row["metric"], row.get("target") or ""][row["window_start"]] = row
    return dict(found)


def _pairs(found: Targets) -> list[str]:
    return sorted({target for metric, target in found if metric in OF_PAIRS and "|" in target})


def _by_target(word: str, targets: Sequence[str], metrics: Sequence[str], found: Targets) -> Table | None:
    shown = [one for one in metrics if any(newest(found.get((one, name), {}))["value"] is not None for name in targets)]
    if not shown:
        return None
    columns = (Column("target", word, "text", 1.3), *(Column(one, short_title(one), "value", 1.4) for one in shown))
    rows = tuple(
        {
            "target": name.replace("|", " and ") or "members",
            **{one: newest(found.get((one, name), {})) for one in shown},
        }
        for name in targets[:PAIRS_LISTED]
    )
    return Table(columns, rows)


def value(facts: Facts) -> Section | None:
    """List what the answers were worth and what they cost, by series."""
    shown = [
        one for one in OF_VALUE if any(newest(rows)["value"] is not None for rows in facts.of_series(one).values())
    ]
    if not shown:
        return None
    names = list(dict.fromkeys(name for one in shown for name in facts.of_series(one)))
    columns = (Column("series", "series", "text", 1.2), *(Column(one, short_title(one), "value", 1.3) for one in shown))
    rows = tuple(
        {"series": name, **{one: newest(facts.of_series(one).get(name, {})) for one in shown}} for name in names
    )
    windows = {row["window_start"] for one in shown for row in map(newest, facts.of_series(one).values())}
    at = moment(max(windows)) if any(windows) else ""
    said = f"Of the newest window that has a number{f', {at}' if at else ''}."
    return Section("Value and cost", (said,), (), (Table(columns, rows),))
