"""What the command line asks for, composed."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from choirmaster.app.files import read_config
from choirmaster.errors import ChoirmasterError, ConfigError, NotFound, unknown

if TYPE_CHECKING:
    import pyarrow as pa

    from choirmaster.api import Result
    from choirmaster.app.installation import Installation
    from choirmaster.config import Config
    from choirmaster.schema import Schema

Tell = Callable[[str], None]
Progress = Callable[..., None]


class Services:
    """The methods of ``cli/services.py``; heavy modules are loaded by the method that needs them."""

    def sample(self, data: str, rows: int) -> pa.Table:
        """Return the first rows of a path or glob."""
        from choirmaster.sources.files import open_files

        return open_files(data).sample(rows)

    def config(self, path: Path, overrides: Mapping[str, Any]) -> Config:
        """Read a configuration."""
        return read_config(path, overrides)

    def check(self, path: Path) -> Sequence[ChoirmasterError]:
        """Return what the files a configuration names lack."""
        from choirmaster.app.ensembles import layout_of, rules_of, serve_settings
        from choirmaster.app.files import beside, journal_folder
        from choirmaster.app.member_loading import try_member
        from choirmaster.stores.sql.place import check_local

        config = read_config(path)
        problems: list[ChoirmasterError] = []
        for name, ensemble in config.ensembles.items():
            where = f"$.ensembles.{name}"
            for member, one in ensemble.members.items():
                if one.ensemble is None:
                    problems += _attempt(partial(try_member, member, one, ensemble, path))
            problems += _attempt(serve_settings(name, ensemble, layout_of(ensemble), None).check)
            problems += _attempt(partial(rules_of, ensemble))
            reference = ensemble.monitor.reference
            if reference and reference.file and not beside(path, reference.file).exists():
                place = f"{where}.monitor.reference.file"
                problems.append(
                    ConfigError("reference file is missing", where=place, got=f'"{reference.file}"',
                                fix="train writes one: oof.parquet")
                )  # fmt: skip
        problems += _attempt(lambda: check_local(journal_folder(config, path)))
        return problems

    def notices(self, path: Path) -> Sequence[str]:
        """Return where the references in use are not what the configuration asks for now."""
        from choirmaster.app.noticing import notices

        return notices(path)

    def demo(
        self, *, out: Path, serve: bool, quick: bool, port: int, progress: Progress, tell: Tell
    ) -> Mapping[str, Any]:
        """Run the flights example."""
        from choirmaster.demo.run import run

        return run(out, serve=serve, quick=quick, port=port, progress=progress, tell=tell)

    def serve(
        self, path: Path, *, overrides: Mapping[str, Any], monitor: bool, wait: bool, tell: Tell, workers: int = 1
    ) -> None:
        """Serve until interrupted."""
        from choirmaster.app.workers import serve_several

        serve_several(path, workers=workers, overrides=overrides, monitor=monitor, wait=wait, tell=tell)

    def predict(
        self, path: Path, *, ensemble: str, data: str, out: Path, url: str, token_env: str, id: str, time: str,
        rows: int, in_flight: int, rejects: Path | None, resume: bool, progress: Progress,
    ) -> Mapping[str, Any]:  # fmt: skip
        """Answer every row of a file, by a server or without one."""
        from choirmaster.app.answering import Asking, predict_here, predict_there

        asking = Asking(id, time, rows, in_flight, rejects, resume)
        if url:
            return predict_there(url, token_env, ensemble, data, out, asking, progress)
        with _Site(path) as site:
            return predict_here(site, ensemble, data, out, asking, progress)

    def ingest(
        self, path: Path, *, data: str, ensemble: str, kind: str, schema: Schema | None, progress: Progress
    ) -> Mapping[str, Any]:
        """Put predictions or labels of a file into the journal and store."""
        from choirmaster.app.ingesting import ingest_file

        with _Site(path) as site:
            return ingest_file(site, data, ensemble, kind, schema, progress)

    def monitor_files(
        self, data: str, *, schema: Schema | None, reference: str | None, window: str | int | None,
        metrics: str | Sequence[str] = "auto", exact: bool | str = "auto", engine: str = "local",
        precision: float = 0.02, now: str | None = None, progress: Progress,
    ) -> Result:  # fmt: skip
        """Measure a path or glob without a server or a store."""
        from choirmaster.api import monitor

        return monitor(data, reference=reference, schema=schema, window=window, metrics=metrics, exact=exact,
                       engine=engine, precision=precision, now=now, progress=progress)  # fmt: skip

    def monitor_once(self, path: Path, *, ensembles: Sequence[str], progress: Progress) -> Mapping[str, Any]:
        """Measure every window that is due, and send what there is to say."""
        with _Site(path) as site:
            for name in ensembles:
                if name not in site.config.ensembles:
                    raise unknown("ensemble", name, site.config.ensembles)
            summary = site.look(ensembles, lambda rows: progress("measure", rows, 0, "rows"))
            site.notifier.flush()
            return asdict(summary)

    def monitor_follow(self, path: Path, *, ensembles: Sequence[str], tell: Tell) -> None:
        """Do the same again and again until interrupted."""
        with _Site(path) as site:
            site.on_alert = lambda alert: tell(f"{alert['title']}: {alert['text']}")
            stop = threading.Event()
            for sign in (signal.SIGTERM, signal.SIGINT):
                signal.signal(sign, lambda *_: stop.set())
            site.follow(stop, ensembles=ensembles)

    def metrics(
        self, path: Path, *, ensemble: str, series: Sequence[str], metrics: Sequence[str], segments: Sequence[str],
        features: Sequence[str], start: str | None, end: str | None, window: str = "", as_of: str | None = None,
    ) -> pa.Table:  # fmt: skip
        """Return stored values, those over longer windows, or those as known at another time."""
        from choirmaster.ports import ValueQuery
        from choirmaster.times import parse_instant

        with _Site(path) as site:
            name = _one(ensemble, site.config)
            bounds = [None if one is None else parse_instant(one) for one in (start, end, as_of)]
            asked = None if "*" in segments else tuple(segments) or ("",)
            query = ValueQuery(name, bounds[0], bounds[1], tuple(series), asked, tuple(features), tuple(metrics))
            return site.queries.values(query, window, bounds[2])

    def describe(self, name: str) -> Mapping[str, Any]:
        """Return what a metric, fusion rule or calibration is."""
        from choirmaster.app.describing import describe

        return describe(name)

    def train(
        self,
        data: str,
        *,
        schema: Schema,
        candidates: Sequence[str],
        out: Path,
        folds: int,
        seed: int,
        progress: Progress,
    ) -> Mapping[str, Any]:
        """Train, compare and pick."""
        from choirmaster.app.training import train_on

        chosen = tuple(candidates) or ("logit", "forest", "boost", "mlp", "knn", "naive_bayes")
        found = train_on(data, schema=schema, candidates=chosen, folds=folds, at_least=1, at_most=None,
                         fusion=_fusion(schema), seed=seed, progress=progress)  # fmt: skip
        recipe = found.save(out)
        return {
            "candidates": found.table.to_pylist(), "picked": list(found.members), "weights": found.weights,
            "cutoff": None if found.cutoff is None else found.cutoff.value, "loss": found.loss, "auc": found.auc,
            "dropped": found.dropped, "files": sorted(one.name for one in out.iterdir()), "recipe": recipe,
        }  # fmt: skip

    def show(self, path: Path, *, ensemble: str, identity: str) -> Mapping[str, Any]:
        """Return one stored prediction with its labels."""
        with _Site(path) as site:
            found = site.queries.prediction(_one(ensemble, site.config), identity)
            if found is None:
                raise NotFound("unknown prediction", where=ensemble, got=f'"{identity}"')
            return found

    def report(
        self, path: Path, *, ensemble: str, out: Path, start: str | None, end: str | None, progress: Progress
    ) -> Sequence[str]:
        """Write the report and its CSV."""
        from choirmaster.app.reporting import write_report

        with _Site(path) as site:
            return write_report(site.queries, _one(ensemble, site.config), out, start, end, progress)

    def alerts(self, path: Path, *, ensemble: str, state: str) -> Sequence[Mapping[str, Any]]:
        """Return alerts."""
        with _Site(path) as site:
            return site.queries.alerts(ensemble=ensemble or None, state=state)

    def references(self, path: Path, *, ensemble: str) -> Sequence[Mapping[str, Any]]:
        """Return the references of an ensemble, newest first."""
        with _Site(path) as site:
            from choirmaster.app.referring import listed

            return listed(site, ensemble)

    def reference(self, path: Path, *, ensemble: str, reference: str) -> Mapping[str, Any]:
        """Return what one reference holds."""
        with _Site(path) as site:
            from choirmaster.app.referring import shown

            return shown(site, _one(ensemble, site.config), reference)

    def set_reference(
        self, path: Path, *, ensemble: str, file: str | None, window: str | None, first: str | None,
        since: str | None, who: str, cause: str, progress: Progress,
    ) -> Mapping[str, Any]:  # fmt: skip
        """Start an epoch with another reference."""
        from choirmaster.app.referring import set_reference

        with _Site(path) as site:
            name = _one(ensemble, site.config)
            return set_reference(site, name, file, window, first, since=since, who=who, cause=cause, progress=progress)

    def decide(
        self, path: Path, verb: str, *, ensemble: str, url: str, who: str, reason: str, **given: Any
    ) -> Mapping[str, Any]:
        """Take one decision about a running ensemble."""
        from choirmaster.app.operating import decide

        return decide(path, verb, ensemble=ensemble, url=url, who=who, reason=reason, **given)

    def stands(self, path: Path, *, ensemble: str = "", url: str = "") -> Sequence[Mapping[str, Any]]:
        """Return how each ensemble stands."""
        from choirmaster.app.operating import stands

        return stands(path, ensemble=ensemble, url=url)

    def warm(self, *, progress: Progress) -> Mapping[str, Any]:
        """Compile the kernels into the cache."""
        from choirmaster.app.warming import warm

        start = time.perf_counter()
        folder = warm(progress)
        return {"seconds": round(time.perf_counter() - start, 3), "folder": folder}


class _Site:
    """One installation for the length of a command, with every ensemble that loads; the answer alone is on stdout."""

    def __init__(self, path: Path) -> None:
        self._path, self._open = path, ExitStack()

    def __enter__(self) -> Installation:
        from choirmaster.app.installation import Installation
        from choirmaster.app.logs import to_stderr

        with ExitStack() as opening:
            opening.enter_context(to_stderr())
            site = Installation(self._path)
            opening.callback(site.close)
            site.adopt()
            self._open = opening.pop_all()
        return site

    def __exit__(self, *_: object) -> None:
        self._open.close()


def _fusion(schema: Schema) -> str | dict[str, Any]:
    """Return the fusion a schema declares for its members; the soft vote where it declares none."""
    if schema.fusion is None:
        return "soft_vote"
    return {"rule": schema.fusion, **schema.fusion_parameters} if schema.fusion_parameters else schema.fusion


def _one(ensemble: str, config: Config) -> str:
    if not ensemble and len(config.ensembles) == 1:
        return next(iter(config.ensembles))
    if ensemble not in config.ensembles:
        raise unknown("ensemble", ensemble, config.ensembles)
    return ensemble


def _attempt(work: Callable[[], object]) -> list[ChoirmasterError]:
    try:
        work()
    except ChoirmasterError as error:
        return [error]
    return []
