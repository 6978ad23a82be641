"""What the command line asks of the composition: the methods it calls, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from choirmaster.config import Config
    from choirmaster.errors import ChoirmasterError
    from choirmaster.ports import Progress
    from choirmaster.schema import Schema

Tell = Callable[[str], None]  # one plain line for people, as soon as it happens
Record = Mapping[str, Any]  # plain data, ready for --json


class Measured(Protocol):
    """What measuring a file found (the result of ``cm.monitor``)."""

    @property
    def metrics(self) -> pa.Table:
        """The tidy table of values."""
        ...

    @property
    def alerts(self) -> Sequence[Record]:
        """What the rules found; each has at least ``rule``, ``severity``, ``title`` and ``text``."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What was guessed, skipped or counted on the way."""
        ...

    @property
    def choices(self) -> pa.Table:
        """What was chosen automatically: time, what, name, rank, why."""
        ...

    def to_html(self, path: str | Path) -> None:
        """Write one HTML file."""
        ...

    def to_pdf(self, path: str | Path) -> None:
        """Write one PDF file."""
        ...

    def to_csv(self, path: str | Path) -> None:
        """Write the values as CSV."""
        ...


class Services(Protocol):
    """Implemented in ``app.py``; errors are ``ChoirmasterError``, and the command line writes them."""

    def sample(self, data: str, rows: int) -> pa.Table:
        """Return the first rows of a path or glob, columns as typed in the file."""
        ...

    def config(self, path: Path, overrides: Mapping[str, Any]) -> Config:
        """Read a configuration; raises ``ConfigProblems``."""
        ...

    def check(self, path: Path) -> Sequence[ChoirmasterError]:
        """Return what a configuration's files, store and journal lack, beyond what reading it says."""
        ...

    def notices(self, path: Path) -> Sequence[str]:
        """Return where the references in use are not what the configuration asks for now, and what to do."""
        ...

    def demo(self, *, out: Path, serve: bool, quick: bool, port: int, progress: Progress, tell: Tell) -> Record:
        """Run the flights example; returns its summary. With ``serve`` it stays until interrupted."""
        ...

    def serve(
        self, path: Path, *, overrides: Mapping[str, Any], monitor: bool, wait: bool, tell: Tell, workers: int = 1
    ) -> None:
        """Serve until interrupted; with ``wait``, also before the models are there; with several processes if asked."""
        ...

    def predict(
        self, path: Path, *, ensemble: str, data: str, out: Path, url: str, token_env: str, id: str, time: str,
        rows: int, in_flight: int, rejects: Path | None, resume: bool, progress: Progress,
    ) -> Record:  # fmt: skip
        """Answer every row of a file, by the server at ``url`` or without one; returns counts of what became of them.

        At least ``rows``, ``answered``, ``unanswered``, ``degraded`` and ``rejected``.
        """
        ...

    def ingest(
        self, path: Path, *, data: str, ensemble: str, kind: str, schema: Schema | None, progress: Progress
    ) -> Record:
        """Put predictions or labels of a file into the journal and store.

        ``kind`` is ``predictions`` or ``labels``; returns accepted, duplicate, conflicting, refused and reasons.
        """
        ...

    def monitor_files(
        self, data: str, *, schema: Schema | None, reference: str | None, window: str | int | None,
        metrics: str | Sequence[str] = "auto", exact: bool | str = "auto", engine: str = "local",
        precision: float = 0.02, now: str | None = None, progress: Progress,
    ) -> Measured:  # fmt: skip
        """Measure a path or glob without a server or a store; without a schema it is guessed."""
        ...

    def monitor_once(self, path: Path, *, ensembles: Sequence[str], progress: Progress) -> Record:
        """Measure every window that is due; returns ``windows``, ``rows`` and ``alerts`` (a list of records)."""
        ...

    def monitor_follow(self, path: Path, *, ensembles: Sequence[str], tell: Tell) -> None:
        """Do the same again and again until interrupted."""
        ...

    def metrics(
        self, path: Path, *, ensemble: str, series: Sequence[str], metrics: Sequence[str], segments: Sequence[str],
        features: Sequence[str], start: str | None, end: str | None, window: str = "", as_of: str | None = None,
    ) -> pa.Table:  # fmt: skip
        """Return values, columns and order of the tidy table: stored ones, over longer windows, or as known then."""
        ...

    def describe(self, name: str) -> Record:
        """Return what a metric, drift measure, fusion rule or calibration is: at least ``name``, ``kind``, ``text``.

        ``''`` returns ``{"names": [...]}``.
        """
        ...

    def train(
        self, data: str, *, schema: Schema, candidates: Sequence[str], out: Path, folds: int, seed: int,
        progress: Progress,
    ) -> Record:  # fmt: skip
        """Train, compare and pick; returns ``candidates`` (a list of records), ``picked``, ``cutoff`` and ``files``."""
        ...

    def show(self, path: Path, *, ensemble: str, identity: str) -> Record:
        """Return one stored prediction with its labels; raises ``NotFound``."""
        ...

    def report(
        self, path: Path, *, ensemble: str, out: Path, start: str | None, end: str | None, progress: Progress
    ) -> Sequence[str]:
        """Write the report (by the suffix of ``out``: .pdf, .html or .csv) and its CSV; returns the files."""
        ...

    def alerts(self, path: Path, *, ensemble: str, state: str) -> Sequence[Record]:
        """Return alerts; ``state`` is ``firing``, ``resolved`` or ``all``."""
        ...

    def references(self, path: Path, *, ensemble: str) -> Sequence[Record]:
        """Return the references of an ensemble, newest first: ``id``, ``at``, ``source``, ``current``."""
        ...

    def reference(self, path: Path, *, ensemble: str, reference: str) -> Record:
        """Return what one reference holds; ``''`` is the current one."""
        ...

    def set_reference(
        self, path: Path, *, ensemble: str, file: str | None, window: str | None, first: str | None,
        since: str | None, who: str, cause: str, progress: Progress,
    ) -> Record:  # fmt: skip
        """Start an epoch with another reference; returns ``id``, ``before``, ``since``, ``rows``, ``windows``."""
        ...

    def decide(self, path: Path, verb: str, *, ensemble: str, url: str, who: str, reason: str, **given: Any) -> Record:
        """Take one decision, in the store or over a server; returns ``ensemble``, ``before``, ``after``, ``until``.

        ``verb`` is ``set_role``, ``clear_role``, ``set_weights``, ``clear_weights``, ``freeze``, ``unfreeze`` or
        ``undo``; ``given`` has what the verb takes.
        """
        ...

    def stands(self, path: Path, *, ensemble: str = "", url: str = "") -> Sequence[Record]:
        """Return how each ensemble stands: ``members``, ``weights``, ``frozen``, ``overrides``, ``ignored``."""
        ...

    def warm(self, *, progress: Progress) -> Record:
        """Compile the kernels into the cache; returns ``seconds`` and ``folder``."""
        ...
