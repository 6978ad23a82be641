"""The picked members as one: what the fusion has to learn, and its answer on rows that it did not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from choirmaster.fusion.base import Floats, Names
from choirmaster.fusion.fitting import as_document, cross_fitted, fitted, to_fit
from choirmaster.lifecycle.folds import Fold
from choirmaster.lifecycle.rows import Question


@dataclass(frozen=True, slots=True)
class Together:
    """What makes one answer of the members.

    Attributes
    ----------
    document : dict
        The fusion as the configuration takes it, everything learned filled in; without weights.
    output : (n_samples, n_classes) or (n_samples,) float64
        Fused out-of-fold answers; what had to be learned was learned on the other folds.
    """

    document: dict[str, Any]
    output: Floats


def fuse_out_of_fold(
    declared: str | Mapping[str, Any], outputs: Mapping[str, Floats], weights: Mapping[str, float],
    codes: npt.NDArray[Any], folds: Sequence[Fold], question: Question, classes: tuple[str, ...] | None,
) -> Together:  # fmt: skip
    """Learn what the declared fusion has to learn on out-of-fold outputs, and fuse them."""
    names = Names(str(question.task), tuple(outputs), classes or (), _positive(question, classes))
    stacked = np.stack(list(outputs.values()), axis=1)
    weight = np.array([weights[name] for name in outputs])
    fold = np.repeat(np.arange(len(folds)), [len(one.test) for one in folds])
    document = as_document(declared)
    output = cross_fitted(document, stacked, codes, fold, names, weight)
    if to_fit(document):
        document = fitted(document, stacked, codes, names, weight)
    return Together(document, output)


def _positive(question: Question, classes: tuple[str, ...] | None) -> int:
    return classes.index(question.positive) if classes and question.positive in classes else 0
