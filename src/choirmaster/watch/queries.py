"""The public questions that dashboard, reports, HTTP and command line share. Every answer is plain data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa

from choirmaster.catalogue.ranking import headline
from choirmaster.errors import NotFound
from choirmaster.overlay import Overlay
from choirmaster.ports import Measures, StatePack, Store, ValueQuery
from choirmaster.records import VALUE_SCHEMA
from choirmaster.states.histogram import reference_histogram
from choirmaster.states.keys import StateKey
from choirmaster.states.reference import Reference
from choirmaster.times import DAY, SECOND, isoformat, parse_instant, to_micros, window_of
from choirmaster.values import FUSED
from choirmaster.watch.answers import Moment, Names, cells, health_of, instant, line_name, listed, overall
from choirmaster.watch.chosen import HEADLINES, choices_of
from choirmaster.watch.history import History, history_of, listing
from choirmaster.watch.judge import baselines
from choirmaster.watch.looks import looks_of, settled, windows_chosen
from choirmaster.watch.months import MonthQueries
from choirmaster.watch.remembered import Remembered
from choirmaster.watch.rollup import merged, shares
from choirmaster.watch.segments import SliceQueries
from choirmaster.watch.settings import MonitorSettings
from choirmaster.watch.shown import Waiting, prediction
from choirmaster.watch.spans import Spans
from choirmaster.watch.standing import StandingQueries
from choirmaster.watch.unstored import stored, unstored

LATEST_DAYS, LONGEST_DAYS = 14, 70  # how far back the newest values lie; a month's was begun two months ago


class Queries(SliceQueries, MonthQueries, StandingQueries):
    """Answers from one store.

    Parameters
    ----------
    store : Store
    settings : sequence of MonitorSettings
        The ensembles that are configured.
    engine : Measures, optional
        Measures rows again for values as known at another time.
    overlays : callable, optional
        Returns what operators decided about an ensemble; nothing by default.
    """

    def __init__(
        self, store: Store, settings: Iterable[MonitorSettings], engine: Measures | None = None, *,
        waiting: Waiting | None = None, overlays: Callable[[str], Overlay] = Overlay,
    ) -> None:  # fmt: skip
        self.store, self.engine, self.waiting, self.overlays = store, engine, waiting, overlays
        self.settings = {one.name: one for one in settings}
        self._histories: dict[str, History] = {}
        self._months, self._summed = Remembered(), Remembered(at_most=4)

    # -- ensembles ----------------------------------------------------------------------------------------------
    def ensembles(self, *, limit: int = 10_000) -> list[dict[str, Any]]:
        """Return one summary per ensemble, worst first."""
        order = {"firing": 0, "warning": 1, "no_data": 2, "ok": 3}
        found = [self._summary(self._known(name)) for name in list(self.settings)]
        return sorted(found, key=lambda row: (order[row["health"]], row["name"]))[:limit]

    def ensemble(self, name: str) -> dict[str, Any]:
        """Return one ensemble with its members, features and reference; raises UnknownName."""
        settings = self._known(name)
        layout, facts, reference = settings.layout, settings.facts, self.reference(name)
        kinds = [("numeric", one) for one in layout.numeric] + [("categorical", one) for one in layout.categorical]
        stored = self.store.documents("reference", f"{name}/")
        made = stored.get(f"{name}/{reference.id}", {}) if reference else {}
        return {
            **self._summary(settings), **self.stands(settings), "fusion": facts.get("fusion", ""),
            "cutoff": reference.cutoff(FUSED) if reference else None, "classes": list(layout.classes),
            "positive": layout.positive, "features": [{"name": one, "type": kind} for kind, one in kinds],
            "segments": [*layout.segments, *map(" x ".join, layout.crosses)],
            "headline": list(self.headline(settings)),
            "choices": self._choices(settings, reference),
            "reference": {"id": reference.id, "source": reference.source, "rows": reference.rows,
                          "made_at": made.get("made_at", "")} if reference else None,
        }  # fmt: skip

    def _summary(self, settings: MonitorSettings) -> dict[str, Any]:
        name, layout = settings.name, settings.layout
        counted = self._tidy(ValueQuery(name, series=(FUSED,), metrics=("label_share",)))
        if not counted:
            counted = self._tidy(
                ValueQuery(name, series=tuple(one.name for one in layout.series[:1]), metrics=("label_share",))
            )
        rows = sum(row["n"] for row in counted)
        labelled = sum(round(row["n"] * row["value"]) for row in counted if row["value"] is not None)
        firing = self.alerts(ensemble=name, state="firing")
        last = max((row["window_start"] for row in counted), default=None)
        mark = self.store.watermark(name)
        return {
            "name": name, "task": str(layout.task), "owner": settings.owner,
            "members": [one.name for one in layout.members],
            "health": health_of(firing, bool(rows)), "window": self._length(settings), "last_window": last,
            "watermark": None if mark is None else isoformat(mark), "predictions": rows,
            "labelled_share": labelled / rows if rows else None, "alerts_firing": len(firing),
            "collecting": self.collecting(name), "overrides": self.stands(settings)["overrides"],
            "latest": self._latest(settings, last),
        }  # fmt: skip

    def _length(self, settings: MonitorSettings) -> str:
        """Return the length of the newest windows."""
        chosen = windows_chosen(self.store, settings.name) if settings.precision is not None else []
        return chosen[-1]["name"] if chosen else str(settings.grain)

    def _choices(self, settings: MonitorSettings, reference: Reference | None) -> list[dict[str, Any]]:
        """Return the windows and metrics that were chosen automatically, each with its reason."""
        metrics = choices_of(settings, reference) if reference and settings.metrics is None else ()
        return [*windows_chosen(self.store, settings.name), *({"time": None, **one._asdict()} for one in metrics)]

    def _latest(self, settings: MonitorSettings, last: str | None) -> dict[str, dict[str, Any]]:
        """Return the newest defined value of each headline metric and series."""
        if last is None:
            return {}
        found: dict[str, dict[str, Any]] = defaultdict(dict)
        start = parse_instant(last) - (LATEST_DAYS if settings.precision is None else LONGEST_DAYS) * DAY
        names = self.headline(settings)
        for row in self._tidy(ValueQuery(settings.name, start=start, metrics=names)):
            if row["value"] is not None and overall(row["target"], settings.layout.positive):
                found[row["metric"]][row["series"]] = {**cells(row), "window_start": row["window_start"]}
        return {name: found[name] for name in names if name in found}

    # -- values -------------------------------------------------------------------------------------------------
    def metrics(
        self,
        *,
        ensemble: str = "",
        series: Names = (),
        metric: Names = (),
        segment: str = "",
        feature: Names = (),
        target: str = "",
        version: Names = "*",
        start: Moment = None,
        end: Moment = None,
        window: str = "",
        as_of: Moment = None,
    ) -> list[dict[str, Any]]:
        """Return tidy rows (D2), times as ISO 8601 texts; segment ``*`` means every one.

        Version ``*`` is all versions of a member together, '' each that has values of its own. ``window`` (1w, 1mo,
        all) adds stored states up; ``as_of`` counts the labels known at an instant.
        """
        segments = None if segment == "*" else (segment,)
        names = self._asked(ensemble)
        rows = [
            row for name in names
            for row in self._rows(self.values(ValueQuery(name, instant(start), instant(end), listed(series), segments,
                                                         listed(feature), listed(metric), listed(version) or None),
                                              window, instant(as_of)))
        ]  # fmt: skip
        return [row for row in rows if row["target"] == target] if target else rows

    def values(self, query: ValueQuery, window: str = "", as_of: int | None = None) -> pa.Table:
        """Return values of one ensemble in the order of D2: stored ones, over longer windows, or as known then."""
        settings, history = self._known(query.ensemble), self.history(query.ensemble)
        if history is None:
            return VALUE_SCHEMA.empty_table() if window or as_of is not None else self.store.values(query)
        if window or as_of is not None:
            looks = looks_of(self.store, settings.name)[0]
            return Spans(self.store, self.engine, settings, history, looks).values(query, window, as_of)
        if stored(settings, history.current, query):
            return self.store.values(query)
        return unstored(self.store, self.engine, settings, history, query)

    def headline(self, settings: MonitorSettings) -> tuple[str, ...]:
        """Return the metrics that lead by what the reference says; before there is one, those of the task."""
        reference = self.reference(settings.name)
        if reference is None:
            return HEADLINES.get(settings.layout.task, ())
        return headline(choices_of(settings, reference))

    def series(
        self, ensemble: str, metric: str, *, segment: str = "", start: Moment = None, end: Moment = None
    ) -> dict[str, Any]:
        """Return one metric over time, a list for each series, with the reference's value and annotations.

        A metric that has values of single classes only gives a list for each series and class, ``boost: late``.
        """
        positive = self._known(ensemble).layout.positive
        rows = [row for row in self.metrics(ensemble=ensemble, metric=metric, segment=segment, start=start, end=end)
                if not row["feature"]]  # fmt: skip
        whole = [row for row in rows if overall(row["target"], positive)]
        rows = whole if any(row["value"] is not None for row in whole) else rows
        windows = sorted({row["window_start"] for row in rows})
        place = {window: at for at, window in enumerate(windows)}
        lines: dict[str, dict[str, list[Any]]] = {}
        for row in rows:
            line = lines.setdefault(
                line_name(row["series"], row["target"], positive),
                {cell: [None] * len(windows) for cell in ("value", "lower", "upper", "n", "reason")},
            )
            for cell, values in line.items():
                values[place[row["window_start"]]] = row[cell]
        reference = self.reference(ensemble)
        past = baselines(reference, (metric,)) if reference else {}
        level = {
            line_name(name, target, positive): value
            for (name, feature, target, one), (value, _) in past.items()
            if one == metric and not feature and line_name(name, target, positive) in lines
        }
        alerts = [
            one for one in self.alerts(ensemble=ensemble) if one["metric"] == metric and one["segment"] == segment
        ]
        return {
            "metric": metric, "times": [parse_instant(one) // SECOND for one in windows], "windows": windows,
            "series": lines, "reference": level,
            "bounds": [{"rule": one["rule"], "series": one["series"], "bound": one["bound"]} for one in alerts
                       if one["state"] == "firing" and one["bound"] is not None],
            "annotations": [{"at": one["window_start"], "text": one["text"], "alert": one["id"]} for one in alerts],
        }  # fmt: skip

    def feature(self, ensemble: str, feature: str, *, window: str | None = None) -> dict[str, Any]:
        """Return the bars of one feature: shares in the reference and in one window (the last one by default)."""
        layout, history = self._known(ensemble).layout, self.history(ensemble)
        if feature not in layout.features:
            raise NotFound("unknown feature", where=ensemble, got=f'"{feature}"', allowed=layout.features)
        key = StateKey("", "histogram/1", feature)
        found, looks = [one for one in self.store.packs(ensemble) if not one.segment], looks_of(self.store, ensemble)[0]
        starts = [isoformat(looks.over(one.window).start) for one in found]
        wanted = window or (starts[-1] if starts else "")
        chosen = [one for one, start in zip(found, starts, strict=True) if start == wanted]
        reference = None if history is None else history.at(chosen[0].window.start) if chosen else history.current
        part: Any = reference.parts.get(key) if reference else None
        state: Any = merged(chosen, history, key.__eq__).states.get(key) if history else None
        bars, current = shares(state, part) if part else ([], [])
        past = shares(reference_histogram(part), part)[1] if part else []
        return {"name": feature, "type": "numeric" if feature in layout.numeric else "categorical", "bins": bars,
                "reference": past, "current": current,
                "window": wanted if chosen else window}  # fmt: skip

    # -- alerts, models, references, audit ----------------------------------------------------------------------
    def alerts(
        self, *, ensemble: str | None = None, state: str | None = None, limit: int = 10_000
    ) -> list[dict[str, Any]]:
        """Return alerts, newest first."""
        rows = []
        for one in self.store.documents("alert", f"{ensemble}/" if ensemble else "").values():
            if state in (None, "", "all", one["state"]):
                rows.append({**one, "value": cells({**one, "resolution": 0.0, "kind": "", "reason": None}),
                             **{name: isoformat(one[name]) for name in ("since", "window_start", "window_end")},
                             "resolved_at": isoformat(one["resolved_at"]) if one["resolved_at"] is not None else None,
                             })  # fmt: skip
        return sorted(rows, key=lambda one: (one["since"], one["id"]), reverse=True)[:limit]

    def references(self, ensemble: str = "", *, limit: int = 10_000) -> list[dict[str, Any]]:
        """Return the references of each ensemble, newest first: from when on each holds, and who set it."""
        held = [(name, self.history(name)) for name in self._asked(ensemble)]
        return [{"ensemble": name} | one for name, history in held if history for one in listing(history)][:limit]

    def collecting(self, ensemble: str) -> float | None:
        """Return how much of a first reference is there; None once there is one, or before anybody looked."""
        if self.store.epochs(ensemble):
            return None
        share = self.store.documents("status", ensemble).get(ensemble, {}).get("collecting")
        return None if share is None else float(share)

    def audit(self, limit: int = 200, *, subject: str = "") -> list[dict[str, Any]]:
        """Return the newest audit entries first."""
        return [{"at": isoformat(one.at), "who": one.who, "action": one.action, "subject": one.subject,
                 "cause": one.cause, "before": one.before, "after": one.after}
                for one in self.store.audit(limit=limit) if subject in ("", one.subject)]  # fmt: skip

    def prediction(self, ensemble: str, identity: str) -> dict[str, Any] | None:
        """Return one kept prediction with its labels and the window it is looked at in, or None."""
        settings = self._known(ensemble)
        found = prediction(self.store, settings, identity, self.waiting)
        if found is None or found["time"] is None:
            return found
        window = looks_of(self.store, settings.name)[0].over(window_of(settings.grain, parse_instant(found["time"])))
        return {**found, "window": str(window)}

    def reference(self, ensemble: str) -> Reference | None:
        """Return the current reference of an ensemble."""
        history = self.history(ensemble)
        return None if history is None else history.current

    def history(self, ensemble: str) -> History | None:
        """Return the references of an ensemble by time; one that was set meanwhile is seen."""
        held = self._histories.get(ensemble)
        if held is None or held.epochs != tuple(self.store.epochs(ensemble)):
            held = history_of(self.store, ensemble, self._known(ensemble).layout, held.references if held else None)
            if held is None:
                return None
            self._histories[ensemble] = held
        return held

    # -- inside -------------------------------------------------------------------------------------------------
    def _asked(self, ensemble: str) -> list[str]:
        return [self._known(ensemble).name] if ensemble else list(self.settings)

    def _known(self, name: str) -> MonitorSettings:
        if name not in self.settings:
            raise NotFound("unknown ensemble", got=f'"{name}"', allowed=sorted(self.settings))
        self.settings[name] = settled(self.store, self.settings[name])
        return self.settings[name]

    def _packs(self, ensemble: str, start: Moment, end: Moment) -> list[StatePack]:
        first, last = instant(start), instant(end)
        return [one for one in self.store.packs(ensemble)
                if (first is None or one.window.start >= first)
                and (last is None or one.window.start < last)]  # fmt: skip

    def _tidy(self, query: ValueQuery) -> list[dict[str, Any]]:
        return self._rows(self.store.values(query))

    def _rows(self, table: pa.Table) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = table.to_pylist()
        for row in rows:
            for name in ("window_start", "window_end"):
                row[name] = isoformat(to_micros(row[name]))
        return rows
