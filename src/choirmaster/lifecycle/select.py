"""Pick members greedily by the loss of their mean on out-of-fold rows (Caruana and others 2004)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from choirmaster.errors import DataError
from choirmaster.lifecycle.score import row_losses

Floats = npt.NDArray[np.float64]

_DIGITS, _TINY = 6, 1e-6
"""Losses are compared at this many decimals, so that chance in the last bits adds no member."""

_SLACK = 2e-4
"""A longer list of members must lower the loss by more than this share; less is chance on the rows at hand."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the choice: who was added, and the loss of the mean since."""

    added: str
    loss: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The members picked, with weights that sum to 1, the loss of their mean, every step, and who was kept out."""

    members: tuple[str, ...]
    weights: dict[str, float]
    loss: float
    steps: tuple[Step, ...]
    refused: dict[str, str]


def select(
    outputs: Mapping[str, Floats],
    y_true: npt.NDArray[np.generic],
    *,
    at_least: int = 1,
    at_most: int | None = None,
    repeat: bool = True,
    rounds: int = 25,
    worst: float | None = None,
) -> Choice:
    """Return the members whose mean has the least loss, picked one by one.

    Parameters
    ----------
    outputs : dict of str to (n_samples, n_classes) or (n_samples,) float64
        What each candidate says on rows it was not fitted on.
    y_true : (n_samples,)
        Class numbers, or numbers.
    at_least, at_most : int
        How many different members to pick. Below ``at_least`` only new ones are added, even if the loss rises.
    repeat : bool
        With replacement: one that is added again weighs more. Otherwise all weigh the same.
    rounds : int
        Most steps with ``repeat``.
    worst : float, optional
        Candidates whose own loss is not below this are never picked; the loss of a constant answer is a good choice.

    Notes
    -----
    The best candidate comes first; each step adds the one that makes the loss of the mean least, of equals one that is
    in already, then the first by its own loss. Of all steps the shortest prefix is kept whose loss is
    the least, or above it by no more than one part in 5,000.
    """
    alone = {name: float(row_losses(output, y_true).mean()) for name, output in outputs.items()}
    refused = {
        name: "its loss is not finite" if not np.isfinite(loss) else f"its loss {loss:.4g} is not below {worst:.4g}"
        for name, loss in alone.items() if not np.isfinite(loss) or (worst is not None and loss > worst - _TINY)
    }  # fmt: skip
    ranked = sorted((name for name in alone if name not in refused), key=lambda name: (alone[name], name))
    if not ranked:
        raise DataError("no candidate can be picked", where="candidates", expected="one that beats a constant answer",
                        got=", ".join(f"{name}: {why}" for name, why in refused.items()) or "none")  # fmt: skip
    limit = min(at_most or len(ranked), len(ranked))
    steps = _walk(outputs, y_true, ranked, floor=min(at_least, limit), limit=limit, rounds=rounds if repeat else limit,
                  repeat=repeat)  # fmt: skip
    kept = _shortest_best(steps, min(at_least, limit))
    count = Counter(step.added for step in kept)
    members = tuple(name for name in ranked if name in count)
    weights = {name: count[name] / len(kept) for name in members}
    return Choice(members, weights, kept[-1].loss, tuple(steps), refused)


def _walk(
    outputs: Mapping[str, Floats], y_true: npt.NDArray[np.generic], ranked: list[str], *,
    floor: int, limit: int, rounds: int, repeat: bool,
) -> list[Step]:  # fmt: skip
    total = np.zeros_like(outputs[ranked[0]])
    steps: list[Step] = []
    while len(steps) < rounds:
        used = {step.added for step in steps}
        fresh = [name for name in ranked if name not in used] if len(used) < limit else []
        again = [name for name in ranked if name in used] if repeat and len(used) >= floor else []
        losses = {
            name: round(float(row_losses((total + outputs[name]) / (len(steps) + 1), y_true).mean()), _DIGITS)
            for name in again + fresh
        }
        if not losses:
            break
        best = min(losses, key=lambda name: losses[name])
        total = total + outputs[best]
        steps.append(Step(best, losses[best]))
    return steps


def _shortest_best(steps: list[Step], floor: int) -> list[Step]:
    enough = [place for place in range(1, len(steps) + 1) if len({step.added for step in steps[:place]}) >= floor]
    least = min(steps[place - 1].loss for place in enough)
    return steps[: next(place for place in enough if steps[place - 1].loss <= least + _SLACK * abs(least))]
