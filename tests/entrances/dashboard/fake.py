"""A year of one ensemble of four members with sixteen features, made up from sines and a fixed generator."""

from __future__ import annotations

import calendar
import hashlib
from typing import Any

import numpy as np

from choirmaster.errors import NotFound, SchemaError, unknown
from choirmaster.times import DAY, HOUR, SECOND, isoformat, parse_instant
from choirmaster.values import VALUE_COLUMNS

MEMBERS = ("logit", "forest", "boost", "mlp")
SERIES = ("fused", *MEMBERS)
HEADLINE = ["roc_auc", "log_loss", "f1", "recall", "precision", "label_share"]
FEATURES = (
    ("temp", "numeric"),
    ("dewp", "numeric"),
    ("humid", "numeric"),
    ("wind_speed", "numeric"),
    ("precip", "numeric"),
    ("pressure", "numeric"),
    ("visib", "numeric"),
    ("distance", "numeric"),
    ("sched_dep_hour", "numeric"),
    ("sched_air_time", "numeric"),
    ("seats", "numeric"),
    ("plane_age", "numeric"),
    ("carrier", "categorical"),
    ("origin", "categorical"),
    ("dest", "categorical"),
    ("weekday", "categorical"),
)
START = parse_instant("2013-01-01T05:00:00Z")
LEVEL = {
    "roc_auc": 0.72,
    "log_loss": 0.5,
    "f1": 0.47,
    "recall": 0.55,
    "precision": 0.41,
    "label_share": 0.97,
    "availability": 0.999,
    "latency_p50": 2.1,
    "latency_p99": 14.0,
}
SIGN = {"log_loss": 1}


def value(
    number: float | None, n: int = 800, half: float = 0.02, reason: str = "no_labels", kind: str = "realized"
) -> dict[str, Any]:
    if number is None:
        return {"value": None, "lower": None, "upper": None, "resolution": 0.0, "n": n, "kind": kind, "reason": reason}
    return {
        "value": number,
        "lower": number - half,
        "upper": number + half,
        "resolution": 0.0002,
        "n": n,
        "kind": kind,
        "reason": None,
    }


class FakeQueries:
    """The public queries over the made-up year; names may be any text."""

    def __init__(self, *, days: int = 365, name: str = "delays", member: str = "logit", feature: str = "temp"):
        self.days, self.name = days, name
        self._kept: dict[tuple[str, str], list[float | None]] = {}
        self.members = (member, *MEMBERS[1:])
        self.series_names = ("fused", *self.members)
        self.features = ((feature, "numeric"), *FEATURES[1:])
        self.windows = [isoformat(START + day * DAY - (HOUR if 68 < day < 306 else 0)) for day in range(days)]

    def _draw(self, what: str) -> np.random.Generator:
        return np.random.default_rng(hash_text(what))

    def _numbers(self, metric: str, series: str) -> list[float | None]:
        if (metric, series) not in self._kept:
            self._kept[metric, series] = self._make(metric, series)
        return self._kept[metric, series]

    def _make(self, metric: str, series: str) -> list[float | None]:
        if not self.days:
            return []
        order = self.series_names.index(series)
        day = np.arange(self.days)
        base = LEVEL.get(metric, 0.7)
        lift = SIGN.get(metric, -1) * 0.006 * order
        wave = 0.02 * np.sin(day / 58)
        noise = self._draw(f"{metric}{order}").normal(0, 0.008, self.days)
        out = base + lift + wave + noise
        if metric == "label_share":
            out = np.clip(0.97 - np.maximum(0, day - (self.days - 6)) * 0.15 + noise / 4, 0, 1)
        if metric == "availability":
            out = np.clip(1 - np.abs(noise) / 20, 0, 1)
        if metric.startswith("latency"):
            out = base * (1 + np.abs(noise) * 8)
        if order == 1 and metric in HEADLINE:
            out[185:197] -= 0.06 * -SIGN.get(metric, -1)
        listed: list[float | None] = [float(one) for one in out]
        if metric in HEADLINE[:5]:
            listed[-1] = None
            if self.days > 40:
                listed[40] = None
        return listed

    def summary(self) -> dict[str, Any]:
        latest = {metric: {one: value(self._last(metric, one)) for one in self.series_names} for metric in HEADLINE}
        return {
            "name": self.name,
            "task": "binary",
            "owner": "operations",
            "health": "firing" if self.days > 300 else "ok",
            "members": list(self.members),
            "window": "1d",
            "last_window": self.windows[-1] if self.days else None,
            "watermark": isoformat(START + self.days * DAY) if self.days else None,
            "predictions": 900 * self.days,
            "labelled_share": 0.9713 if self.days else None,
            "latest": latest,
            "alerts_firing": 2 if self.days > 300 else 0,
            "overrides": self.overrides() if self.days > 300 else [],
        }

    def overrides(self) -> list[dict[str, Any]]:
        """One member is out for two hours, by a name and for a reason that may be any text."""
        said = {"number": 1, "who": self.members[0], "at": "2013-12-31T03:00:00Z", "until": "2013-12-31T05:00:00Z",
                "reason": self.members[0], "automatic": False}  # fmt: skip
        return [{"kind": "member", "what": self.members[0], "now": "off", "file": "voter", "text": "", **said}]

    def _last(self, metric: str, series: str) -> float | None:
        known = [one for one in self._numbers(metric, series) if one is not None]
        return known[-1] if known else None

    def ensembles(self) -> list[dict[str, Any]]:
        empty = {
            **self.summary(),
            "name": "fresh",
            "health": "no_data",
            "latest": {},
            "alerts_firing": 0,
            "predictions": 0,
            "labelled_share": None,
            "last_window": None,
            "watermark": None,
            "owner": "",
            "overrides": [],
        }
        return [{**empty, "name": "calm", "health": "ok"}, empty, self.summary()]

    def ensemble(self, name: str) -> dict[str, Any]:
        if name != self.name:
            raise unknown("ensemble", name, (self.name,))
        return {
            **self.summary(),
            "fusion": "soft_vote",
            "weights": dict.fromkeys(self.members, 0.25),
            "cutoff": 0.2871,
            "classes": ["late", "on_time"],
            "positive": "late",
            "features": [{"name": n, "type": t} for n, t in self.features],
            "segments": ["carrier", "origin"],
            "headline": HEADLINE,
            "reference": {
                "id": "ref-5f0c2a91",
                "source": "train: January and February",
                "rows": 49_821,
                "made_at": "2013-03-01T05:00:00Z",
            },
            "members": [
                {"name": one, "version": f"{hash_text(one):016x}"[:12], "role": "voter", "kind": kind}
                for one, kind in zip(self.members, ("sklearn", "onnx", "onnx", "sklearn"), strict=True)
            ],
        }

    def metrics(
        self, *, ensemble, series=(), metric=(), segment="", feature=(), version="*", start=None, end=None
    ) -> list[dict[str, Any]]:
        if version != "*":
            return self._versions(metric)
        rows = []
        if segment == "*":
            return [{"segment": row["segment"]} for row in self.segments(ensemble, metric[0])]
        everything = not (series or metric or feature)
        keep = [window for window in self.windows if (not start or window >= start) and (not end or window < end)]
        place = {window: at for at, window in enumerate(self.windows)}
        for name in feature or ([one for one, _ in self.features] if everything else ()):
            for one in ("psi", "ks", "missing_rate"):
                drawn = self._drift(name)
                if everything or one in metric:
                    scale = 0.01 if one == "missing_rate" else 1.0
                    for window in keep:
                        number = drawn[place[window]]
                        got = value(None if number is None else number * scale, kind="observed", reason="all_missing")
                        rows.append(self._row(window, "", name, one, got))
        if not feature:
            for name in series or self.series_names:
                for one in metric or LEVEL:
                    drawn = self._numbers(one, name)
                    rows += [self._row(window, name, "", one, value(drawn[place[window]])) for window in keep]
        return rows

    def _row(self, window: str, series: str, feature: str, metric: str, got: dict[str, Any]) -> dict[str, Any]:
        row = dict.fromkeys(VALUE_COLUMNS, "")
        end = isoformat(parse_instant(window) + DAY)
        row.update(
            ensemble=self.name,
            window_start=window,
            window_end=end,
            revision=1,
            series=series,
            feature=feature,
            metric=metric,
        )
        row.update(got, reference="ref-5f0c2a91")
        return row

    def series(self, ensemble, metric, *, segment="", start=None, end=None) -> dict[str, Any]:
        keep = [
            at for at, window in enumerate(self.windows) if (not start or window >= start) and (not end or window < end)
        ]
        known = metric in LEVEL
        lines = {}
        for name in self.series_names if known and self.days else ():
            drawn = self._numbers(metric, name)
            numbers = [drawn[at] for at in keep]
            cells = [value(number) for number in numbers]
            lines[name] = {key: [cell[key] for cell in cells] for key in ("value", "lower", "upper", "n", "reason")}
        windows = [self.windows[at] for at in keep] if known else []
        return {
            "metric": metric,
            "times": [parse_instant(one) // SECOND for one in windows],
            "windows": windows,
            "series": lines,
            "reference": dict.fromkeys(lines, LEVEL[metric]) if metric in HEADLINE else {},
            "bounds": [{"rule": "quality", "series": "fused", "bound": 0.66}] if metric == "roc_auc" else [],
            "annotations": [
                {"at": "2013-04-22T04:00:00Z", "text": "fused scores drifted: PSI 0.41 above 0.25", "alert": "a1"},
                {"at": "2013-07-10T04:00:00Z", "text": f"{self.members[0]} lost quality", "alert": "a2"},
            ]
            if metric == "roc_auc"
            else [],
        }

    def _drift(self, name: str) -> list[float | None]:
        order = [one for one, _ in self.features].index(name)
        day = np.arange(self.days)
        noise = np.abs(self._draw(f"drift{order}").normal(0, 0.012, self.days))
        swing = {0: 1.4, 1: 1.1, 2: 0.3, 4: 0.15}.get(order, 0.0)
        out = noise + swing * np.clip(np.sin((day - 60) / 365 * 2 * np.pi), 0, None)
        if order in {3, 6} and self.days > 120:
            out[110:113] += 0.6
        listed: list[float | None] = [float(one) for one in out]
        if order == 5 and self.days > 205:
            listed[200:204] = [None] * 4
        return listed

    def drift(self, ensemble, *, metric="psi", start=None, end=None) -> dict[str, Any]:
        keep = [
            at for at, window in enumerate(self.windows) if (not start or window >= start) and (not end or window < end)
        ]
        rows = []
        for name, kind in self.features:
            drawn = self._drift(name)
            numbers = [drawn[at] for at in keep]
            known = [one for one in numbers if one is not None]
            rows.append(
                {
                    "name": name,
                    "type": kind,
                    "values": numbers,
                    "max": max(known, default=None),
                    "latest": known[-1] if known else None,
                }
            )
        rows.sort(key=lambda row: -(row["max"] or 0))
        return {"windows": [self.windows[at] for at in keep], "features": rows}

    def feature(self, ensemble, feature, *, window=None) -> dict[str, Any]:
        if feature not in [one for one, _ in self.features]:
            raise NotFound("no such feature", got=f'"{feature}"')
        draw = self._draw(f"bins{feature}")
        bins = [f"{low} to {low + 5}" for low in range(-10, 90, 5)]
        before, now = draw.dirichlet(np.linspace(4, 1, 20)), draw.dirichlet(np.linspace(1, 4, 20))
        return {
            "name": feature,
            "type": "numeric",
            "bins": bins,
            "reference": [float(x) for x in before],
            "current": [float(x) for x in now],
            "window": window or self.windows[-1],
        }

    def segments(self, ensemble, metric, *, series="fused", start=None, end=None) -> list[dict[str, Any]]:
        draw = self._draw(f"segments{metric}{series}")
        keys = [
            f"carrier={one}"
            for one in ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
        ]
        keys += ["origin=EWR", "origin=JFK", "origin=LGA", "carrier=~"]
        out = [
            {
                "segment": key,
                "value": value(float(LEVEL[metric] + draw.normal(0, 0.03)), int(draw.integers(40, 9000)), 0.03),
            }
            for key in keys
        ]
        out[-1]["value"] = value(None, 3, reason="one_class_only")
        return out

    def _versions(self, metric) -> list[dict[str, Any]]:
        if not self.days or "roc_auc_difference" not in metric:
            return []
        row = self._row(self.windows[-1], self.members[0], "", "roc_auc_difference", value(-0.021, 900, 0.03))
        return [{**row, "target": "v1|v2", "version": "v2"}]

    def calibration(self, ensemble, *, target="", start=None, end=None) -> list[dict[str, Any]]:
        return [
            {"series": name, "target": "late", "n": 900, "score": at / 10 + 0.05, "resolution": 0.001,
             "share": at / 11 + 0.06, "lower": at / 11 + 0.03, "upper": at / 11 + 0.09}
            for name in ("fused", *self.members) for at in range(10 if self.days else 0)
        ]  # fmt: skip

    def weakest(self, ensemble, metric="", *, series="", target="", start=None, end=None, at_most=10):
        none = {"value": None, "lower": None, "upper": None, "difference": None, "p_adjusted": None}
        rows = [
            {"segment": f"carrier={name}", "n": 800, "value": 0.55, "lower": 0.5, "upper": 0.6, "rest": 0.45,
             "rest_n": 9000, "difference": 0.1, "difference_lower": 0.04, "difference_upper": 0.16, "p_value": p / 10,
             "p_adjusted": p, "reason": None}
            for name, p in (("OO", 0.0004), ("AA", 0.31))
        ]  # fmt: skip
        rows.append({**rows[0], **none, "segment": "carrier=~", "n": 3, "reason": "too_few_rows"})
        named = {"metric": metric or "log_loss", "series": series or "fused", "target": target}
        return [{**named, **row} for row in rows][:at_most] if self.days else []

    def fairness(self, ensemble, segment, *, series="", target="", reference=None, start=None, end=None):
        if not self.days:
            raise SchemaError("no rows by this segment", got=segment)
        gap = {"difference": 0.12, "difference_lower": 0.05, "difference_upper": 0.2, "difference_reason": None,
               "n": 900, "ratio": 0.6, "lowest": f"{segment}=AA", "highest": f"{segment}=OO"}  # fmt: skip
        rates = ("selection_rate", "true_positive_rate", "calibration")
        groups = [
            {"metric": rate, "group": f"{segment}={name}", "value": 0.3 + at / 10, "lower": 0.25, "upper": 0.45,
             "n": 900, "resolution": 0.0, "reason": None, "difference": at / 10, "difference_lower": 0.0,
             "difference_upper": 0.2, "difference_reason": None, "ratio": 1.2, "ratio_lower": 1.0, "ratio_upper": 1.5,
             "ratio_reason": None}
            for rate in rates for at, name in enumerate(("AA", "OO"))
        ]  # fmt: skip
        return {"segment": segment, "series": "fused", "target": "late", "reference": f"{segment}=AA",
                "rows": {f"{segment}=AA": 900, f"{segment}=OO": 800}, "groups": groups,
                "gaps": [{"metric": rate, **gap} for rate in rates]}  # fmt: skip

    def alerts(self, *, ensemble=None, state=None) -> list[dict[str, Any]]:
        if not self.days:
            return []
        base = {
            "ensemble": self.name,
            "severity": "warning",
            "feature": "",
            "segment": "",
            "resolved_at": None,
            "link": "/ensembles/x",
        }
        got = [
            {
                **base,
                "id": "a1",
                "rule": "score-drift",
                "state": "firing",
                "series": "fused",
                "metric": "psi",
                "value": value(0.412, 912, 0.05, kind="observed"),
                "bound": 0.25,
                "since": "2013-12-28T05:00:00Z",
                "window_start": "2013-12-28T05:00:00Z",
                "text": "fused scores drifted: PSI 0.412 above 0.25",
            },
            {
                **base,
                "id": "a2",
                "rule": "quality",
                "state": "firing",
                "series": self.members[0],
                "metric": "roc_auc",
                "severity": "page",
                "value": value(0.641),
                "bound": 0.68,
                "since": "2013-12-30T05:00:00Z",
                "window_start": "2013-12-29T05:00:00Z",
                "text": f"{self.members[0]} is worse than its reference: ROC AUC 0.641, bound 0.68",
            },
            {
                **base,
                "id": "a3",
                "rule": "no-data",
                "state": "resolved",
                "series": "fused",
                "metric": "calls",
                "value": value(None, 0, reason="no_rows"),
                "bound": None,
                "since": "2013-02-09T05:00:00Z",
                "resolved_at": "2013-02-10T05:00:00Z",
                "window_start": "2013-02-09T05:00:00Z",
                "text": "no prediction arrived",
            },
            {
                **base,
                "id": "a4",
                "rule": "feature-drift",
                "state": "resolved",
                "series": "fused",
                "feature": self.features[0][0],
                "metric": "psi",
                "segment": "origin=JFK",
                "value": value(1.31, 300, 0.2, kind="observed"),
                "bound": 0.25,
                "since": "2013-06-01T04:00:00Z",
                "resolved_at": "2013-09-20T04:00:00Z",
                "window_start": "2013-06-01T04:00:00Z",
                "text": f"{self.features[0][0]} moved away from the reference",
            },
        ]
        return [
            one for one in got if (not state or one["state"] == state) and (not ensemble or one["ensemble"] == ensemble)
        ]

    def audit(self, limit=200) -> list[dict[str, Any]]:
        return [
            {
                "at": "2013-03-01T05:00:02Z",
                "who": "local",
                "action": "set reference",
                "subject": self.name,
                "cause": "set-up",
                "before": "",
                "after": "ref-5f0c2a91",
            },
            {
                "at": "2013-03-01T05:00:00Z",
                "who": "local",
                "action": "start",
                "subject": self.members[0],
                "cause": "=cmd|' /C calc'!A0",
                "before": "",
                "after": "f1",
            },
        ][:limit]

    def months(self, ensemble) -> list[dict[str, Any]]:
        out = []
        for month in range(1, 13):
            first, days = (
                sum(calendar.monthrange(2013, m)[1] for m in range(1, month)),
                calendar.monthrange(2013, month)[1],
            )
            if first + days > self.days:
                break

            def mean(metric, name, first=first, days=days):
                known = [x for x in self._numbers(metric, name)[first : first + days] if x is not None]
                return value(sum(known) / len(known) if known else None, 27_000, 0.004)

            out.append(
                {
                    "month": f"2013-{month:02d}",
                    "n": 27_004,
                    "labelled": 27_004 - 40 * month,
                    "rate": 0.22 + month / 200,
                    "metrics": {
                        metric: {name: mean(metric, name) for name in self.series_names} for metric in HEADLINE
                    },
                }
            )
        return out


def hash_text(text: str) -> int:
    """Return a number that is the same in every process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
