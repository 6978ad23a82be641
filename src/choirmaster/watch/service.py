"""The loop: what is pending, which windows are due, their values, the rules, the alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from choirmaster.alerts.absence import no_data
from choirmaster.alerts.life import FIRING, QUIET, Change, Track
from choirmaster.alerts.rules import Point, Rule, Severity
from choirmaster.alerts.text import Alert, Subject
from choirmaster.errors import ConfigError
from choirmaster.plan import plan_for
from choirmaster.ports import Clock, Measures, Store, ValueQuery
from choirmaster.states import BY_KIND
from choirmaster.states.pack import unpack
from choirmaster.states.reference import Reference, from_bytes, to_bytes
from choirmaster.times import DAY, Window
from choirmaster.values import FUSED
from choirmaster.watch.absorb import absorb, live
from choirmaster.watch.evaluate import Subject as Measured
from choirmaster.watch.evaluate import ValueRows, evaluate_states, metrics_for
from choirmaster.watch.judge import Baselines, baselines, judge
from choirmaster.watch.labelled import LABEL_SHARE
from choirmaster.watch.settings import MonitorSettings

_LOG = structlog.get_logger(__name__)
COLLECT_ROWS = 10_000
MEASURED_TOGETHER = 16  # windows whose values are written at once, so that pages fill while a backlog is measured
NO_DATA_TRACK = "no_data|all|||"
NO_DATA = Rule("no_data", "rows", lambda _: no_data(0, None, 0, 0), 1, Severity.CRITICAL, series="all")

LEASE, LEASE_SECONDS, LAST = "monitor", 120.0, "last"


@dataclass
class Watched:
    """What the loop remembers of one ensemble between two looks."""

    settings: MonitorSettings
    reference: Reference
    past: Baselines
    revisions: dict[Window, int] = field(default_factory=dict)
    evaluated: dict[Window, int] = field(default_factory=dict)
    judged_at: int | None = None


@dataclass
class Summary:
    """What one look did."""

    rows: int = 0
    windows: int = 0
    values: int = 0
    alerts: list[dict[str, object]] = field(default_factory=list)
    collecting: dict[str, float] = field(default_factory=dict)
    elsewhere: bool = False


class Monitor:
    """Measures and judges every ensemble of one store.

    Parameters
    ----------
    store : Store
    engine : Measures
    clock : Clock
    settings : sequence of MonitorSettings
    notify : callable
        Gets each alert document once it is stored.
    link : callable
        ``link(ensemble)`` returns the address of its page, or ''.
    holder : str
        Who this is among the monitors of one store: one of them looks at a time.
    """

    def __init__(
        self,
        store: Store,
        engine: Measures,
        clock: Clock,
        settings: Sequence[MonitorSettings],
        *,
        notify: Callable[[dict[str, object]], None] = lambda _: None,
        link: Callable[[str], str] = lambda _: "",
        holder: str = "monitor",
    ) -> None:
        self.store, self.engine, self.clock = store, engine, clock
        self.settings = {one.name: one for one in settings}
        self.notify, self.link, self.holder = notify, link, holder
        self._watched: dict[str, Watched] = {}

    def once(
        self, ensembles: Sequence[str] = (), progress: Callable[[int], None] | None = None, *, stream: bool = False
    ) -> Summary:
        """Do all that is due now, and return what was done; in a ``stream`` what comes meanwhile waits its turn.

        An ensemble that fails does not keep the others from being looked at; the first failure is raised at the end.
        While another monitor of the store looks, nothing is done and ``elsewhere`` is true.
        """
        if not self.store.lease(LEASE, self.holder, now=self.clock.now(), seconds=LEASE_SECONDS):
            return Summary(elsewhere=True)
        try:
            self._forget_if_another_looked()
            return self._once(ensembles, progress, stream)
        finally:
            self.store.release(LEASE, self.holder)

    def _forget_if_another_looked(self) -> None:
        """What another monitor of the store did meanwhile is read again."""
        last = self.store.documents("monitor", LAST).get(LAST, {}).get("holder")
        if last != self.holder:
            self._watched.clear()
            self.store.put_document("monitor", LAST, {"holder": self.holder}, at=self.clock.now())

    def _once(self, ensembles: Sequence[str], progress: Callable[[int], None] | None, stream: bool) -> Summary:
        summary = Summary()
        failed: list[Exception] = []
        for name in ensembles or tuple(self.settings):
            try:
                watched = self._watch(self.settings[name], summary)
                if watched is not None:
                    self._look(watched, summary, progress, stream)
            except Exception as error:
                _LOG.warning("ensemble_not_measured", ensemble=name, error=str(error))
                failed.append(error)
                self._watched.pop(name, None)  # what was taken in before it failed is read again from the store
        if failed:
            raise failed[0]
        return summary

    def now(self, settings: MonitorSettings) -> int:
        """Return the instant by the ensemble's own clock (D4)."""
        if settings.clock == "wall":
            return self.clock.now()
        return min(self.store.watermark(settings.name) or 0, self.clock.now())

    def _look(self, watched: Watched, summary: Summary, progress: Callable[[int], None] | None, stream: bool) -> None:
        settings = watched.settings
        now = self.now(settings)  # before rows are taken in: a window is due only when its rows were

        def count(rows: int) -> None:
            summary.rows += rows
            if progress:
                progress(summary.rows)

        arrived = self.clock.now()
        changed = absorb(
            self.store, self.engine, settings, watched.reference, now=arrived, progress=count, stream=stream
        )
        watched.revisions |= changed
        due = sorted(
            window for window, revision in watched.revisions.items()
            if watched.evaluated.get(window, 0) < revision and window.end + settings.grace <= now
        )  # fmt: skip
        for at in range(0, len(due), MEASURED_TOGETHER):
            some = due[at : at + MEASURED_TOGETHER]
            summary.values += self._measure(watched, some)
            summary.windows += len(some)
        if due or now != watched.judged_at:
            self._judge(watched, now, summary)
            watched.judged_at = now

    def _watch(self, settings: MonitorSettings, summary: Summary) -> Watched | None:
        if settings.name not in self._watched:
            self.store.open_ensemble(settings.name, settings.layout)
            self._refuse_other_windows(settings)
            reference = self._reference(settings, summary)
            if reference is None:
                return None
            watched = Watched(settings, reference, baselines(reference))
            for one in self.store.packs(settings.name):
                watched.revisions[one.window] = max(one.revision, watched.revisions.get(one.window, 0))
            for document in self.store.documents("evaluated", f"{settings.name}/").values():
                watched.evaluated[Window(document["start"], document["end"])] = document["revision"]
            self._watched[settings.name] = watched
        return self._watched[settings.name]

    def _refuse_other_windows(self, settings: MonitorSettings) -> None:
        """States stand by windows of one length and zone; another one needs them measured anew, in another store."""
        wanted = {"grain": str(settings.grain), "zone": settings.grain.zone}
        kept = self.store.documents("windows", settings.name).get(settings.name)
        if kept is None:
            self.store.put_document("windows", settings.name, wanted, at=self.clock.now())
        elif kept != wanted:
            raise ConfigError(
                "the windows of measured data cannot change", where=f"$.ensembles.{settings.name}.monitor.window",
                expected=f"{kept['grain']} in {kept['zone']}", got=f"{wanted['grain']} in {wanted['zone']}",
                fix="set it back, or start another store",
            )  # fmt: skip

    def _reference(self, settings: MonitorSettings, summary: Summary) -> Reference | None:
        """Return the stored reference, else build it from the configured rows or from enough live ones."""
        stored = self.store.reference(settings.name)
        if stored is not None:
            kept = from_bytes(stored[1], BY_KIND)
            for what in differences(kept, settings):
                _LOG.warning("reference_differs", ensemble=settings.name, reference=kept.id, what=what)
            return kept
        if settings.reference_rows is not None:
            table, source = settings.reference_rows(), settings.reference_source
        else:
            table, source = live(self.store.pending(settings.name).predictions), "the first live rows"
            share = _collected(table, settings.collect)
            if share < 1.0:
                summary.collecting[settings.name] = share
                self.store.put_document("status", settings.name, {"collecting": share}, at=self.clock.now())
                return None
            table = _first(table, settings.collect)
        reference = self.engine.reference(table, settings.layout, cutoff=settings.cutoff, source=source)
        self.store.put_reference(settings.name, reference.id, to_bytes(reference), at=self.clock.now(), source=source)
        return reference

    def _measure(self, watched: Watched, due: list[Window]) -> int:
        settings, reference = watched.settings, watched.reference
        plan = plan_for(reference, settings.grain, calls=True)
        metrics = metrics_for(settings.layout.task, settings.measured)
        rows = ValueRows()
        for one in self.store.packs(settings.name, due):
            states = unpack(one.payload, plan.parts, BY_KIND)
            subject = Measured(settings.name, one.window, one.segment, one.revision)
            evaluate_states(rows, subject, states, plan, reference, metrics)
        table = rows.table()
        self.store.put_values(settings.name, due, table)
        for window in due:
            watched.evaluated[window] = watched.revisions[window]
            document = {"start": window.start, "end": window.end, "revision": watched.revisions[window]}
            self.store.put_document("evaluated", f"{settings.name}/{window.start}", document, at=self.clock.now())
        return int(table.num_rows)

    def _judge(self, watched: Watched, now: int, summary: Summary) -> None:
        settings = watched.settings
        tracks = {key.removeprefix(f"{settings.name}/"): Track(**document)
                  for key, document in self.store.documents("track", f"{settings.name}/").items()}  # fmt: skip
        start = min((one.judged_until for name, one in tracks.items() if name != NO_DATA_TRACK), default=None)
        names = tuple(sorted({rule.metric for rule in settings.rules} | {LABEL_SHARE}))
        segments = tuple(sorted({rule.segment for rule in settings.rules} | {""}))
        values = self.store.values(ValueQuery(settings.name, start=start, segments=segments, metrics=names))
        found = judge(
            settings.rules, values, watched.past, tracks, ensemble=settings.name,
            expected_share=settings.expected_share, mature=lambda end: now >= end + settings.labels_expected,
        )  # fmt: skip
        gone = self._absence(watched, now, tracks)
        for alert in found.alerts + gone.alerts:  # told before the tracks are kept: a crash may repeat, never lose
            self._tell(alert, summary)
        for name, track in (found.tracks | gone.tracks).items():
            if tracks.get(name) != track:
                self.store.put_document("track", f"{settings.name}/{name}", asdict(track), at=self.clock.now())

    def _absence(self, watched: Watched, now: int, tracks: dict[str, Track]) -> _Absence:
        settings = watched.settings
        last = max((window.end for window in watched.revisions), default=None)
        length = max((window.end - window.start for window in watched.revisions), default=DAY)
        verdict = no_data(now, last, length, settings.grace)
        track = tracks.get(NO_DATA_TRACK, Track())
        if verdict.bad is None or last is None or verdict.bad == (track.state == FIRING):
            return _Absence()
        point = Point(last, last, 0.0, None, None, 0)
        status = "firing" if verdict.bad else "resolved"
        since = last if verdict.bad else track.since
        state = Track(FIRING if verdict.bad else QUIET, last, 0, since)
        return _Absence(
            {NO_DATA_TRACK: state},
            [Alert(NO_DATA, Subject(settings.name, "all"), Change(status, since, point, verdict))],
        )

    def _tell(self, alert: Alert, summary: Summary) -> None:
        """Store the alert and send it; a stored alert keeps what made it fire, and adds how it was resolved."""
        document = alert.document(now=self.clock.now(), link=self.link(alert.subject.ensemble))
        key = f"{alert.subject.ensemble}/{document['id']}"
        fired = self.store.documents("alert", key).get(key)
        end = {"resolved_at": alert.change.point.window_end, "resolution": alert.text}
        kept = {**(fired or document), **end, "state": "resolved"} if alert.change.status == "resolved" else document
        self.store.put_document("alert", key, kept, at=self.clock.now())
        summary.alerts.append(document)
        self.notify(document)


@dataclass
class _Absence:
    tracks: dict[str, Track] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)


def differences(reference: Reference, settings: MonitorSettings) -> list[str]:
    """Say where a stored reference is not what the configuration asks for now: it stays, and so do its numbers."""
    out = []
    if reference.layout != settings.layout:
        out.append("features, members, classes or segments have changed; what is new is not measured")
    if settings.reference_rows is not None and reference.source != settings.reference_source:
        out.append(f"the reference file is {settings.reference_source} now, it was {reference.source}")
    wished = settings.cutoff.get(FUSED) if isinstance(settings.cutoff, Mapping) else settings.cutoff
    held = reference.cutoff(FUSED)
    if isinstance(wished, int | float) and held is not None and float(wished) != held:
        out.append(f"the cutoff is {wished:g} now, values are measured at {held:g}")
    return out


def _first(table: pa.Table, enough: int) -> pa.Table:
    """Return the first rows in order of time, no more than a first reference needs."""
    ordered = table.sort_by("time").slice(0, COLLECT_ROWS)
    times = ordered["time"].cast(pa.int64())
    return ordered.filter(pc.less_equal(times, (pc.min(times).as_py() or 0) + enough))


def _collected(table: pa.Table, enough: int) -> float:
    """Return how much of a first reference is there: 10,000 rows or enough time, whichever comes first."""
    bounds = pc.min_max(table["time"].cast(pa.int64())).as_py()
    span = (bounds["max"] or 0) - (bounds["min"] or 0)
    return float(max(table.num_rows / COLLECT_ROWS, span / enough))
