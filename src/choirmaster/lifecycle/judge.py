"""Fit candidates fold by fold, a few at a time, and collect what they say about rows they did not see."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from choirmaster.errors import DataError
from choirmaster.lifecycle.folds import Fold
from choirmaster.lifecycle.score import row_losses

Floats = npt.NDArray[np.float64]

_TRAIN_SAMPLE = 10_000
_LATENCY_CALLS = 20


class Candidate(Protocol):
    """What is trained: a name, settings to choose from, and a way to build an unfitted estimator."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def grid(self) -> Sequence[Mapping[str, Any]]:
        """Settings to choose from; at least one."""
        ...

    @property
    def build(self) -> Callable[..., Any]:
        """Build an unfitted estimator: ``build(n_rows, **settings)``."""
        ...


class Progress(Protocol):
    """Shows how far long work is."""

    def __call__(self, stage: str, done: float, total: float, text: str = "") -> None:
        """Report ``done`` of ``total``."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """Labelled rows: features, what is to be learned, and the classes (None for numbers)."""

    features: pa.Table
    target: npt.NDArray[Any]
    classes: tuple[str, ...] | None

    @property
    def codes(self) -> npt.NDArray[Any]:
        """The class number of each row, or its number."""
        return self.target if self.classes is None else np.searchsorted(np.asarray(self.classes), self.target)


@dataclass(frozen=True, slots=True)
class Fitted:
    """One candidate with one choice of settings on one fold."""

    outputs: Floats
    train_losses: Floats
    seconds: float
    estimator: Any


@dataclass(frozen=True, slots=True)
class Judged:
    """One candidate after all folds: outputs in the order of ``rows_judged``, or why there are none."""

    name: str
    settings: Mapping[str, Any]
    outputs: Floats | None = None
    train_losses: Floats | None = None
    fit_seconds: float = 0.0
    row_milliseconds: float | None = None
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the work needs from outside.

    ``one_thread`` gives a context in which native libraries use one thread; ``seconds`` is a clock that never goes
    back; ``jobs`` fits run at the same time.
    """

    one_thread: Callable[[], AbstractContextManager[Any]]
    seconds: Callable[[], float]
    progress: Progress
    jobs: int = 2


def rows_judged(folds: Sequence[Fold]) -> npt.NDArray[np.intp]:
    """Return the rows that some fold judges, in the folds' order."""
    return np.concatenate([fold.test for fold in folds])


def rows_seen(fold: Fold) -> npt.NDArray[np.intp]:
    """Return those of a fold's fitted rows on which the loss is measured too: all of them, or an even sample."""
    return fold.train[:: max(1, len(fold.train) // _TRAIN_SAMPLE)]


def judge(problem: Problem, folds: Sequence[Fold], candidates: Sequence[Candidate], shop: Workshop) -> list[Judged]:
    """Fit every candidate on every fold with every choice of settings; keep the settings of the least loss.

    A candidate that fails, or answers what is not finite, is reported with its error and stops nobody else.
    """
    tasks = [(c, place, fold) for c in candidates for place in range(len(c.grid)) for fold in range(len(folds))]
    done: dict[tuple[str, int, int], Fitted | str] = {}
    lock = threading.Lock()

    def work(task: tuple[Candidate, int, int]) -> None:
        candidate, place, fold = task
        result = _attempt(problem, folds[fold], candidate, candidate.grid[place], shop)
        with lock:
            done[candidate.name, place, fold] = result
            shop.progress("folds", len(done), len(tasks), f"{candidate.name}, fold {fold + 1} of {len(folds)}")

    shop.progress("folds", 0, len(tasks), f"{len(candidates)} candidates, {len(folds)} folds")
    # The limit is held around all threads as well: some libraries keep one number for the whole process, and the
    # first thread to finish would give it back to the others.
    with shop.one_thread(), ThreadPoolExecutor(max_workers=shop.jobs) as pool:
        list(pool.map(work, tasks))
    judged = []
    for candidate in candidates:
        by_settings = [
            [done[candidate.name, place, fold] for fold in range(len(folds))] for place in range(len(candidate.grid))
        ]
        judged.append(_best(problem, folds, candidate, by_settings, shop))
    return judged


def _attempt(
    problem: Problem, fold: Fold, candidate: Candidate, settings: Mapping[str, Any], shop: Workshop
) -> Fitted | str:
    try:
        with shop.one_thread():
            start = shop.seconds()
            estimator = fit(problem, candidate, settings, fold.train)
            seconds = shop.seconds() - start
            seen = rows_seen(fold)
            outputs, on_train = answers(problem, estimator, fold.test), answers(problem, estimator, seen)
        if not np.isfinite(outputs).all():
            return "its answers are not finite"
        return Fitted(outputs, row_losses(on_train, problem.codes[seen]), seconds, estimator)
    except Exception as error:  # a candidate may raise anything; it must not stop the others
        return f"{type(error).__name__}: {error}".splitlines()[0]


def fit(problem: Problem, candidate: Candidate, settings: Mapping[str, Any], rows: npt.NDArray[np.intp]) -> Any:
    """Return the candidate fitted on some rows."""
    target = problem.target[rows]
    if problem.classes is not None and len(np.unique(target)) == 1:
        raise DataError("cannot fit a classifier", where="fold", expected="two classes or more", got=f'"{target[0]}"')
    return candidate.build(len(rows), **settings).fit(problem.features.take(pa.array(rows)), target)


def answers(problem: Problem, estimator: Any, rows: npt.NDArray[np.intp]) -> Floats:
    """Return an estimator's outputs for some rows, classes in the problem's order."""
    table = problem.features.take(pa.array(rows))
    if problem.classes is None:
        return np.asarray(estimator.predict(table), dtype=np.float64).reshape(-1)
    own = [str(label) for label in estimator.classes_]
    wide = np.zeros((len(rows), len(problem.classes)))
    wide[:, [problem.classes.index(label) for label in own]] = estimator.predict_proba(table)
    return wide


def _best(
    problem: Problem, folds: Sequence[Fold], candidate: Candidate, by_settings: list[list[Fitted | str]], shop: Workshop
) -> Judged:
    codes = problem.codes[rows_judged(folds)]
    found: list[tuple[float, int, list[Fitted]]] = []
    failed = ""
    for place, parts in enumerate(by_settings):
        whole = [part for part in parts if isinstance(part, Fitted)]
        if len(whole) == len(parts):
            outputs = np.concatenate([part.outputs for part in whole])
            found.append((float(row_losses(outputs, codes).mean()), place, whole))
        else:
            failed = failed or next(part for part in parts if isinstance(part, str))
    if not found:
        return Judged(candidate.name, dict(candidate.grid[0]), failed=failed)
    _, place, whole = min(found, key=lambda item: item[:2])
    return Judged(
        candidate.name, dict(candidate.grid[place]),
        outputs=np.concatenate([part.outputs for part in whole]),
        train_losses=np.concatenate([part.train_losses for part in whole]),
        fit_seconds=max(part.seconds for part in whole),
        row_milliseconds=_latency(problem, whole[-1].estimator, shop),
    )  # fmt: skip


def _latency(problem: Problem, estimator: Any, shop: Workshop) -> float:
    one = problem.features.slice(0, 1)
    ask = estimator.predict if problem.classes is None else estimator.predict_proba
    times = []
    with shop.one_thread():
        ask(one)
        for _ in range(_LATENCY_CALLS):
            start = shop.seconds()
            ask(one)
            times.append(shop.seconds() - start)
    return float(np.median(times) * 1000)


def refuse_all_failed(judged: Sequence[Judged]) -> None:
    """Raise ``DataError`` with every cause where no candidate could be judged."""
    if all(one.failed for one in judged):
        causes = "; ".join(f"{one.name}: {one.failed}" for one in judged)
        raise DataError("no candidate could be fitted", where="candidates", got=causes)


__all__ = [
    "Candidate", "Judged", "Problem", "Progress", "Workshop", "answers", "fit", "judge",
    "refuse_all_failed", "rows_judged", "rows_seen",
]  # fmt: skip
