"""Logistic regression by Newton's method: what fits recalibrations and stacking of two classes."""

from __future__ import annotations

import numpy as np

from choirmaster.errors import DataError
from choirmaster.fusion.base import Floats

_STEPS, _HALVINGS = 100, 50
_STILL = 1e-10


def logistic(x: Floats, y: Floats, *, penalty: float = 0.0) -> tuple[Floats, float]:
    """Return coefficients and intercept of the least sum of log losses plus ``penalty`` / 2 times their squares.

    Parameters
    ----------
    x : (n_samples, n_inputs) float64
    y : (n_samples,) float64
        Targets in [0, 1]; fractions count for both classes.
    penalty : float
        Weight of the squared coefficients; the intercept is free.

    Raises
    ------
    DataError
        There are no rows, all targets are 0 or all are 1, or the classes are separated and there is no penalty.

    Examples
    --------
    >>> slope, start = logistic(np.array([[-1.0], [-1.0], [1.0], [1.0]]), np.array([0.0, 1.0, 1.0, 1.0]), penalty=1e-3)
    >>> bool(slope[0] > 0 and start > 0)
    True
    """
    if not len(y) or (y.min() == y.max() and y[0] in {0.0, 1.0}):
        raise DataError("cannot fit", where="labels", expected="rows of both classes", got=f"{len(y)} rows of one")
    full = np.column_stack([x, np.ones(len(y))])
    ridge = np.append(np.full(x.shape[1], penalty), 0.0)
    beta, loss = np.zeros(full.shape[1]), _loss(full, y, ridge, np.zeros(full.shape[1]))
    for _ in range(_STEPS):
        p = 0.5 * (1.0 + np.tanh(0.5 * (full @ beta)))
        slope = full.T @ (p - y) + ridge * beta
        curve = (full * (p * (1.0 - p))[:, None]).T @ full + np.diag(ridge + 1e-12)
        step = np.linalg.lstsq(curve, slope, rcond=None)[0]
        for _ in range(_HALVINGS):
            if (new := _loss(full, y, ridge, beta - step)) <= loss:
                break
            step = step / 2
        beta, before, loss = beta - step, loss, new
        if np.abs(step).max() <= _STILL * (1.0 + np.abs(beta).max()) or before - loss <= 1e-15 * abs(loss):
            return beta[:-1], float(beta[-1])
    raise DataError("cannot fit", where="labels", expected="scores that do not separate the classes",
                    got="a score that does", fix="use more rows, or the calibration isotonic")  # fmt: skip


def _loss(full: Floats, y: Floats, ridge: Floats, beta: Floats) -> float:
    score = full @ beta
    return float((np.logaddexp(0.0, score) - y * score).sum() + (ridge * beta * beta).sum() / 2)
