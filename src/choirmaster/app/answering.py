"""``choirmaster predict``: every row of a file answered, by a running server or by the members themselves."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from msgspec.structs import asdict

from choirmaster.app.answering_out import Writing, answer_batch, answer_schema
from choirmaster.app.answering_rows import AskedRows, Piece, Reject, Taken
from choirmaster.client import Client
from choirmaster.errors import AccessError, ConfigError, RequestError, SchemaError, Unavailable
from choirmaster.http import plain

if TYPE_CHECKING:
    from choirmaster.app.installation import Installation
    from choirmaster.serve.runner import EnsembleRunner

Answers = Sequence[Mapping[str, Any]]
NOTE_SECONDS = 1.0
PATIENCE_SECONDS = 600.0  # a file has no deadline; this only ends what hangs


@dataclass(frozen=True, slots=True)
class Asking:
    """How a file is asked.

    Attributes
    ----------
    id, time : str
        Columns of the file; by default ``id`` and ``time`` where there are such.
    rows, in_flight : int
        Rows of one request, and requests at the same time: together they bound the memory.
    rejects : Path or None
        Where rows go that cannot be asked; by default beside the answers.
    resume : bool
        Whether to go on where a run that was cut off had come to.
    """

    id: str = ""
    time: str = ""
    rows: int = 500
    in_flight: int = 4
    rejects: Path | None = None
    resume: bool = False

    def check(self) -> None:
        """Raise ConfigError for the first setting that cannot work."""
        for name, one, most in (("--rows", self.rows, 10_000), ("--in-flight", self.in_flight, 64)):
            if not 1 <= one <= most:
                raise ConfigError("out of range", where=name, expected=f"1 to {most}", got=str(one))


class Direct:
    """Asks the members in this process; nothing is kept."""

    def __init__(self, runner: EnsembleRunner, now: Callable[[], int]) -> None:
        self._runner, self._now = runner, now
        self.taken = Taken.of_layout(runner.layout)

    def __call__(self, table: pa.Table) -> Answers:
        """Return an answer for each row."""
        columns = {name: table.column(name) for name in table.column_names}
        parsed = plain.from_columns(self._runner.layout, columns, table.num_rows, {}, now=self._now())
        return [asdict(one) for one in plain.row_answers(self._runner.answer(parsed.request))]

    def alive(self) -> bool:
        """Whether fewer rows at once may be answered where many were not."""
        return True


class Served:
    """Asks a server, which keeps what it answers as always."""

    def __init__(self, client: Client, ensemble: str) -> None:
        self._client, self._ensemble = client, ensemble
        self.taken = Taken.of_metadata(client.metadata(ensemble))

    def __call__(self, table: pa.Table) -> Answers:
        """Return an answer for each row."""
        return self._client.predict(self._ensemble, table)

    def alive(self) -> bool:
        """Whether the server is there."""
        return self._client.ready()


Way = Direct | Served


def predict_here(
    site: Installation, ensemble: str, data: str, out: Path, asking: Asking, progress: Callable[..., None]
) -> dict[str, Any]:
    """Answer a file with the members of a configuration."""
    name = ensemble or (next(iter(site.layouts)) if len(site.layouts) == 1 else "")
    if name not in site.layouts:
        raise ConfigError("unknown ensemble", got=f'"{ensemble}"', allowed=site.layouts)
    runner = site.runner(name, patient)
    try:
        return predict_file(Direct(runner, site.clock.now), name, data, out, asking, progress)
    finally:
        runner.close()


def patient(settings: Any) -> Any:
    """Return how an ensemble answers where nobody waits."""
    members = {name: replace(one, timeout_seconds=None) for name, one in settings.members.items()}
    return replace(settings, deadline_seconds=PATIENCE_SECONDS, members=members)


def predict_there(
    url: str, token_env: str, ensemble: str, data: str, out: Path, asking: Asking, progress: Callable[..., None]
) -> dict[str, Any]:
    """Answer a file with a running server."""
    with Client(url, os.environ.get(token_env) or None, timeout_seconds=120.0) as client:
        return predict_file(Served(client, ensemble), ensemble, data, out, asking, progress)


def predict_file(
    way: Way, ensemble: str, data: str, out: Path, asking: Asking, progress: Callable[..., None]
) -> dict[str, Any]:
    """Answer every row of a file, in its order and in bounded memory; returns counts of what became of them.

    The same file gives its rows the same ids each time: what was asked before a run was cut off is asked again under
    the id it had, and is kept once.
    """
    asking.check()
    start, rows = time.monotonic(), AskedRows(data, way.taken, asking.id, asking.time)
    schema = answer_schema(way.taken)
    rejects = asking.rejects or Path(f"{out}.rejects.jsonl")
    writing = Writing(out, rejects, schema, _key(rows, ensemble, asking), resume=asking.resume)
    now, total, noted = writing.progress, rows.total, start
    try:
        with ThreadPoolExecutor(asking.in_flight, "predict") as pool:
            for piece, answers, refused in _in_order(pool, way, rows, asking, now.piece):
                now.counts["answered"] += sum(one["prediction"] is not None for one in answers)
                now.counts["unanswered"] += sum(one["prediction"] is None for one in answers)
                now.counts["degraded"] += sum(bool(one["degraded"]) for one in answers)
                aside = sorted((*piece.rejects, *refused), key=lambda one: one.row or 0)
                batch = answer_batch(schema, way.taken, answers)
                writing.write(batch, (*rows.broken.taken(), *aside), piece=piece.number, rows=piece.rows)
                progress("predict", now.rows, total, "rows")
                if time.monotonic() - noted > NOTE_SECONDS:
                    writing.note()
                    noted = time.monotonic()
        writing.write(answer_batch(schema, way.taken, []), rows.broken.taken(), piece=now.piece, rows=0)
        writing.finish()
    except BaseException:
        writing.note()
        raise
    finally:
        writing.close()
    counts = {name: now.counts[name] for name in ("rows", "answered", "unanswered", "degraded", "rejected")}
    return {"file": str(out), **counts, "rejects": str(rejects) if counts["rejected"] else None,
            "resumed": writing.resumed, "seconds": round(time.monotonic() - start, 3)}  # fmt: skip


def _key(rows: AskedRows, ensemble: str, asking: Asking) -> str:
    return f"{rows.head}|{ensemble}|{rows.id}|{rows.time}|{asking.rows}|{','.join(rows.taken.features)}"


def _in_order(
    pool: ThreadPoolExecutor, way: Way, rows: AskedRows, asking: Asking, after: int
) -> Iterator[tuple[Piece, Answers, list[Reject]]]:
    """Yield each piece with its answers, in order, with so many requests in flight and no more."""
    waiting: deque[tuple[Piece, Future[tuple[Answers, list[Reject]]]]] = deque()
    try:
        for piece in rows.pieces(asking.rows, after=after):
            waiting.append((piece, pool.submit(ask, way, piece.table, piece.places)))
            if len(waiting) >= asking.in_flight:
                first, future = waiting.popleft()
                yield first, *future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, *future.result()
    finally:
        for _, future in waiting:
            future.cancel()


def ask(way: Way, table: pa.Table, places: Sequence[int]) -> tuple[Answers, list[Reject]]:
    """Return answers, and the rows that were refused; what is refused together is asked again in halves.

    Raises
    ------
    Unavailable
        Nobody answers.
    """
    if not table.num_rows:
        return [], []
    try:
        return way(table), []
    except AccessError:
        raise
    except (RequestError, SchemaError, Unavailable, pa.ArrowException) as error:
        if isinstance(error, Unavailable) and (table.num_rows == 1 or not way.alive()):
            raise
        if table.num_rows == 1:
            return [], [Reject(str(error)[:500], places[0], id=str(table.column("_id")[0]))]
    half = table.num_rows // 2
    first, first_refused = ask(way, table.slice(0, half), places[:half])
    second, second_refused = ask(way, table.slice(half), places[half:])
    return [*first, *second], [*first_refused, *second_refused]
