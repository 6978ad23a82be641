"""The whole example: start the server, train, replay the year through it, say what happened, show the result.

A program on the public face alone (``cm.train``, ``cm.Client``, the command line): what it does, a user can do.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from choirmaster.client import Client
from choirmaster.demo import flights, folder, learning, results, setting, telling
from choirmaster.demo.events import Events
from choirmaster.demo.replay import Step, Timetable
from choirmaster.demo.server import MonitorProcess, ServerProcess, free_port
from choirmaster.demo.traffic import ENSEMBLE, Replay, Sent
from choirmaster.errors import ChoirmasterError, Unavailable

if TYPE_CHECKING:
    import pyarrow as pa

    from choirmaster.api import Progress

Tell = Callable[[str], None]
COMMAND = (sys.executable, "-m", "choirmaster")
SINGLES, QUICK_SINGLES = 2_000, 200
QUICK_MONTHS = (3,)
READY_SECONDS, REPORT_SECONDS = 60.0, 300.0


@dataclass
class _Demo:
    """What the stages hand to each other."""

    out: Path
    quick: bool
    progress: Progress
    tell: Tell
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 2)


def run(
    out: Path, *, serve: bool, quick: bool, port: int, progress: Progress, tell: Tell, command: Sequence[str] = COMMAND
) -> dict[str, Any]:
    """Run the example and return its summary, which is written to ``summary.json`` too.

    Parameters
    ----------
    out : Path
        Folder; what an earlier demo left in it is replaced.
    serve : bool
        Leave the dashboard open until interrupted.
    quick : bool
        Train on every fourth flight and replay March only.
    port : int
        Of the dashboard; 0, or one that is taken, means any that is free.
    progress, tell : callable
        Shows how far it is; prints a line.
    command : sequence of str
        What starts choirmaster.

    Raises
    ------
    ChoirmasterError
        The server ended, or refused anything.
    """
    begin = time.monotonic()
    demo = _Demo(folder.prepare(out), quick, progress, tell)
    config = demo.out / setting.CONFIG
    if (asked := port) and not (port := free_port(asked)):
        tell(f"port {asked} is taken by another program; taking a free one")
    setting.write(config, setting.place_only(port))
    monitor = MonitorProcess(config, demo.out / "monitor.log", command)
    with (
        _terminated_as_interrupted(),
        ServerProcess(config, demo.out / "server.log", command) as server,
        contextlib.closing(monitor),
    ):
        folder.mark(demo.out, server.pid)
        demo.seconds["server"] = round(time.monotonic() - begin, 2)
        tell(f"dashboard: {server.address}  (it fills while the year is replayed)")
        summary = _with_server(demo, server, monitor, port, command)
        summary["seconds"]["total"] = round(time.monotonic() - begin, 2)
        _write_summary(demo.out, summary)
        _say(demo, summary)
        if serve:
            _stay(server, tell)
        monitor.close()
        code = server.stop()
    folder.mark(demo.out, 0)
    if code not in (0, None) and not serve:
        raise Unavailable("the server did not end in order", expected="exit code 0", got=str(code),
                          where=str(demo.out / "server.log"))  # fmt: skip
    return summary


def _with_server(
    demo: _Demo, server: ServerProcess, monitor: MonitorProcess, port: int, command: Sequence[str]
) -> dict[str, Any]:
    config, reader = demo.out / setting.CONFIG, results.Reader(server.address)
    try:
        with demo.stage("data"):
            demo.progress("data", 0, 1, "336,776 flights")
            table = flights.load()
            timetable = _timetable(table, demo.quick)
            demo.progress("data", 1, 1, f"{timetable.rows} of them to replay")
        with demo.stage("train"):
            learned = _learn(demo, table)
        with demo.stage("take_up"):
            setting.write(config, setting.with_ensemble(port, learned.members, learned.cutoff["value"]))
            _wait_until_ready(reader, server)
            monitor.start()

        def alive() -> None:
            server.check()
            monitor.check()

        sent, alerts = _replay(demo, server.address, alive, reader, timetable)
        with demo.stage("results"):
            months = results.months(reader.tables(), reader.tables("/features"))
            results.write_values(reader, demo.out / "metrics.csv")
        with demo.stage("report"):
            _report(config, demo.out / "report.pdf", command)
    finally:
        reader.close()
    return _summary(demo, learned, sent, months, alerts, server.address)


def _timetable(table: pa.Table, quick: bool) -> Timetable:
    wanted = flights.replay(table, QUICK_MONTHS if quick else flights.REPLAY_MONTHS)
    return Timetable(wanted, QUICK_SINGLES if quick else SINGLES)


def _learn(demo: _Demo, table: pa.Table) -> learning.Learned:
    rows = learning.rows(table, quick=demo.quick)
    share = f", every {learning.QUICK_STEP}th because it has to be quick" if demo.quick else ""
    demo.tell(f"training on {rows.num_rows} flights of January and February{share}")
    learned = learning.learn(rows, demo.out / "models", demo.progress)
    for line in telling.candidates(learned.candidates):
        demo.tell(line)
    demo.tell(f"picked: {', '.join(learned.members)}; not picked: {', '.join(learned.not_picked)}")
    demo.tell(f"cutoff {learned.cutoff['value']:.4g}: {learned.cutoff['source']}")
    return learned


def _wait_until_ready(reader: results.Reader, server: ServerProcess) -> None:
    until = time.monotonic() + READY_SECONDS
    while not (reader.overview() and reader.ready()):
        server.check()
        if time.monotonic() > until:
            raise Unavailable("the server does not take up the ensemble", expected=f"within {READY_SECONDS:g} s",
                              got=server.last_lines())  # fmt: skip
        time.sleep(0.1)


def _replay(
    demo: _Demo, address: str, alive: Callable[[], None], reader: results.Reader, timetable: Timetable
) -> tuple[Sent, list[dict[str, Any]]]:
    total = timetable.rows
    demo.tell(f"replaying {total} flights hour by hour through {address}/api/predict/{ENSEMBLE}")

    def shown(step: Step, done: int) -> None:
        demo.progress("replay", done, total, time.strftime("%d %b", time.gmtime(step.at)))

    with Client(address, tries=1, timeout_seconds=60.0) as client:
        events = Events(client, demo.tell, f"{address}/ensembles/{ENSEMBLE}")
        events.start()
        try:
            with demo.stage("replay"):
                sent = Replay(client, shown).run(timetable.steps())
                demo.progress("replay", sent.predictions, total, "")
            with demo.stage("measure"):
                results.wait_until_measured(
                    reader, sent, alive=alive,
                    progress=lambda done, text: demo.progress("measure", done, total, text),
                )  # fmt: skip
                demo.progress("measure", total, total, "")
        except ChoirmasterError:
            alive()  # a dead process is the better explanation
            raise
        finally:
            events.close()
        return sent, events.look()


def _report(config: Path, out: Path, command: Sequence[str]) -> None:
    done = subprocess.run(
        [*command, "report", ENSEMBLE, "--config", str(config), "--out", str(out)], capture_output=True, text=True,
        check=False, timeout=REPORT_SECONDS,
    )  # fmt: skip
    if done.returncode != 0 or not out.exists():
        raise Unavailable(
            "the report was not written", where=str(out), got=f"exit code {done.returncode}: {done.stderr[-500:]}"
        )


def _summary(
    demo: _Demo, learned: learning.Learned, sent: Sent, months: list[dict[str, Any]], alerts: list[dict[str, Any]],
    address: str,
) -> dict[str, Any]:  # fmt: skip
    names = ("since", "window_start", "resolved_at", "state", "severity", "rule", "series", "feature", "metric", "text")
    return {
        "quick": demo.quick, "address": address, "folder": str(demo.out), "trained_on": learned.rows,
        "candidates": learned.candidates, "members": list(learned.members), "not_picked": learned.not_picked,
        "formats": {name: one["format"] for name, one in learned.members.items()}, "cutoff": learned.cutoff,
        "months": months, "fused_wins": sum(one["fused_wins"] for one in months),
        "counts": {
            "predictions": sum(one["flights"] for one in months), "labelled": sum(one["labelled"] for one in months),
            "never_labelled": sum(one["never_labelled"] for one in months), "degraded": sent.degraded,
            "requests": sent.requests, "single_row_requests": len(sent.single_seconds),
        },
        "psi": "of the sum of a month's windows against the out-of-fold rows of training",
        "latency": results.latency(sent.single_seconds),
        "alerts": [{name: one.get(name) for name in names} for one in reversed(alerts)],
        "seconds": demo.seconds,
    }  # fmt: skip


def _write_summary(out: Path, summary: dict[str, Any]) -> None:
    text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False, default=str)
    (out / "summary.json").write_text(text + "\n", encoding="utf-8")


def _say(demo: _Demo, summary: dict[str, Any]) -> None:
    for line in telling.year(summary["months"], summary["cutoff"]["value"]):
        demo.tell(line)
    counts, latency, seconds = summary["counts"], summary["latency"], summary["seconds"]
    demo.tell(
        f"{counts['predictions']} predictions, {counts['labelled']} with a label, {counts['never_labelled']} that "
        f"never get one (counted as such, in no quality number), {len(summary['alerts'])} alerts"
    )
    demo.tell(f"one row at a time: {latency['p50_ms']:.1f} ms (median), {latency['p90_ms']:.1f} (90 %), "
              f"{latency['p99_ms']:.1f} (99 %), over HTTP, through {len(summary['members'])} members")  # fmt: skip
    demo.tell("seconds: " + ", ".join(f"{name} {value:.0f}" for name, value in seconds.items()))
    demo.tell(f"written: {demo.out}/summary.json, metrics.csv, report.pdf")


def _stay(server: ServerProcess, tell: Tell) -> None:
    """Leave the dashboard open until somebody interrupts."""
    tell(f"the dashboard stays open at {server.address}  (Ctrl-C ends it)")
    try:
        server.wait()
        server.check()
    except KeyboardInterrupt:
        tell("ended")


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does, so that its server never outlives it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
