"""What a metric declares, and the one entrance that evaluates it: a failure is a value, and never stops the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from choirmaster.errors import StateMismatch, unknown
from choirmaster.schema import Task
from choirmaster.states.base import State
from choirmaster.values import Kind, Reason, Value, undefined

QUALITY, DRIFT, DATA_QUALITY, LATENCY = "quality", "drift", "data_quality", "latency"
FAMILIES = (QUALITY, DRIFT, DATA_QUALITY, LATENCY)
CLASSES = (Task.BINARY, Task.MULTICLASS, Task.MULTILABEL)
EVERY = tuple(Task)
NUMBERS = (Task.REGRESSION,)
MACRO = "macro"
REFERENCE, PREVIOUS = "reference", "previous"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Least:
    """How many rows a value must rest on, or of what else; below, it is ``undefined: too_few_rows``.

    >>> str(Least(1_000, "negatives"))
    'needs about 1,000 negatives'
    """

    n: int = 1
    what: str = "rows"

    def __str__(self) -> str:
        return f"needs about {self.n:,} {self.what}"


ONE = Least()
BY_CHANCE = Least(30)  # of what chance alone lifts above 0; its interval, made for large samples, holds from about here


@dataclass(frozen=True)
class Metric:
    """One number read off one state, and what a reader must know about it.

    Attributes
    ----------
    name : str
        Unique; ``*_loss`` and ``*_rate`` say in which direction they look, ``better`` says it for all.
    needs : str
        The kind of state it is read off.
    family : str
        ``quality`` (needs labels), ``drift`` (compares with a reference), ``data_quality`` or ``latency``.
    tasks : tuple of Task
    better : str
        ``higher``, ``lower`` or ``none``.
    unit : str
    definition, interval, source : str
        One line each.
    value : callable
        ``value(state)``; of the drift family ``value(current, reference)``.
    kind : Kind
        How its values come about.
    value_for : callable or None
        ``value_for(state, class name)`` where there is also a value for each class.
    targets : callable or None
        Class names of a state that ``value_for`` serves.
    whole : str
        The target of the value of the whole state where there are others too.
    against : str
        What the drift family compares with: the ``reference``, or the ``previous`` window of the same segment.
    least : Least
        What its ``n`` must be at least, and of the drift family also the rows of the other side.
    """

    name: str
    needs: str
    family: str
    tasks: tuple[Task, ...]
    better: str
    unit: str
    definition: str
    interval: str
    source: str
    value: Callable[..., Value]
    kind: Kind = Kind.OBSERVED
    value_for: Callable[[Any, str], Value] | None = None
    targets: Callable[[Any], tuple[str, ...]] | None = None
    whole: str = MACRO
    against: str = REFERENCE
    least: Least = ONE

    @property
    def per_target(self) -> bool:
        """Whether there is also a value for each class."""
        return self.value_for is not None

    @property
    def compares(self) -> bool:
        """Whether it needs a reference."""
        return self.family == DRIFT


def targets(metric: Metric, state: State) -> tuple[str, ...]:
    """Return the targets a metric has values for on this state: '' alone, or ``macro`` and each class."""
    inner = metric.targets(state) if metric.targets else ()
    return (metric.whole, *inner) if inner else ("",)


def evaluate(metric: Metric, state: State | None, reference: State | None = None, target: str = "") -> Value:
    """Read a metric off a state. Whatever goes wrong becomes an undefined value with its reason.

    Parameters
    ----------
    metric : Metric
    state : State or None
        None where nothing was counted in the window.
    reference : State or None
        The other side of a comparison (of the reference, or of the window before); only metrics of the drift family
        look at it.
    target : str
        A class name; '' and ``macro`` mean the value of the whole state.

    Examples
    --------
    >>> from choirmaster.metrics import BY_NAME
    >>> evaluate(BY_NAME["accuracy"], None).reason.value
    'no_rows'
    """
    try:
        if state is None:
            return undefined(Reason.NO_ROWS, kind=metric.kind)
        if state.kind != metric.needs:
            raise StateMismatch(f"{metric.name} cannot be read off this state", expected=metric.needs, got=state.kind)
        value = _compare(metric, state, reference) if metric.compares else _read(metric, state, target)
        return value if value.number is None or value.n >= metric.least.n else _too_few(metric, value.n)
    except Exception as error:
        _log.warning("metric %s could not be computed", metric.name, exc_info=True)
        return undefined(Reason.FAILED, kind=metric.kind, detail=f"{type(error).__name__}: {error}")


def _read(metric: Metric, state: State, target: str) -> Value:
    if target in ("", MACRO):
        return metric.value(state)
    if metric.value_for is None:
        return undefined(Reason.NOT_APPLICABLE, kind=metric.kind, detail="has no value for a single class")
    return metric.value_for(state, target)


def _too_few(metric: Metric, n: int, side: str = "") -> Value:
    return undefined(Reason.TOO_FEW_ROWS, n=n, kind=metric.kind, detail=f"{side}{metric.least}, has {n:,}")


def _compare(metric: Metric, state: State, reference: State | None) -> Value:
    if reference is None or not reference.once("counted", _counted):
        detail = "nothing was measured in the window just before" if metric.against == PREVIOUS else ""
        return undefined(Reason.NO_REFERENCE, kind=metric.kind, detail=detail)
    if reference.part.id != state.part.id:
        raise StateMismatch("current and reference do not belong together", expected=state.part.id,
                            got=reference.part.id)  # fmt: skip
    value = metric.value(state, reference)
    if value.number is not None and (rows := reference.once("counted", _counted)) < metric.least.n:
        return replace(_too_few(metric, rows, "the other side "), n=value.n)
    return value


def _counted(state: State) -> int:
    return int(state.counts.sum())


def class_index(classes: tuple[str, ...], name: str) -> int:
    """Return the place of a class, or say which there are."""
    if name not in classes:
        raise unknown("class", name, classes)
    return classes.index(name)
