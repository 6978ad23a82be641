"""How good outputs are on labelled rows: losses row by row, ROC AUC, and the gap between two sets of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_CLIP = 2.0**-52
_Z = 1.959963984540054


def row_losses(outputs: Floats, y_true: npt.NDArray[np.generic]) -> Floats:
    """Return each row's loss: -log of the probability of its class (clipped at 2^-52), or the squared error.

    ``y_true`` are class numbers for (n, n_classes) outputs, numbers for (n,) outputs.
    """
    if outputs.ndim == 1:
        squared: Floats = (outputs - np.asarray(y_true, dtype=np.float64)) ** 2
        return squared
    own = outputs[np.arange(len(outputs)), np.asarray(y_true, dtype=np.intp)]
    logs: Floats = -np.log(np.clip(own, _CLIP, 1.0))
    return logs


def roc_auc(score: Floats, positive: npt.NDArray[np.bool_]) -> float | None:
    """Return the area under the ROC curve, ties counted half; None where only one class is there.

    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, True, False, True]))
    0.875
    """
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return None
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2
    return float((rank[place][positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


@dataclass(frozen=True, slots=True)
class Gap:
    """Loss on judged rows minus loss on fitted rows, with its 95 % interval."""

    value: float
    lower: float
    upper: float


def loss_gap(train: Floats, judged: Floats) -> Gap:
    """Return the gap of two sets of row losses; its interval is the normal one of a difference of two means."""
    value = float(judged.mean() - train.mean())
    spread = sum(float(x.var(ddof=1)) / len(x) if len(x) > 1 else 0.0 for x in (train, judged)) ** 0.5
    return Gap(value, value - _Z * spread, value + _Z * spread)
