"""One installation: the store, the journal, and everything that works on them, put together from a configuration."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from choirmaster.app.clock import RealClock
from choirmaster.app.ensembles import layout_of, monitor_settings, serve_settings
from choirmaster.app.files import beside, journal_folder, read_config, store_folder
from choirmaster.app.member_loading import close_members, load_members
from choirmaster.app.operating import declared_by
from choirmaster.app.waiting import Waiting
from choirmaster.config import Config
from choirmaster.config import Sink as SinkConfig
from choirmaster.engines.local import LocalEngine
from choirmaster.errors import Unavailable
from choirmaster.layout import Layout
from choirmaster.notify.notifier import Notifier
from choirmaster.operate.follower import Follower
from choirmaster.operate.operator import Operator
from choirmaster.overlay import Overlay
from choirmaster.ports import Member
from choirmaster.record.drainer import Drainer
from choirmaster.record.queue import AsyncRecorder, DurableRecorder
from choirmaster.record.service import IngestService
from choirmaster.serve.runner import EnsembleRunner
from choirmaster.serve.settings import EnsembleSettings
from choirmaster.serve.telemetry import Telemetry
from choirmaster.sinks import build as build_sink
from choirmaster.states.reference import from_bytes
from choirmaster.stores.journal import Journal, open_free
from choirmaster.stores.journal_file import JournalFolder
from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.times import SECOND
from choirmaster.values import FUSED
from choirmaster.watch.choosing import fix_text
from choirmaster.watch.queries import Queries
from choirmaster.watch.service import Monitor, Summary

_LOG = structlog.get_logger(__name__)
LEASE_SECONDS = 10.0  # so long a killed drainer keeps others out; one that is only slow is kept apart by the lock
TURN_SECONDS = 60.0
WAIT_SECONDS = 0.2


class Installation:
    """Everything behind one ``choirmaster.yaml``.

    Parameters
    ----------
    path : Path
        The configuration file.
    overrides : mapping
        Values of the command line by dotted path.
    telemetry : Telemetry, optional
    """

    def __init__(
        self, path: Path, *, overrides: Mapping[str, Any] | None = None, telemetry: Telemetry | None = None
    ) -> None:
        self.path, self.overrides, self.telemetry = path, overrides or {}, telemetry
        self.clock = RealClock()
        self.config: Config = read_config(path, self.overrides)
        self.store = EmbeddedStore(store_folder(self.config, path))
        self.layouts: dict[str, Layout] = {}
        self.members: dict[str, dict[str, Member]] = {}
        self.runners: dict[str, EnsembleRunner] = {}
        self._served: dict[str, EnsembleRunner] = {}  # those that keep what they answer, members of others among them
        self.operator = Operator(self.store, self.clock, lambda: declared_by(self.config))
        self.follower = Follower(
            self.store, self.clock, self.operator, lambda: list(self._served),
            lambda name, overlay: self._apply(self._served[name], overlay),
        )  # fmt: skip
        self.operator.told = self.follower.look
        waiting = Waiting(journal_folder(self.config, path), self.store)
        self.queries = Queries(self.store, (), LocalEngine(), waiting=waiting, overlays=self.operator.overlay)
        self.notifier = Notifier(self._sinks(), self.store, self.clock)
        self._holder = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.monitor = Monitor(
            self.store, LocalEngine(), self.clock, (), notify=self._notify, link=self._link, holder=self._holder
        )
        self.address = ""
        self._journal: Journal | None = None
        self._recorders: dict[str, AsyncRecorder | DurableRecorder] = {}
        self._folder = JournalFolder(journal_folder(self.config, path))
        self.drainer = Drainer(self.store, self._folder, self.clock, self._holder, lease_seconds=LEASE_SECONDS)
        self.on_alert: Callable[[Mapping[str, object]], None] | None = None

    # -- ensembles ----------------------------------------------------------------------------------------------
    def adopt(self) -> None:
        """Load every configured ensemble that is not loaded yet; raises for the first that cannot be."""
        for name in self.config.ensembles:
            if name not in self.layouts:
                self._adopt(name)

    def _adopt(self, name: str) -> None:
        config = self.config.ensembles[name]
        layout = layout_of(config)
        members = load_members(name, config, layout, self.path, self._nested)
        self.store.open_ensemble(name, layout)
        self.members[name], self.layouts[name] = members, layout
        settings = monitor_settings(name, config, self.config, self.path, members)
        self.queries.settings[name] = settings
        self.monitor.settings[name] = settings

    def _nested(self, name: str) -> EnsembleRunner:
        """Return another ensemble as a member: the very one that answers for itself."""
        if name not in self.layouts:
            self._adopt(name)
        return self._keeping(name)

    def reread(self) -> None:
        """Read the configuration file again."""
        self.config = read_config(self.path, self.overrides)

    def start_runner(self, name: str) -> None:
        """Make one adopted ensemble answer requests, and keep what it answers."""
        self.recorder(self.config.ensembles[name].answer.record)  # opened now, and not by the first request
        runner = self._keeping(name)
        runner.warm()
        self.runners[name] = runner

    def _keeping(self, name: str) -> EnsembleRunner:
        if name not in self._served:
            config = self.config.ensembles[name]
            self._served[name] = self._made(name, self.members[name], record=partial(self._keep, config.answer.record))
        return self._served[name]

    def runner(
        self, name: str, settings: Callable[[EnsembleSettings], EnsembleSettings] = lambda one: one
    ) -> EnsembleRunner:
        """Return what answers for an ensemble and keeps nothing; the ensembles in it take the same settings."""
        members: dict[str, Any] = dict(self.members[name])
        for member, one in self.config.ensembles[name].members.items():
            if one.ensemble is not None:
                members[member] = self.runner(one.ensemble, settings)
        return self._made(name, members, settings)

    def _made(
        self, name: str, members: Mapping[str, Member],
        settings: Callable[[EnsembleSettings], EnsembleSettings] = lambda one: one,
        *, record: Callable[[Any], str] | None = None,
    ) -> EnsembleRunner:  # fmt: skip
        own = serve_settings(name, self.config.ensembles[name], self.layouts[name], self._cutoff(name))
        made = EnsembleRunner(settings(own), members, self.clock, record=record, telemetry=self.telemetry)
        self._apply(made, self.operator.overlay(name))  # it answers from its first request on as it was decided
        return made

    def _apply(self, runner: EnsembleRunner, overlay: Overlay) -> None:
        """Let a runner answer as the file and the overlay on top of it say."""
        runner.apply(overlay.over(runner.declared))

    def _cutoff(self, name: str) -> float | None:
        """Return the fused cutoff: the configured number, else the one the reference chose."""
        wish = self.config.ensembles[name].cutoff
        if isinstance(wish, (int, float)):
            return float(wish)
        stored = self.store.reference(name)
        if stored is None:
            return None
        from choirmaster.states import BY_KIND

        return from_bytes(stored[1], BY_KIND).cutoff(FUSED)

    # -- recording ----------------------------------------------------------------------------------------------
    @property
    def journal(self) -> Journal:
        """The journal of this process, opened when it is first needed."""
        if self._journal is None:
            self._journal = open_free(journal_folder(self.config, self.path), now=self.clock.now)
        return self._journal

    def recorder(self, mode: str) -> Callable[[Any], str]:
        """Return the recorder of one mode."""
        if mode not in self._recorders:
            self._recorders[mode] = DurableRecorder(self.journal) if mode == "durable" else AsyncRecorder(self.journal)
        return self._recorders[mode]

    def _keep(self, mode: str, batch: Any) -> str:
        return self.recorder(mode)(batch)

    def ingest(self, *, settle: bool = False) -> IngestService:
        """Return the service that takes events in."""
        zones = {name: one.monitor.timezone for name, one in self.config.ensembles.items()}
        return IngestService(self.journal, self.store, self.layouts, zones=zones,
                             settle=self.drainer.drain if settle else None)  # fmt: skip

    def drain(self) -> None:
        """Drain everything; waits for whoever holds the lease, who may have been killed, until that has run out."""
        until = self.clock.monotonic() + LEASE_SECONDS + 1.0
        while not self.drainer.drain() and self.backlog() and self.clock.monotonic() < until:
            time.sleep(WAIT_SECONDS)

    def backlog(self) -> int:
        """Return the rows that wait in the journals, those of other processes on this folder included."""
        return self._folder.waiting()

    def dropped(self) -> int:
        """Return the rows that the recorders of this process have dropped."""
        return sum(one.dropped.total() for one in list(self._recorders.values()) if isinstance(one, AsyncRecorder))

    # -- monitoring ---------------------------------------------------------------------------------------------
    def look(self, ensembles: Sequence[str] = (), progress: Callable[[int], None] | None = None) -> Summary:
        """Drain everything, then measure and judge what is due; waits while another process measures this store."""
        self.drain()
        until = self.clock.monotonic() + TURN_SECONDS
        while (summary := self.monitor.once(ensembles, progress)).elsewhere:
            if self.clock.monotonic() >= until:
                raise Unavailable("another process is measuring this store", fix="try again when it has ended")
            time.sleep(WAIT_SECONDS)
        return summary

    def follow(self, stop: threading.Event, *, ensembles: Sequence[str] = (), drain: bool = True) -> None:
        """Look again and again until told to stop; a failed look is logged and tried again.

        Without ``drain`` the drainer's own thread does that: it gathers small parts, and a steady stream of events
        cannot keep the monitor from looking.
        """
        while not stop.is_set():
            every = min((int(one.monitor.every) for one in self.config.ensembles.values()), default=SECOND) / SECOND
            try:
                if drain:
                    self.drainer.drain()
                _tell_differences(self.monitor.once(ensembles, stream=True))
            except Exception as error:
                _LOG.warning("monitor_failed", error=str(error), exc_info=True)
            stop.wait(every)

    def _notify(self, document: dict[str, object]) -> None:
        self.notifier.send(document, self.queries.settings[str(document["ensemble"])].sinks)
        if self.on_alert is not None:
            with contextlib.suppress(OSError):  # a terminal that went away keeps no sink from its message
                self.on_alert(document)

    def _link(self, ensemble: str) -> str:
        return f"{self.address}/ensembles/{ensemble}" if self.address else ""

    def _sinks(self) -> dict[str, Any]:
        return {
            name: build_sink(one.resolved_kind, name, self._sink_settings(one))
            for name, one in self.config.sinks.items()
        }

    def _sink_settings(self, one: SinkConfig) -> dict[str, Any]:
        return {
            "url": one.url.reveal() if one.url else "", "path": beside(self.path, one.path) if one.path else "",
            "headers": {name: secret.reveal() for name, secret in one.headers.items()},
            "timeout_seconds": one.timeout / SECOND, "allow_private": one.allow_private,
        }  # fmt: skip

    def close(self) -> None:
        """Flush the recorders, drain, and release what is open."""
        for one in self._recorders.values():
            with contextlib.suppress(Exception):
                one.close()
        self.drainer.stop()
        for members in self.members.values():
            close_members(members.values())
        if self._journal is not None:
            self._journal.close()
        self._folder.close()
        self.notifier.close()
        self.store.close()


def _tell_differences(summary: Summary) -> None:
    """Log where a reference in use is not what the configuration asks for now."""
    for name, found in summary.differs.items():
        for what in found:
            _LOG.warning("reference_differs", ensemble=name, what=what, fix=fix_text(name))
