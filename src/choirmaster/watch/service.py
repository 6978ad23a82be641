"""The loop: what is pending, which windows are due, their values, the rules, the alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import pyarrow as pa
import structlog

from choirmaster.alerts.absence import no_data
from choirmaster.alerts.life import FIRING, QUIET, Change, Track
from choirmaster.alerts.rules import Point, Rule, Severity
from choirmaster.alerts.text import Alert, Subject
from choirmaster.errors import ConfigError
from choirmaster.metrics.freshness import FRESHNESS
from choirmaster.ports import ALWAYS, AuditEntry, Clock, Epoch, Measures, Store, ValueQuery
from choirmaster.states.reference import Reference, to_bytes
from choirmaster.times import DAY, MINUTE, Window, window_of
from choirmaster.watch.absorb import absorb
from choirmaster.watch.choosing import chosen_rows, found_differences, note_content
from choirmaster.watch.epochs import MEMBER, SET, SPAN, SetReference, begin_epoch, new_members, start_of, with_member
from choirmaster.watch.following import choose
from choirmaster.watch.freshness import judge_freshness, put_freshness, wanted
from choirmaster.watch.history import History, history_of, widest
from choirmaster.watch.judge import Judged, baselines, judge
from choirmaster.watch.labelled import LABEL_SHARE
from choirmaster.watch.looking import look
from choirmaster.watch.looks import LENGTHS, lengths_of, looks_of, settle, settled
from choirmaster.watch.measuring import measure
from choirmaster.watch.settings import MonitorSettings
from choirmaster.watch.traffic import Count
from choirmaster.watch.watched import Summary, Watched

_LOG = structlog.get_logger(__name__)
MEASURED_TOGETHER = 16  # windows whose values are written at once, so that pages fill while a backlog is measured
NO_DATA_TRACK = "no_data|all|||"
NO_DATA = Rule("no_data", "rows", lambda _: no_data(0, None, 0, 0), 1, Severity.CRITICAL, series="all")

LEASE, LEASE_SECONDS, LAST = "monitor", 120.0, "last"


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
        with self._turn() as mine:
            return self._once(ensembles, progress, stream) if mine else Summary(elsewhere=True)

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """Be the one monitor that looks; False while another one does."""
        if not self._hold():
            yield False
            return
        try:
            self._forget_if_another_looked()
            yield True
        finally:
            self.store.release(LEASE, self.holder)

    def _hold(self) -> bool:
        return self.store.lease(LEASE, self.holder, now=self.clock.now(), seconds=LEASE_SECONDS)

    def set_reference(
        self, name: str, rows: Callable[[MonitorSettings], tuple[pa.Table, str]], *, who: str, cause: str = "",
        since: int | None = None, progress: Callable[[int, int], None] = lambda _, __: None,
    ) -> SetReference | None:  # fmt: skip
        """Start an epoch: compare with other rows from ``since`` on, and measure the windows there are again.

        Parameters
        ----------
        rows : callable
            Returns the canonical rows, and where they come from in words.
        since : int, optional
            By default 30 days before now; windows before it keep their values and their reference.

        Returns
        -------
        SetReference or None
            None while another monitor of the store looks.
        """
        with self._turn() as mine:
            if not mine:
                return None
            settings = settled(self.store, self.settings[name])
            self.store.open_ensemble(name, settings.layout)
            history = history_of(self.store, name, settings.layout)
            table, source = rows(settings)
            reference = self._build(settings, table, source)
            note_content(self.store, settings, reference, at=self.clock.now())
            if history is None:
                start = ALWAYS
                self._settle(settings, reference, table)
            else:
                start = start_of(settings, self.now(settings) - SPAN if since is None else since)
            revisions: dict[Window, int] = {}
            watched = self._watch(settings, Summary()) if history is not None else None
            if watched is not None:
                now = self.clock.now()
                watched.take(absorb(self.store, self.engine, settings, watched.history, now=now))
                revisions = watched.revisions
            self.store.open_ensemble(name, widest(settings.layout, history))

            def step(done: int, total: int) -> None:
                self._hold()
                progress(done, total)

            audit = AuditEntry(self.clock.now(), who, SET, name, cause, history.current.id if history else "",
                               reference.id)  # fmt: skip
            self._watched.pop(name, None)
            epoch = Epoch(reference.id, start, audit.at, source, who)
            return begin_epoch(
                self.store, self.engine, settings, reference, epoch, revisions, audit=audit, progress=step
            )

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
                while watched is not None and self._take_members_in(watched, summary):
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
        changed = absorb(self.store, self.engine, settings, watched.history, now=arrived, progress=count, stream=stream)
        watched.take(changed)
        due = sorted(
            window for window, revision in watched.revisions.items()
            if watched.evaluated.get(window, 0) < revision and window.end + settings.grace <= now
        )  # fmt: skip
        choose(self.store, watched, due, at=arrived)
        relabelled = {window for window in due if watched.relabelled(window)}
        for labels in (False, True):
            chosen = [window for window in due if (window in relabelled) == labels]
            for at in range(0, len(chosen), MEASURED_TOGETHER):
                some = chosen[at : at + MEASURED_TOGETHER]
                summary.values += measure(self.store, watched, some, at=self.clock.now(), labels=labels)
        summary.values += look(self.store, watched, now=now, at=self.clock.now())
        summary.windows += len(due)
        self._look_at_freshness(watched, now, summary)
        if due or now != watched.judged_at:
            self._judge(watched, now, summary)
            watched.judged_at = now

    def _look_at_freshness(self, watched: Watched, now: int, summary: Summary) -> None:
        """Store and judge how fresh each source is, once a minute of the ensemble's clock."""
        settings = watched.settings
        if not wanted(settings) or watched.fresh_at == now // MINUTE:
            return
        newest = self.store.newest(settings.name)
        if newest:
            put_freshness(self.store, settings, newest, now, watched.evaluated.get(window_of(settings.grain, now), 0))
            tracks = self._tracks(settings.name)
            self._keep(settings, judge_freshness(settings, newest, now, tracks), tracks, summary)
        watched.fresh_at = now // MINUTE

    def _tracks(self, name: str) -> dict[str, Track]:
        found = self.store.documents("track", f"{name}/")
        return {key.removeprefix(f"{name}/"): Track(**document) for key, document in found.items()}

    def _keep(self, settings: MonitorSettings, found: Judged, tracks: dict[str, Track], summary: Summary) -> None:
        """Tell alerts, then keep the tracks: a crash between may repeat a message, and never loses one."""
        for alert in found.alerts:
            self._tell(alert, summary)
        for name, track in found.tracks.items():
            if tracks.get(name) != track:
                self.store.put_document("track", f"{settings.name}/{name}", asdict(track), at=self.clock.now())

    def _watch(self, settings: MonitorSettings, summary: Summary) -> Watched | None:
        if settings.name not in self._watched:
            settings = settled(self.store, settings)
            self.store.open_ensemble(settings.name, settings.layout)
            self._refuse_other_windows(settings)
            history = self._history(settings, summary)
            if history is None:
                return None
            settings = settled(self.store, settings)
            self.store.open_ensemble(settings.name, widest(settings.layout, history))
            past = {name: baselines(one, settings.ruled) for name, one in history.references.items()}
            watched = Watched(settings, history, past)
            watched.looks, watched.looked = looks_of(self.store, settings.name)
            for one in self.store.packs(settings.name):
                watched.revisions[one.window] = max(one.revision, watched.revisions.get(one.window, 0))
            for document in self.store.documents("evaluated", f"{settings.name}/").values():
                window = Window(document["start"], document["end"])
                watched.evaluated[window] = document["revision"]
                if document.get("rows") is not None:
                    watched.counted[window] = document["rows"]
                if document.get("counts") is not None:
                    watched.counts[window] = Count(*document["counts"])
            self._watched[settings.name] = watched
        return self._watched[settings.name]

    def _refuse_other_windows(self, settings: MonitorSettings) -> None:
        """States stand by windows of one length and zone; another one needs them measured anew, in another store."""
        wanted = {"grain": str(settings.grain), "zone": settings.grain.zone}
        kept = lengths_of(self.store, settings.name)
        if not kept and settings.precision is None:
            self.store.put_document(LENGTHS, settings.name, wanted, at=self.clock.now())
        elif kept and kept | wanted != kept:
            raise ConfigError(
                "the windows of measured data cannot change", where=f"$.ensembles.{settings.name}.monitor.window",
                expected=f"{kept['grain']} in {kept['zone']}", got=f"{wanted['grain']} in {wanted['zone']}",
                fix="set it back, or start another store",
            )  # fmt: skip

    def _history(self, settings: MonitorSettings, summary: Summary) -> History | None:
        """Return the references in force; without any, the first one is built from configured or from live rows."""
        name = settings.name
        history = history_of(self.store, name, settings.layout)
        if history is not None:
            found = found_differences(self.store, settings, history)
            if found:
                summary.differs[name] = found
            return history
        table, source, share = chosen_rows(self.store, settings)
        if table is None:
            self._collecting(name, share, summary)
            return None
        reference = self._build(settings, table, source)
        self._settle(settings, reference, table)
        note_content(self.store, settings, reference, at=self.clock.now())
        self.store.put_reference(name, reference.id, to_bytes(reference), at=self.clock.now(), source=source)
        return history_of(self.store, name, settings.layout, {reference.id: reference})

    def _build(self, settings: MonitorSettings, table: pa.Table, source: str) -> Reference:
        """Return the reference that some rows make for an ensemble."""
        return self.engine.reference(table, settings.layout, cutoff=settings.cutoff, source=source,
                                     row_scores=settings.row_scores)  # fmt: skip

    def _settle(self, settings: MonitorSettings, reference: Reference, rows: pa.Table) -> None:
        """Fix the length of the windows that are stored, where it is chosen and nothing has been stored."""
        if settings.precision is not None and not lengths_of(self.store, settings.name):
            settle(self.store, settings, reference, rows, self.clock.now())

    def _take_members_in(self, watched: Watched, summary: Summary) -> bool:
        """Give a member that the reference knows nothing of its own parts, once it has answered enough rows."""
        settings, history = watched.settings, watched.history
        for one in new_members(settings, history):
            found, since, share = with_member(self.store, self.engine, settings, history, one, self.clock.now())
            if found is None:
                if since:
                    summary.collecting[f"{settings.name}: {one.name}"] = share
                continue
            last = history.epochs[-1]
            epoch = Epoch(found.id, since, self.clock.now(), last.source, last.who)
            audit = AuditEntry(epoch.at, "monitor", MEMBER, settings.name, one.name, last.reference, found.id)
            begin_epoch(self.store, self.engine, settings, found, epoch, watched.revisions, audit=audit)
            self._watched.pop(settings.name)
            return True
        return False

    def _collecting(self, name: str, share: float, summary: Summary) -> None:
        summary.collecting[name] = share
        self.store.put_document("status", name, {"collecting": share}, at=self.clock.now())

    def _judge(self, watched: Watched, now: int, summary: Summary) -> None:
        settings = watched.settings
        tracks = self._tracks(settings.name)
        rules = [one for one in settings.rules if one.metric != FRESHNESS.name]  # judged by the clock, not by window
        apart = {NO_DATA.name, *(one.name for one in settings.rules if one.metric == FRESHNESS.name)}
        start = min((one.judged_until for name, one in tracks.items() if name.partition("|")[0] not in apart),
                    default=None)  # fmt: skip
        names = tuple(sorted({rule.metric for rule in rules} | {LABEL_SHARE}))
        segments = tuple(sorted({rule.segment for rule in rules} | {""}))
        values = self.store.values(ValueQuery(settings.name, start=start, segments=segments, metrics=names))
        found = judge(
            rules, values, watched.past[watched.reference.id], tracks, ensemble=settings.name,
            earlier=watched.past,
            expected_share=settings.expected_share, mature=lambda end: now >= end + settings.labels_expected,
        )  # fmt: skip
        gone = self._absence(watched, now, tracks)
        self._keep(settings, Judged(found.tracks | gone.tracks, found.alerts + gone.alerts), tracks, summary)

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
