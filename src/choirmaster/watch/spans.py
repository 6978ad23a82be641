"""Values over other spans, or as known at another time, than those that are stored: read off sums of states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.errors import ConfigError, Unavailable
from choirmaster.metrics import BY_NAME
from choirmaster.plan import plan_for
from choirmaster.ports import Measures, StatePack, Store, ValueQuery
from choirmaster.states import BY_KIND
from choirmaster.states.base import Part
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import States, unpack
from choirmaster.states.reference import Reference
from choirmaster.states.versions import fold
from choirmaster.times import DAY, HOUR, MINUTE, Grain, Window, parse_grain, window_of
from choirmaster.watch.absorb import live
from choirmaster.watch.before import Before
from choirmaster.watch.chosen import measured
from choirmaster.watch.evaluate import ALL_SERIES, Subject, ValueRows, evaluate_states, metrics_for
from choirmaster.watch.history import History, widest
from choirmaster.watch.labelled import LABEL_SHARE
from choirmaster.watch.looks import Looks
from choirmaster.watch.rollup import COUNTING, Keep, Sum
from choirmaster.watch.settings import MonitorSettings
from choirmaster.watch.versions import DIFFERENCE

ALL = "all"
_LENGTH = {"m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
Counted = tuple[Window, str, States, Reference, int]  # window, segment, what was counted, with what, revision


def grain_over(stored: Grain, text: str) -> Grain | None:
    """Return the asked length of windows, a whole multiple of the stored one in the same zone (D3); None for all.

    >>> str(grain_over(Grain(6, "h"), "1d")), grain_over(Grain(1, "d"), "all")
    ('1d', None)
    """
    if text == ALL:
        return None
    asked = parse_grain(text, zone=stored.zone, where="window")
    fine = stored.count * _LENGTH.get(stored.unit, 0)
    whole = stored == asked if not fine else asked.unit == "mo" or asked.count * _LENGTH[asked.unit] % fine == 0
    if not whole:
        raise ConfigError("windows can only be added up to longer ones", where="window",
                          expected=f"a multiple of {stored}, such as 1w, 1mo or all", got=f'"{text}"')  # fmt: skip
    return asked


def over_windows(grain: Grain | None, windows: Iterable[Window]) -> dict[Window, Window]:
    """Return the longer window that each window lies in; ``None`` joins all."""
    known = sorted(set(windows))
    if grain is None:
        return {one: Window(known[0].start, max(each.end for each in known)) for one in known}
    return {one: window_of(grain, one.start) for one in known}


@dataclass(frozen=True)
class Spans:
    """Reads values off sums of what the windows of one ensemble count.

    Parameters
    ----------
    engine : Measures or None
        Measures rows again for values as known at another time.
    looks : Looks
        Which windows are looked at together.
    """

    store: Store
    engine: Measures | None
    settings: MonitorSettings
    history: History
    looks: Looks = field(default_factory=Looks)

    def values(self, query: ValueQuery, window: str = "", as_of: int | None = None) -> pa.Table:
        """Return values of the tidy table.

        Parameters
        ----------
        window : str
            ``1w``, ``1mo``, ``all`` or another whole multiple of the stored windows: read off sums of their states.
            Where none is named, windows as they are looked at.
        as_of : int, optional
            Microseconds UTC: windows due by then, measured from their rows with the labels known by then.
        """
        packs = self.store.packs(self.settings.name)
        known = {one.window for one in packs}
        over = _over(grain_over(self.settings.grain, window), known, query) if window else self._looked(known, query)
        if as_of is None:
            return self._read(query, over, self._stored(query, [one for one in packs if one.window in over]))
        self.store.open_ensemble(self.settings.name, widest(self.settings.layout, self.history))
        return self._read(query, over, self._measured(query, sorted(over), as_of))

    def _looked(self, windows: Iterable[Window], query: ValueQuery) -> dict[Window, Window]:
        return {one: longer for one, longer in self.looks.mapping(windows).items() if _inside(longer, query)}

    def _stored(self, query: ValueQuery, packs: Iterable[StatePack]) -> Iterator[Counted]:
        keep = wanted_keys(query)
        parts: dict[str, dict[StateKey, Part]] = {}
        for one in packs:
            if query.segments is None or one.segment in query.segments:
                reference = self.history.at(one.window.start)
                if reference.id not in parts:
                    whole = plan_for(reference, None, calls=True).parts
                    parts[reference.id] = {key: part for key, part in whole.items() if keep(key)}
                states = unpack(one.payload, parts[reference.id], BY_KIND)
                yield one.window, one.segment, states, reference, one.revision

    def _measured(self, query: ValueQuery, windows: Iterable[Window], as_of: int) -> Iterator[Counted]:
        """Measure windows that were due at an instant, with the label of each row that led among those known by then.

        Rows that came late count in their window.
        """
        if self.engine is None:
            raise Unavailable("values as known at another time need an engine", where="as_of")
        for window in windows:
            if window.end + self.settings.grace > as_of:
                continue
            reference = self.history.at(window.start)
            rows = live(self.store.rows(self.settings.name, window=window, as_of=as_of))
            found = self.engine.states(rows, reference, self.settings.grain, calls=True)
            for (_, segment), states in sorted(found.items(), key=lambda pair: pair[0]):
                if query.segments is None or segment in query.segments:
                    yield window, segment, states, reference, 0

    def _read(self, query: ValueQuery, over: Mapping[Window, Window], counted: Iterable[Counted]) -> pa.Table:
        rows, before = ValueRows(), Before()
        for longer, some in groupby(counted, key=lambda one: over[one[0]]):
            sums: dict[str, Sum] = {}
            for _, segment, states, reference, revision in some:
                sums.setdefault(segment, Sum()).add(states, reference, revision)
            for segment, found in sorted(sums.items()):
                subject = Subject(self.settings.name, longer, segment, found.revision)
                self._evaluate(rows, query, subject, found, before)
        return _chosen(rows.table(), query)

    def _evaluate(self, rows: ValueRows, query: ValueQuery, subject: Subject, found: Sum, before: Before) -> None:
        keep, whole = wanted_keys(query), plan_for(found.reference, None, calls=True)
        plan = replace(whole, parts={key: part for key, part in whole.parts.items() if keep(key)})
        named = tuple(map(_whole, query.metrics))
        task, states = self.settings.layout.task, fold(found.states)
        metrics = metrics_for(task, named) if named else measured(self.settings, found.reference)[bool(subject.segment)]
        previous = before.swap(subject.window, subject.segment, states)
        evaluate_states(rows, subject, states, plan, found.reference, metrics, previous, refuses=found.refuses)


def _over(grain: Grain | None, windows: Iterable[Window], query: ValueQuery) -> dict[Window, Window]:
    """Return the longer window of each window; a span cuts by longer windows, and by the stored ones for ``all``."""
    if grain is None:
        return over_windows(None, (one for one in windows if _inside(one, query)))
    return {one: longer for one, longer in over_windows(grain, windows).items() if _inside(longer, query)}


def _inside(one: Window, query: ValueQuery) -> bool:
    return (query.start is None or one.start >= query.start) and (query.end is None or one.end <= query.end)


def _whole(metric: str) -> str:
    """Return the metric that a difference of versions is of."""
    return metric.removesuffix(DIFFERENCE)


def wanted_keys(query: ValueQuery) -> Keep:
    """Return which states a query needs."""
    kinds = {BY_NAME[name].needs for name in map(_whole, query.metrics) if name in BY_NAME}
    if LABEL_SHARE in query.metrics:
        kinds |= set(COUNTING)

    def keep(key: StateKey) -> bool:
        return (
            (not kinds or key.kind in kinds)
            and (not query.series or (key.series or ALL_SERIES) in query.series)
            and (not query.features or key.feature in query.features)
        )

    return keep


def _chosen(table: pa.Table, query: ValueQuery) -> pa.Table:
    for name, wanted in (("series", query.series), ("feature", query.features), ("metric", query.metrics),
                         ("version", query.versions)):  # fmt: skip
        if wanted:
            table = table.filter(pc.is_in(table[name], pa.array(wanted)))
    return table
