"""The cutoff that turns a probability into a decision, chosen on rows that no member was fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from choirmaster.costs import BinaryCosts
from choirmaster.errors import DataError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cutoff:
    """A cutoff and where it comes from: decide for the positive class where score >= value.

    ``value`` is None, with the reason in ``source``, where only one class is there. ``closed_form`` is the cutoff that
    the costs give for a calibrated score; how far ``value`` is from it says how far the score is from calibrated there.
    """

    value: float | None
    by: str
    f1: float | None
    cost: float | None
    n: int
    source: str
    closed_form: float | None = None


def choose_cutoff(
    score: Floats,
    positive: npt.NDArray[np.bool_],
    *,
    costs: BinaryCosts | None = None,
    source: str = "out-of-fold rows",
) -> Cutoff:
    """Return the cutoff of the greatest F1, or of the least cost where costs are given.

    Between two scores the cutoff lies half way; of equally good ones the highest is taken.

    >>> choose_cutoff(np.array([0.1, 0.2, 0.6, 0.8]), np.array([False, False, True, True])).value
    0.4
    """
    score, positive = np.asarray(score, dtype=np.float64), np.asarray(positive, dtype=np.bool_)
    if not np.isfinite(score).all():
        raise DataError("cannot choose a cutoff", where="score", expected="finite scores", got="NaN or infinity")
    by = "f1" if costs is None else "cost"
    if not positive.any() or positive.all():
        return Cutoff(None, by, None, None, len(score), f"{source}: one class only")
    value, caught, called = _steps(score, positive)
    total = int(positive.sum())
    f1 = 2 * caught / (called + total)
    if costs is None:
        best = int(f1.argmax())
        return Cutoff(float(value[best]), by, float(f1[best]), None, len(score), source)
    false, missed = called - caught, total - caught
    cost = (
        missed * costs.false_negative + caught * costs.true_positive
        + false * costs.false_positive + (len(score) - total - false) * costs.true_negative
    )  # fmt: skip
    best = int(cost.argmin())
    return Cutoff(float(value[best]), by, float(f1[best]), float(cost[best] / len(score)), len(score), source,
                  costs.cutoff)  # fmt: skip


def f1_at(score: Floats, positive: npt.NDArray[np.bool_], cutoff: float) -> float | None:
    """Return F1 at a cutoff; None where nothing is positive and nothing is called so."""
    called = score >= cutoff
    below = int(called.sum()) + int(positive.sum())
    return 2 * int((called & positive).sum()) / below if below else None


def _steps(score: Floats, positive: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Return every cutoff worth trying, highest first (calling none, then ever more), with hits and calls."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    caught = np.concatenate([[0], np.cumsum(positive[order])[last]]).astype(np.float64)
    called = np.concatenate([[0], last + 1]).astype(np.float64)
    levels = ranked[last]
    half = (levels[:-1] + levels[1:]) / 2
    # Half way between two neighbouring numbers may round to the lower one, which it must stay above.
    half = np.where(half > levels[1:], half, levels[:-1])
    value = np.concatenate([[np.nextafter(levels[0], np.inf)], half, [levels[-1]]])
    return value, caught, called
