"""What a fusion rule takes and gives, and the checks that all rules share.

Arrays order their axes (n_samples, n_members, n_classes). Who answered is said by ``present`` alone: numbers of absent
members are never read, whatever they are. Sums run over the members in their declared order, as scikit-learn's do, so
the same outputs give the same bits in whatever order they arrived; sums over classes run in ascending order, so that
the order of classes changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from choirmaster.errors import DataError, ShapeMismatch

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

NOBODY = -1
"""The class index of a row that nobody answered."""

SLACK = 1e-12
"""What rounding may move: bounds are held against a decision with this much to spare."""

Limits = tuple[float, float]
"""The least and the greatest number that a member may give."""

_DIMENSIONS = (2, 3)


@dataclass(frozen=True, slots=True)
class Fused:
    """One answer per row, and whether there is one.

    Attributes
    ----------
    output : (n_samples, n_classes) or (n_samples,) float64
        The fused output; NaN in rows that nobody answered.
    answered : (n_samples,) bool
        Whether at least one present member had a say.
    choice : (n_samples,) intp or None
        The class the rule decides for, -1 where nobody answered; None where members give plain numbers.
    """

    output: Floats
    answered: Mask
    choice: Indices | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """Whom a rule with parameters is bound to.

    Attributes
    ----------
    task : str
    members : tuple of str
        In declared order.
    classes : tuple of str
        In the order of the outputs' columns; empty where numbers are predicted.
    positive : int
        Column of the positive class of a binary task, or of the yes of a multilabel one.
    where : str
        Path of the fusion in the configuration, for messages.
    """

    task: str
    members: tuple[str, ...]
    classes: tuple[str, ...] = ()
    positive: int = 0
    where: str = "$.fusion"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known while some are missing.

    Attributes
    ----------
    outputs : (n_samples, n_members, n_classes) or (n_samples, n_members) float64
        Never read where not present.
    present, missing : (n_samples, n_members) bool
        Who has answered and who may still; they exclude each other, and who is in neither has no say any more.
    weight : (n_members,) float64
    limits : (float, float) or None
        The least and the greatest number a member may give, where numbers are predicted.
    """

    outputs: Floats
    present: Mask
    missing: Mask
    weight: Floats
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """Where an answer may still end, whatever those who are missing say, and whether or not they say anything.

    Attributes
    ----------
    lower, upper : (n_samples, n_classes) or (n_samples,) float64
        The fused output ends between these, up to rounding.
    lead : (n_samples,) intp
        The class the rule will decide for, -1 where that is open; also -1 for plain numbers.
    """

    lower: Floats
    upper: Floats
    lead: Indices


@dataclass(frozen=True, slots=True)
class Rule:
    """A fusion rule and its declaration; ``fuse`` is the pure function.

    Attributes
    ----------
    weighted : bool
        Whether ``member_weight`` moves the answer.
    linear : bool
        Whether the answer is a weighted mean of the members' outputs, so that each member has an exact share in it.
    parameters : tuple of str
        Keys of the configuration that the rule reads beside ``weights``.
    bind : callable, optional
        ``bind(parameters, names)`` gives the rule with its parameters; None for a rule that has none.
    reach : callable, optional
        ``reach(known)`` tells where the answer may still end; None where nothing is known before all have answered.
    stages : tuple of tuple of int
        Members to be asked one group after the other; empty where all are asked at once.
    decide : callable, optional
        ``decide(outputs, present, weight, stage)`` tells the rows that need no later stage.
    """

    name: str
    tasks: tuple[str, ...]
    definition: str
    range: str
    edge_cases: tuple[str, ...]
    source: str
    weighted: bool
    linear: bool
    compute: Callable[[Floats, Mask, Floats], Fused]
    parameters: tuple[str, ...] = ()
    bind: Callable[[Mapping[str, Any], Names], Rule] | None = None
    reach: Callable[[Known], Reach | None] | None = None
    stages: tuple[tuple[int, ...], ...] = ()
    decide: Callable[[Floats, Mask, Floats, int], Mask] | None = None

    def fuse(self, outputs: Floats, present: Mask, member_weight: Floats | None = None) -> Fused:
        """Fuse the outputs of those present.

        Parameters
        ----------
        outputs : (n_samples, n_members, n_classes) or (n_samples, n_members) float64
            Probabilities, or plain numbers. Entries of absent members are never read.
        present : (n_samples, n_members) bool
            Who answered.
        member_weight : (n_members,) float64, optional
            Not negative, at least one above zero; all 1 if not given.

        Raises
        ------
        ShapeMismatch
            The arrays do not fit together.
        DataError
            A present member's output is NaN or infinite (``mask_invalid`` sorts these out beforehand), or a weight is
            negative or not finite.
        """
        outputs, present = checked(outputs, present)
        return self.compute(outputs, present, checked_weight(member_weight, present.shape[1]))


def checked(outputs: Floats, present: Mask) -> tuple[Floats, Mask]:
    """Return both as arrays of the right kind, or say which shape or which number is wrong."""
    outputs, present = shaped(outputs, present)
    finite = np.isfinite(outputs)
    if not finite.all():
        bad = present & ~(finite if outputs.ndim == 2 else finite.all(axis=2))
        if bad.any():
            row, member = (int(i) for i in np.argwhere(bad)[0])
            raise DataError(
                "cannot fuse an output that is not finite", where=f"row {row}, member {member}",
                expected="a finite number from every present member", got=str(outputs[row, member]),
                fix="pass outputs and present through mask_invalid first",
            )  # fmt: skip
    return outputs, present


def shaped(outputs: Floats, present: Mask) -> tuple[Floats, Mask]:
    """Return both as arrays whose shapes fit, or raise ``ShapeMismatch``."""
    outputs, present = np.asarray(outputs, dtype=np.float64), np.asarray(present)
    if outputs.ndim not in _DIMENSIONS or outputs.shape[1] == 0:
        raise ShapeMismatch(
            "cannot fuse", where="outputs", expected="(n_samples, n_members) or (n_samples, n_members, n_classes)",
            got=str(outputs.shape),
        )  # fmt: skip
    if present.dtype != np.bool_ or present.shape != outputs.shape[:2]:
        raise ShapeMismatch(
            "cannot fuse", where="present", expected=f"bool {outputs.shape[:2]}", got=f"{present.dtype} {present.shape}"
        )
    return outputs, present


def checked_weight(member_weight: Floats | None, n_members: int) -> Floats:
    """Return one finite, non-negative weight per member; ones if none are given."""
    if member_weight is None:
        return np.ones(n_members)
    weight = np.asarray(member_weight, dtype=np.float64)
    if weight.shape != (n_members,):
        raise ShapeMismatch("cannot fuse", where="member_weight", expected=f"({n_members},)", got=str(weight.shape))
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise DataError(
            "cannot fuse", where="member_weight", expected="finite weights, none negative, at least one above zero",
            got=str(weight.tolist()),
        )  # fmt: skip
    return weight


def ordered_sum(terms: Floats) -> Floats:
    """Return the sum over axis 1, added in ascending order: no order of the terms changes a bit of it.

    >>> terms = np.array([[0.1, 0.2, 0.3], [0.3, 0.1, 0.2]])
    >>> ordered_sum(terms)[0] == ordered_sum(terms)[1]
    np.True_
    """
    ranked = np.sort(terms, axis=1)
    total = np.zeros(ranked.shape[:1] + ranked.shape[2:])
    for place in range(ranked.shape[1]):
        total += ranked[:, place]
    return total


def best_class(output: Floats, answered: Mask) -> Indices | None:
    """Return the class with the greatest output, the first among equals; None for plain numbers."""
    if output.ndim == 1:
        return None
    choice = np.full(len(output), NOBODY, dtype=np.intp)
    choice[answered] = output[answered].argmax(axis=1)
    return choice
