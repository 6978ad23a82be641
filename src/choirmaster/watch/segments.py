"""Questions about the segments of a store: each one's value, the weakest, and gaps between groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from choirmaster.metrics import BY_NAME
from choirmaster.ports import StatePack
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import States
from choirmaster.values import FUSED
from choirmaster.watch.answers import Moment
from choirmaster.watch.labelled import LABEL_SHARE
from choirmaster.watch.remembered import Remembered, stand_of
from choirmaster.watch.rollup import COUNTING, Sum, merged, read_metric, value_fields
from choirmaster.watch.slices import (
    KEPT,
    calibration_points,
    fairness_gaps,
    known_series,
    weakest_segments,
)

if TYPE_CHECKING:
    from choirmaster.watch.history import History
    from choirmaster.watch.settings import MonitorSettings


class SliceQueries:
    """Answers about segments, summed from stored states over a span of windows."""

    _summed: Remembered
    if TYPE_CHECKING:

        def _known(self, ensemble: str) -> MonitorSettings: ...
        def history(self, ensemble: str) -> History | None: ...
        def _packs(self, ensemble: str, start: Moment, end: Moment) -> list[StatePack]: ...

    def segments(
        self, ensemble: str, metric: str, *, series: str = FUSED, start: Moment = None, end: Moment = None
    ) -> list[dict[str, Any]]:
        """Return one metric for each segment over a span, summed from states."""
        kinds = COUNTING if metric == LABEL_SHARE or metric not in BY_NAME else (BY_NAME[metric].needs,)
        out = []
        for segment, found in self._sums(ensemble, series, start, end, kinds).items():
            value = read_metric(found, series, metric) if segment else None
            if value is not None:
                out.append({"segment": segment, "value": value_fields(value)})
        return out

    def weakest(
        self, ensemble: str, metric: str = "", *, series: str = "", target: str = "", start: Moment = None,
        end: Moment = None, at_most: int = 10,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Return the segments that are most surely worse than all other rows; see ``metrics.weakest``.

        A segment whose windows were measured with references that do not add up is left out.
        """
        layout = self._known(ensemble).layout
        series = known_series(layout, series)
        slices = self._states(ensemble, series, start, end)
        whole = slices.pop("", {})
        return weakest_segments(layout, whole, slices, metric=metric, series=series, target=target, at_most=at_most)

    def fairness(
        self, ensemble: str, segment: str | Sequence[str], *, series: str = "", target: str = "",
        reference: str | None = None, start: Moment = None, end: Moment = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Return the rates of each group of a segment, and the gaps between them; see ``metrics.fairness``."""
        layout = self._known(ensemble).layout
        series = known_series(layout, series)
        slices = self._states(ensemble, series, start, end)
        slices.pop("", None)
        return fairness_gaps(layout, slices, segment, series=series, target=target, reference=reference)

    def calibration(
        self, ensemble: str, *, target: str = "", start: Moment = None, end: Moment = None
    ) -> list[dict[str, Any]]:
        """Return the calibration curve of each series over a span, one row per cell; all rows, no segment."""
        layout, history = self._known(ensemble).layout, self.history(ensemble)
        packs = [one for one in self._packs(ensemble, start, end) if not one.segment] if history is not None else []
        if history is None or not packs:
            return []
        whole = merged(packs, history, lambda key: key.kind == "scores/1" and key.version == "*").states
        return calibration_points(layout, whole, target=target)

    def _states(self, ensemble: str, series: str, start: Moment, end: Moment) -> dict[str, States]:
        return {name: found.states for name, found in self._sums(ensemble, series, start, end, KEPT).items()}

    def _sums(
        self, ensemble: str, series: str, start: Moment, end: Moment, kinds: Collection[str]
    ) -> Mapping[str, Sum]:
        """Return the sums of one series over a span: of each segment by its name, and of all rows as ``""``."""
        history = self.history(self._known(ensemble).name)
        packs = self._packs(ensemble, start, end) if history is not None else []
        wanted = frozenset(KEPT) if set(kinds) <= set(KEPT) else frozenset(kinds)  # one sum for all usual questions

        def keep(key: StateKey) -> bool:
            return key.kind in wanted and key.series == series and key.version == "*"

        def read() -> Mapping[str, Sum]:
            by_segment: dict[str, list[StatePack]] = defaultdict(list)
            for one in packs:
                by_segment[one.segment].append(one)
            return {
                name: merged(some, history, keep)
                for name, some in sorted(by_segment.items()) if history is not None
            }  # fmt: skip

        return self._summed.answer((ensemble, series, start, end, wanted), stand_of(packs), read)
