"""Train: judge candidates out of fold, pick members, choose the cutoff, fit the picked ones on every row."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from choirmaster.costs import Costs, binary_costs, flat_costs
from choirmaster.fusion import get
from choirmaster.fusion.fitting import as_document
from choirmaster.fusion.prepared import serves
from choirmaster.layout import Task
from choirmaster.lifecycle.cutoff import Cutoff, choose_cutoff
from choirmaster.lifecycle.folds import Fold, stratified_folds, time_folds
from choirmaster.lifecycle.fuse import fuse_out_of_fold
from choirmaster.lifecycle.judge import (
    Candidate,
    Judged,
    Problem,
    Progress,
    Workshop,
    fit,
    judge,
    refuse_all_failed,
    rows_judged,
    rows_seen,
)
from choirmaster.lifecycle.recipe import FORMAT, RECIPE_FILE, SNIPPET_FILE, library_versions, write_yaml
from choirmaster.lifecycle.rows import Question, Rows, monitoring_rows, usable
from choirmaster.lifecycle.score import loss_gap, roc_auc, row_losses
from choirmaster.lifecycle.select import Choice, select
from choirmaster.lifecycle.table import Row, as_arrow, flagged

Floats = npt.NDArray[np.float64]

_SAMPLE_ROWS = 2_000


def _silent(stage: str, done: float, total: float, text: str = "") -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train.

    Attributes
    ----------
    folds : int
        Folds to judge by.
    scheme : str
        ``expanding`` or ``blocked`` (both by time), or ``stratified``; ``auto`` is expanding where there is a time.
    at_least, at_most : int
        Different members to pick.
    repeat : bool
        Pick with replacement, which gives weights; otherwise all weigh the same.
    fusion : str or dict
        The rule of the ensemble, or the rule with its parameters; with weights it should read them. What it leaves to
        be learned (coefficients of stacking, reference quantiles, the numbers of a ``calibration`` that is only named)
        is learned on out-of-fold outputs.
    costs : dict
        ``{actual class: {predicted class: cost}}``: with any, the cutoff is the one of least cost, otherwise of the
        greatest F1.
    seed : int
        For the order of rows in stratified folds.
    source : str
        Where the rows came from, for the recipe.
    """

    folds: int = 4
    scheme: str = "auto"
    at_least: int = 3
    at_most: int | None = None
    repeat: bool = False
    fusion: str | Mapping[str, Any] = "soft_vote"
    costs: Costs = field(default_factory=dict)
    seed: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class Ports:
    """What training takes from outside.

    Attributes
    ----------
    ensemble : callable
        ``ensemble(members, prefit=True, fusion=, weights=, cutoff=, positive=)`` makes the prefit ensemble.
    write_model : callable
        ``write_model(estimator, name, folder, sample)`` writes a file and returns an object with ``file``, ``sha256``,
        ``format``, ``features``, ``classes``, ``largest_difference``, ``note`` and ``trusted_types``.
    one_thread : callable
        Gives a context in which native libraries use one thread.
    seconds : callable
        A clock that never goes back.
    """

    ensemble: Callable[..., Any]
    write_model: Callable[..., Any]
    seconds: Callable[[], float]
    one_thread: Callable[[], AbstractContextManager[Any]] = nullcontext
    progress: Progress = _silent
    jobs: int = 2


@dataclass(frozen=True)
class TrainResult:
    """What training found.

    Attributes
    ----------
    table : pyarrow.Table
        One row per candidate: losses out of fold and on fitted rows, gap with its interval, flag, times, choice.
    ensemble : estimator
        The picked members, fitted on every usable row, as one.
    members, weights : dict
        The fitted members, and their weights, which sum to 1.
    fusion : dict
        The rule with its parameters, those learned included, as the configuration takes it; weights apart.
    cutoff : Cutoff or None
        Binary only: chosen on the fused out-of-fold scores.
    oof : pyarrow.Table
        Out-of-fold rows in canonical columns: features, member and fused scores, label, time, id. The natural
        reference for monitoring.
    loss, auc : float
        Of the fused answer, out of fold.
    choice : Choice
        Every step of the choice, and who was kept out and why.
    dropped : dict
        Rows that could not serve, by reason.
    classes : tuple of str or None
        Sorted class names; None for numbers.
    warned : dict
        What libraries warned of while candidates were fitted, and how often.
    """

    table: pa.Table
    ensemble: Any
    members: dict[str, Any]
    weights: dict[str, float]
    fusion: dict[str, Any]
    cutoff: Cutoff | None
    oof: pa.Table
    loss: float
    auc: float | None
    choice: Choice
    dropped: dict[str, int]
    classes: tuple[str, ...] | None
    warned: dict[str, int]
    rows: list[Row] = field(repr=False)
    question: Question = field(repr=False)
    plan: Plan = field(repr=False)
    sample: pa.Table = field(repr=False)
    ports: Ports = field(repr=False)

    def save(self, folder: str | Path) -> dict[str, Any]:
        """Write the model files, ``recipe.yaml``, ``members.yaml`` (for the configuration) and ``oof.parquet``.

        Returns the recipe. Each file's sha256 stands in both documents.
        """
        from pyarrow import parquet

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        written = {}
        for place, (name, member) in enumerate(self.members.items()):
            self.ports.progress("files", place, len(self.members), name)
            written[name] = self.ports.write_model(member, name, folder, self.sample)
        parquet.write_table(self.oof, folder / "oof.parquet", compression="zstd")
        recipe = self._recipe(written)
        write_yaml(folder / RECIPE_FILE, recipe)
        write_yaml(folder / SNIPPET_FILE, self._snippet(written))
        self.ports.progress("files", len(self.members), len(self.members), str(folder))
        return recipe

    def _recipe(self, written: Mapping[str, Any]) -> dict[str, Any]:
        ask, plan, settings = self.question, self.plan, {row.name: row.settings for row in self.rows}
        return {
            "format": FORMAT,
            "source": plan.source,
            "task": str(ask.task),
            "label": ask.label,
            "positive": ask.positive,
            "time": ask.time,
            "id": ask.id,
            "features": {"numeric": list(ask.numeric), "categorical": list(ask.categorical)},
            "candidates": {row.name: dict(row.settings) for row in self.rows},
            "folds": {"number": plan.folds, "scheme": plan.scheme, "seed": plan.seed},
            "rows": {"used": self.oof.num_rows, "dropped": dict(self.dropped)},
            "fusion": self.fusion | {"weights": dict(self.weights)},
            "cutoff": None if self.cutoff is None else _cutoff_document(self.cutoff),
            "out_of_fold": {"loss": self.loss, "auc": self.auc},
            "members": {
                name: {
                    "file": one.file.name, "sha256": one.sha256, "format": one.format, "settings": settings[name],
                    "classes": None if one.classes is None else list(one.classes), "features": list(one.features),
                    "largest_difference": one.largest_difference, "note": one.note,
                    "trusted_types": list(one.trusted_types),
                }
                for name, one in written.items()
            },
            "versions": library_versions(),
        }  # fmt: skip

    def _snippet(self, written: Mapping[str, Any]) -> dict[str, Any]:
        members = {}
        for name, one in written.items():
            members[name] = {"file": one.file.name, "sha256": one.sha256}
            if one.trusted_types:
                members[name]["trusted_types"] = list(one.trusted_types)
        ask = self.question
        snippet: dict[str, Any] = {
            "task": str(ask.task), "members": members,
            "features": {"numeric": list(ask.numeric), "categorical": list(ask.categorical)},
            "fusion": self.fusion | {"weights": dict(self.weights)},
        }  # fmt: skip
        if self.classes is not None:
            snippet["classes"] = list(self.classes)
        if ask.task is Task.BINARY:
            snippet |= {"positive": ask.positive, "cutoff": self.cutoff.value if self.cutoff else None}
        return snippet


def train(
    table: pa.Table, question: Question, candidates: Sequence[Candidate], *, ports: Ports, plan: Plan | None = None
) -> TrainResult:
    """Judge the candidates out of fold, pick members, choose the cutoff, and fit the members on every row.

    Raises
    ------
    DataError
        No labelled rows, no candidate that could be fitted, or none that beats a constant answer.
    """
    plan = plan or Plan()
    plan = replace(plan, scheme=_scheme(plan, question), fusion=_rule(plan, question))
    rows = usable(table, question)
    folds = _folds(rows, plan)
    shop = Workshop(ports.one_thread, ports.seconds, ports.progress, ports.jobs)
    with _collected() as warned:
        judged = judge(rows.problem, folds, candidates, shop)
    refuse_all_failed(judged)
    places, codes = rows_judged(folds), rows.problem.codes[rows_judged(folds)]
    good = {one.name: one.outputs for one in judged if one.outputs is not None}
    constant = _constant_losses(rows.problem, folds)
    choice = select(good, codes, at_least=plan.at_least, at_most=plan.at_most, repeat=plan.repeat, worst=constant[0])
    picked = {name: good[name] for name in choice.members}
    together = fuse_out_of_fold(plan.fusion, picked, choice.weights, codes, folds, question, rows.problem.classes)
    fused = together.output
    cutoff, auc = _decide(question, rows.problem, fused, codes, plan)
    compared = flagged([_row(one, question, rows.problem, codes, constant, choice) for one in judged])
    with _collected() as warned_again:
        members = _fit_all(rows.problem, candidates, {one.name: one for one in judged}, choice, ports)
    return TrainResult(
        table=as_arrow(compared, regression=rows.problem.classes is None),
        ensemble=ports.ensemble(
            members, prefit=True, fusion=_short(together.document), weights=dict(choice.weights),
            cutoff=cutoff.value if cutoff else None, positive=question.positive or None,
        ),
        members=members, weights=dict(choice.weights), fusion=together.document, cutoff=cutoff,
        oof=monitoring_rows(rows, question, places, {name: good[name] for name in choice.members}, fused),
        loss=float(row_losses(fused, codes).mean()), auc=auc, choice=choice, dropped=rows.dropped,
        classes=rows.problem.classes, warned=_counted([*warned, *warned_again]),
        rows=compared,
        question=question, plan=plan, sample=_sample(rows.problem.features), ports=ports,
    )  # fmt: skip


@contextmanager
def _collected() -> Iterator[list[warnings.WarningMessage]]:
    """Collect warnings of all threads instead of showing each one again and again."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        yield seen


def _counted(seen: Sequence[warnings.WarningMessage]) -> dict[str, int]:
    return dict(Counter(f"{one.category.__name__}: {str(one.message).splitlines()[0]}" for one in seen))


def _scheme(plan: Plan, question: Question) -> str:
    if plan.scheme != "auto":
        return plan.scheme
    return "stratified" if question.time is None else "expanding"


def _rule(plan: Plan, question: Question) -> str | Mapping[str, Any]:
    """Return the declared fusion; numbers are averaged where classes would be voted on."""
    document = as_document(plan.fusion)
    if document.get("rule") == "soft_vote" and not question.task.classifies:
        document |= {"rule": "weighted_mean"}
    serves(get(str(document.get("rule") or "mean"), where="fusion"), str(question.task), "fusion")
    return _short(document) if document.get("rule") else plan.fusion


def _short(document: dict[str, Any]) -> str | dict[str, Any]:
    """Return the name alone of a rule without parameters."""
    return str(document["rule"]) if set(document) == {"rule"} else document


def _folds(rows: Rows, plan: Plan) -> list[Fold]:
    if plan.scheme != "stratified" and rows.time is not None:
        return time_folds(rows.time, plan.folds, scheme=plan.scheme)
    groups = rows.problem.codes if rows.problem.classes else np.zeros(len(rows.problem.target), dtype=np.intp)
    return stratified_folds(groups, plan.folds, np.random.default_rng(plan.seed))


def _constant_losses(problem: Problem, folds: Sequence[Fold]) -> tuple[float, float]:
    """Return the loss, on judged and on fitted rows, of the answer that knows only what is usual."""
    judged: list[Floats] = []
    fitted: list[Floats] = []
    for fold in folds:
        known = problem.codes[fold.train]
        for rows, losses in ((fold.test, judged), (rows_seen(fold), fitted)):
            codes = problem.codes[rows]
            if problem.classes is None:
                usual: Floats = np.full(len(codes), float(known.mean()))
            else:
                share = np.bincount(known, minlength=len(problem.classes)) / len(known)
                usual = np.tile(share, (len(codes), 1))
            losses.append(row_losses(usual, codes))
    return float(np.concatenate(judged).mean()), float(np.concatenate(fitted).mean())


def _decide(
    question: Question, problem: Problem, fused: Floats, codes: npt.NDArray[Any], plan: Plan
) -> tuple[Cutoff | None, float | None]:
    if question.task is not Task.BINARY or problem.classes is None:
        return None, None
    column = problem.classes.index(question.positive)
    score, positive = fused[:, column], codes == column
    costs = binary_costs(flat_costs(plan.costs, problem.classes), column)
    cutoff = choose_cutoff(score, positive, costs=costs,
                           source=f"fused score of {len(score)} out-of-fold rows ({plan.scheme})")  # fmt: skip
    return cutoff, roc_auc(score, positive)


def _row(
    one: Judged, question: Question, problem: Problem, codes: npt.NDArray[Any], constant: tuple[float, float],
    choice: Choice,
) -> Row:  # fmt: skip
    if one.outputs is None or one.train_losses is None:
        return Row(one.name, dict(one.settings), failed=one.failed)
    losses = row_losses(one.outputs, codes)
    own, auc = _decide(question, problem, one.outputs, codes, Plan())
    return Row(
        one.name, dict(one.settings), loss=float(losses.mean()), auc=auc, f1=own.f1 if own else None,
        cutoff=own.value if own else None,
        train_loss=float(one.train_losses.mean()), gap=loss_gap(one.train_losses, losses), constant_loss=constant[0],
        constant_train_loss=constant[1], fit_seconds=one.fit_seconds, row_milliseconds=one.row_milliseconds,
        weight=choice.weights.get(one.name, 0.0),
    )  # fmt: skip


def _fit_all(
    problem: Problem, candidates: Sequence[Candidate], judged: Mapping[str, Judged], choice: Choice, ports: Ports
) -> dict[str, Any]:
    every = np.arange(len(problem.target))
    by_name = {candidate.name: candidate for candidate in candidates}
    done: list[str] = []

    def work(name: str) -> Any:
        with ports.one_thread():
            estimator = fit(problem, by_name[name], judged[name].settings, every)
        done.append(name)
        ports.progress("members", len(done), len(choice.members), name)
        return estimator

    ports.progress("members", 0, len(choice.members), "fitting on every row")
    with ports.one_thread(), ThreadPoolExecutor(max_workers=ports.jobs) as pool:
        return dict(zip(choice.members, pool.map(work, choice.members), strict=True))


def _sample(features: pa.Table) -> pa.Table:
    step = max(1, features.num_rows // _SAMPLE_ROWS)
    return features.take(pa.array(np.arange(0, features.num_rows, step)))


def _cutoff_document(cutoff: Cutoff) -> dict[str, Any]:
    return {"value": cutoff.value, "by": cutoff.by, "f1": cutoff.f1, "cost": cutoff.cost, "source": cutoff.source,
            "closed_form": cutoff.closed_form}  # fmt: skip
