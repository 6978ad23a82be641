"""How a result looks in a notebook: a few small tables, no script, no address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from choirmaster.catalogue.titles import metric_title, short_title
from choirmaster.catalogue.words import figure, interval, moment, number, plain, reason_words, segment_words
from choirmaster.values import FUSED, RESERVED_SERIES

SERIES_SHOWN = 12
LEADING_SHOWN = 6
FEATURES_SHOWN = 5
ALERTS_SHOWN = 8
NOTES_SHOWN = 8
TEXT_SHOWN = 200
DRIFT = ("psi", "jensen_shannon", "wasserstein_scaled")

Row = Mapping[str, Any]


def summary(title: str, rows: Sequence[Row], alerts: Sequence[Row], notes: Sequence[str], headline: Sequence[str],
            positive: str | None) -> str:  # fmt: skip
    """Return the HTML of a result.

    Parameters
    ----------
    title : str
    rows : sequence of mapping
        The tidy table of values.
    alerts : sequence of mapping
    notes : sequence of str
    headline : sequence of str
        The metrics that lead, in order.
    positive : str or None
        The class whose values stand for a series.
    """
    whole = [row for row in rows if not row["segment"] and row["target"] in ("", "macro", positive)]
    parts = [f"<p><b>{_text(title)}</b></p>", _leading(whole, headline), _drift(whole), _alerts(alerts), _notes(notes)]
    return f'<div style="font-size:13px">{"".join(parts)}</div>'


def _leading(rows: Sequence[Row], headline: Sequence[str]) -> str:
    own = [row for row in rows if not row["feature"] and row["series"] not in ("", *RESERVED_SERIES[1:])]
    found = _newest(own, "series")
    metrics = [one for one in headline if any(metric == one for _, metric in found)][:LEADING_SHOWN]
    names = sorted({name for name, _ in found}, key=lambda name: (name != FUSED, name))
    body = [[name, *(_cell(found.get((name, metric))) for metric in metrics)] for name in names[:SERIES_SHOWN]]
    heads = ["series", *map(short_title, metrics)]
    said = _span(found[one] for one in found if one[1] in metrics)
    return _table(f"Leading metrics{said}", heads, body, len(names)) if metrics else ""


def _drift(rows: Sequence[Row]) -> str:
    found = _newest((row for row in rows if row["feature"] and row["metric"] in DRIFT), "feature")
    known = {
        name: row["value"] for (name, metric), row in found.items() if metric == "psi" and row["value"] is not None
    }
    worst = sorted(known, key=lambda name: (-known[name], name))
    body = [[name, *(_cell(found.get((name, metric))) for metric in DRIFT)] for name in worst[:FEATURES_SHOWN]]
    said = _span(found[name, "psi"] for name in worst)
    return _table(f"Features that moved most{said}", ["feature", *map(short_title, DRIFT)], body, len(worst))


def _alerts(alerts: Sequence[Row]) -> str:
    if not alerts:
        return "<p>No alert.</p>"
    newest = sorted(alerts, key=lambda one: str(one.get("since") or ""), reverse=True)
    newest.sort(key=lambda one: one.get("state") != "firing")
    body = [
        [one.get("state"), one.get("series"), one.get("feature"), metric_title(str(one.get("metric"))),
         figure(str(one.get("metric")), one.get("value")), segment_words(one["segment"]) if one.get("segment") else "",
         moment(one.get("window_start"))]
        for one in newest[:ALERTS_SHOWN]
    ]  # fmt: skip
    heads = ["state", "series", "feature", "metric", "value", "segment", "window"]
    return _table(f"Alerts ({len(alerts):,})", heads, body, len(alerts))


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    shown = "".join(f"<li>{_text(one)}</li>" for one in notes[:NOTES_SHOWN])
    more = f"<li>and {len(notes) - NOTES_SHOWN:,} more in result.notes</li>" if len(notes) > NOTES_SHOWN else ""
    return f"<details><summary>Notes ({len(notes):,})</summary><ul>{shown}{more}</ul></details>"


def _newest(rows: Iterable[Row], by: str) -> dict[tuple[str, str], Row]:
    """Return the newest row of each series or feature and metric, one with a number where there is any."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = row[by], row["metric"]
        held = found.get(key)
        if held is None or _order(row) > _order(held):
            found[key] = row
    return found


def _order(row: Row) -> tuple[bool, str]:
    return row["value"] is not None, _when(row)


def _when(row: Row) -> str:
    at = row["window_start"]
    return "" if at is None else at if isinstance(at, str) else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _span(rows: Iterable[Row]) -> str:
    newest = max((_when(row) for row in rows), default="")
    return f", newest window {moment(newest)}" if newest else ""


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    if row["value"] is None:
        return reason_words(row["reason"], row.get("metric", ""), row.get("n"))
    inside = interval(row)
    rows = f"n {number(row['n'])}"
    return f"{figure(row['metric'], row['value'])} ({inside}; {rows})" if inside else f"{number(row['value'])} ({rows})"


def _table(title: str, heads: Sequence[str], body: Sequence[Sequence[Any]], total: int) -> str:
    if not body:
        return ""
    head = "".join(f'<th style="text-align:left">{_text(one)}</th>' for one in heads)
    rows = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{_text(cell)}</td>' for cell in row) + "</tr>" for row in body
    )
    more = f"; {len(body)} of {total:,} shown" if total > len(body) else ""
    return f"<p>{_text(title)}{more}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _text(one: Any) -> str:
    text = "" if one is None else plain(one)
    return escape(text if len(text) <= TEXT_SHOWN else f"{text[:TEXT_SHOWN]}…")
