"""Questions about calendar months and about the drift of features over time, summed from stored states."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from choirmaster.metrics import BY_NAME
from choirmaster.ports import StatePack, Store
from choirmaster.watch.answers import Moment
from choirmaster.watch.remembered import Remembered, stand_of
from choirmaster.watch.rollup import feature_metric, label_counts, merged, month_of, read_metric, value_fields

if TYPE_CHECKING:
    from choirmaster.watch.history import History
    from choirmaster.watch.settings import MonitorSettings


class MonthQueries:
    """Answers by calendar month; what was summed is kept until a window of the month changes."""

    store: Store
    _months: Remembered

    if TYPE_CHECKING:

        def _known(self, ensemble: str) -> MonitorSettings: ...
        def history(self, ensemble: str) -> History | None: ...
        def headline(self, settings: MonitorSettings) -> tuple[str, ...]: ...
        def metrics(
            self, *, ensemble: str = "", metric: str = "", start: Moment = None, end: Moment = None
        ) -> list[dict[str, Any]]: ...
        def _packs(self, ensemble: str, start: Moment, end: Moment) -> list[StatePack]: ...

    def drift(self, ensemble: str, *, metric: str = "psi", start: Moment = None, end: Moment = None) -> dict[str, Any]:
        """Return the drift of every feature over time, worst first, by window and by calendar month.

        A month is measured on the sum of its windows' states, not as a mean of their values.
        """
        layout = self._known(ensemble).layout
        rows = [row for row in self.metrics(ensemble=ensemble, metric=metric, start=start, end=end) if row["feature"]]
        windows = sorted({row["window_start"] for row in rows})
        found = {(row["feature"], row["window_start"]): row["value"] for row in rows}
        months = self._drift_months(ensemble, metric, start, end)
        features = []
        for name in layout.features:
            values = [found.get((name, window)) for window in windows]
            known = [one for one in values if one is not None]
            kind = "numeric" if name in layout.numeric else "categorical"
            features.append({"name": name, "type": kind, "values": values,
                             "months": [month[name] for month in months.values()],
                             "max": max(known, default=None), "latest": known[-1] if known else None})  # fmt: skip
        return {
            "windows": windows,
            "months": list(months),
            "features": sorted(features, key=lambda one: -(one["max"] or 0.0)),
        }

    def _drift_months(
        self, ensemble: str, metric: str, start: Moment, end: Moment
    ) -> dict[str, dict[str, float | None]]:
        """Return ``{month: {feature: value}}`` from the sums of stored states."""
        settings, history = self._known(ensemble), self.history(ensemble)
        if history is None or metric not in BY_NAME:
            return {}
        by_month: dict[str, list[StatePack]] = defaultdict(list)
        for one in self._packs(ensemble, start, end):
            if not one.segment:
                by_month[month_of(one.window.start, settings.grain)].append(one)
        return {month: self._drift_month(settings, history, metric, month, packs)
                for month, packs in sorted(by_month.items())}  # fmt: skip

    def _drift_month(
        self, settings: MonitorSettings, history: History, metric: str, month: str, packs: list[StatePack]
    ) -> dict[str, float | None]:
        def read() -> dict[str, float | None]:
            states = merged(packs, history, lambda one: bool(one.feature))
            values = {name: feature_metric(states, name, metric) for name in settings.layout.features}
            return {name: value.number if value else None for name, value in values.items()}

        return self._months.answer((settings.name, metric, month), stand_of(packs), read)

    def months(self, ensemble: str) -> list[dict[str, Any]]:
        """Return one row per calendar month, rolled up from stored states: counts, and each metric of each series."""
        settings, history = self._known(ensemble), self.history(ensemble)
        by_month: dict[str, list[StatePack]] = defaultdict(list)
        for one in self._packs(ensemble, None, None):
            if not one.segment:
                by_month[month_of(one.window.start, settings.grain)].append(one)
        if history is None:
            return []
        mark = self.store.watermark(ensemble) or 0
        return [
            self._month(settings, history, month, packs) | self._month_labels(settings, history, month, packs, mark)
            for month, packs in sorted(by_month.items())
        ]

    def _month_labels(
        self, settings: MonitorSettings, history: History, month: str, packs: list[StatePack], mark: int
    ) -> dict[str, Any]:
        stand = (stand_of(packs), mark)
        return self._months.answer((settings.name, "labels", month), stand,
                                   lambda: dict(label_counts(settings, history, packs, mark)))  # fmt: skip

    def _month(self, settings: MonitorSettings, history: History, month: str, packs: list[StatePack]) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            states = merged(packs, history, lambda one: bool(one.series))
            names = [one.name for one in history.current.layout.series]
            headline = (*self.headline(settings), "availability")
            values = {metric: {name: read_metric(states, name, metric) for name in names} for metric in headline}
            prevalence = read_metric(states, names[-1], "prevalence")
            return {
                "month": month,
                "rate": prevalence.number if prevalence else None,
                "metrics": {metric: {name: value_fields(value) for name, value in found.items() if value}
                            for metric, found in values.items()},
            }  # fmt: skip

        return self._months.answer((settings.name, "values", month), stand_of(packs), read)
