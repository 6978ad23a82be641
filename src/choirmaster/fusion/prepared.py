"""A fusion as declared: a rule with its parameters, for one task, and the recalibration after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from choirmaster.errors import ConfigError, ShapeMismatch, unknown
from choirmaster.fusion.base import Floats, Fused, Mask, Names, Rule, best_class
from choirmaster.fusion.calibration import Apply, bind_calibration
from choirmaster.fusion.rules import RULES, get

YES = 0
"""Column of the yes where a class of a multilabel task is taken as a question of yes or no."""

_COMMON = ("rule", "weights", "calibration")


@dataclass(frozen=True, slots=True)
class Fusion:
    """What makes the one answer of an ensemble; made by :func:`prepare`.

    Attributes
    ----------
    names : Names
        Task, members and classes it is bound to.
    rule : Rule
        The rule, bound to its parameters.
    recalibrate : callable or None
        From fused probabilities to calibrated ones, never falling in the positive class's.
    """

    names: Names
    rule: Rule
    recalibrate: Apply | None = None

    @property
    def stages(self) -> tuple[tuple[int, ...], ...]:
        """Members to be asked one group after the other: of a cascade its stages, else everybody at once."""
        return self.rule.stages or (tuple(range(len(self.names.members))),)

    @property
    def linear(self) -> bool:
        """Whether each member has an exact share in the answer."""
        return self.rule.linear and self.recalibrate is None

    def fuse(self, outputs: Floats, present: Mask, member_weight: Floats | None = None) -> Fused:
        """Return the answer of those present; arguments and errors as for ``Rule.fuse``.

        Outputs of a multilabel task are (n_samples, n_members, n_classes) probabilities of yes, of a quantile task
        (n_samples, n_members, n_levels) numbers. Classes and levels are fused one by one, and ``choice`` is None.
        Fused quantiles are sorted: those of members that do not cross come out sorted anyway, and sorting never makes a
        pinball loss larger (Chernozhukov, Fernandez-Val and Galichon 2010, Econometrica 78(3), 1093-1125).
        """
        each = [self.rule.fuse(view, present, member_weight) for view in self.views(outputs)]
        if self.names.task == "multilabel":
            return Fused(np.stack([one.output[:, YES] for one in each], axis=1), each[0].answered)
        if self.names.task == "quantile":
            return Fused(np.sort(np.stack([one.output for one in each], axis=1), axis=1), each[0].answered)
        if self.recalibrate is None:
            return each[0]
        output = self.recalibrate(each[0].output)
        return Fused(output, each[0].answered, best_class(output, each[0].answered))

    def views(self, outputs: Floats) -> list[Floats]:
        """Return the arrays the rule is asked with: one of all, or one for each class or level of its own."""
        outputs = np.asarray(outputs, dtype=np.float64)
        apart = self.names.task in ("multilabel", "quantile")
        if apart and (outputs.ndim != 3 or outputs.shape[2] == 0):
            raise ShapeMismatch("cannot fuse", where="outputs", expected="(n_samples, n_members, n_classes or levels)",
                                got=str(outputs.shape))  # fmt: skip
        if not apart:
            return [outputs]
        one_by_one = [outputs[:, :, place] for place in range(outputs.shape[2])]
        if self.names.task == "quantile":
            return one_by_one
        return [np.stack([yes, 1.0 - yes], axis=2) for yes in one_by_one]


def prepare(
    document: Mapping[str, Any] | str,
    *,
    task: str,
    members: Sequence[str],
    classes: Sequence[str] = (),
    positive: str = "",
    where: str = "$.fusion",
) -> Fusion:
    """Return the fusion that a configuration declares.

    Parameters
    ----------
    document : mapping or str
        ``{"rule": name, ...}`` with the rule's parameters and ``calibration``, or the name alone. Keys that are None or
        empty count as not given; ``weights`` are not looked at, for they move.
    task : str
    members, classes : sequence of str
        In the order of the outputs' axes.
    positive : str
        Positive class of a binary task; the last class if not given.
    where : str
        Path for messages.

    Raises
    ------
    UnknownName
        No such rule or calibration, or a parameter names a member or class there is not.
    ConfigError
        The rule does not serve the task, or a parameter is missing, wrong, or not read by the rule.

    Examples
    --------
    >>> five = prepare({"rule": "trimmed_mean", "trim": 0.2}, task="regression", members="abcde")
    >>> five.fuse(np.array([[1.0, 2.0, 3.0, 4.0, 90.0]]), np.ones((1, 5), bool)).output
    array([3.])
    """
    given = {"rule": document} if isinstance(document, str) else dict(document)
    rule = get(str(given.get("rule") or "mean"), where=f"{where}.rule")
    names = Names(task, tuple(members), tuple(classes), _positive(task, classes, positive), where)
    serves(rule, task, f"{where}.rule")
    known = sorted({key for one in RULES for key in one.parameters} | set(_COMMON))
    for key, value in given.items():
        if key not in known:
            raise unknown("key", key, known, where=f"{where}.{key}")
        if key not in (*_COMMON, *rule.parameters) and not _empty(value):
            readers = [one.name for one in RULES if key in one.parameters]
            raise ConfigError(f"{rule.name} does not read this", where=f"{where}.{key}", got=f'"{key}"',
                              expected=f"rule {' or '.join(readers)}")  # fmt: skip
    bound = rule.bind(given, names) if rule.bind is not None else rule
    return Fusion(names, bound, _calibration(given.get("calibration"), bound, names))


def serves(rule: Rule, task: str, where: str) -> None:
    """Raise ConfigError, with the rules there are, where a rule does not serve a task."""
    if task not in rule.tasks:
        raise ConfigError(f"fusion rule {rule.name} does not serve this task", where=where, got=task,
                          allowed=[one.name for one in RULES if task in one.tasks])  # fmt: skip


def _positive(task: str, classes: Sequence[str], positive: str) -> int:
    if task != "binary" or not classes:
        return YES
    return list(classes).index(positive) if positive in classes else len(classes) - 1


def _calibration(document: Any, rule: Rule, names: Names) -> Apply | None:
    if _empty(document):
        return None
    where = f"{names.where}.calibration"
    if rule.name == "hard_vote":
        raise ConfigError("a hard vote gives shares of votes, which are not recalibrated", where=where,
                          fix="use soft_vote, or leave calibration out")  # fmt: skip
    return bind_calibration(document, replace(names, where=where))


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, Mapping | list | tuple) and not value)
