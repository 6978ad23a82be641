"""Fit stacking on members' out-of-fold outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from choirmaster.errors import DataError
from choirmaster.fusion.base import Floats, Names
from choirmaster.fusion.logistic import logistic
from choirmaster.fusion.stacking import LOG_ODDS, Stack, stack_inputs


def fit_stack(
    outputs: Floats, target: npt.NDArray[Any], names: Names, *, inputs: str = LOG_ODDS, penalty: float = 1.0
) -> Stack:
    """Return the meta-model of the least loss.

    Definition
        Two classes: logistic regression, ``penalty`` / 2 times the squared coefficients added to the sum of log losses;
        more: the same with one score for each class. Numbers: least squares with coefficients that are not negative
        (Breiman 1996) and a free intercept; ``penalty`` is not read.

    Parameters
    ----------
    outputs : (n_samples, n_members, n_classes) or (n_samples, n_members) float64
        Of rows that the members were not fitted on.
    target : (n_samples,)
        The true class of each row as a column of ``outputs``, or the true number.
    """
    if not len(outputs):
        raise DataError("cannot fit stacking", where="outputs", expected="labelled rows", got="none")
    seen = stack_inputs(outputs, inputs, names.positive)
    flat = seen.reshape(len(seen), seen[0].size)
    if outputs.ndim == 2:
        factors, start = _least_squares(flat, np.asarray(target, dtype=np.float64))
        return Stack(factors.reshape(1, -1, 1), np.array([start]), inputs)
    if outputs.shape[2] == 2:
        factors, start = logistic(flat, (np.asarray(target) == names.positive).astype(np.float64), penalty=penalty)
        return Stack(factors.reshape(1, -1, 1), np.array([start]), inputs)
    return _multinomial(flat, np.asarray(target), outputs.shape[1:], inputs, penalty)


def _least_squares(x: Floats, y: Floats) -> tuple[Floats, float]:
    from scipy.optimize import nnls

    middle, level = x.mean(axis=0), float(y.mean())
    factors: Floats = nnls(x - middle, y - level)[0]
    return factors, level - float(middle @ factors)


def _multinomial(x: Floats, codes: npt.NDArray[Any], shape: tuple[int, ...], inputs: str, penalty: float) -> Stack:
    from scipy.optimize import minimize

    members, classes = shape
    wide = x.shape[1]
    truth = np.eye(classes)[codes]

    def loss(flat: Floats) -> tuple[float, Floats]:
        beta = flat.reshape(classes, wide + 1)
        score = x @ beta[:, :-1].T + beta[:, -1]
        top = score.max(axis=1, keepdims=True)
        weight = np.exp(score - top)
        total = weight.sum(axis=1, keepdims=True)
        gap = weight / total - truth
        value = (np.log(total[:, 0]) + top[:, 0] - (score * truth).sum(axis=1)).sum()
        slope = np.column_stack([gap.T @ x + penalty * beta[:, :-1], gap.sum(axis=0)])
        return float(value + penalty / 2 * (beta[:, :-1] ** 2).sum()), slope.ravel()

    found = minimize(loss, np.zeros(classes * (wide + 1)), jac=True, method="L-BFGS-B",
                     options={"maxiter": 5_000, "maxfun": 50_000, "ftol": 1e-14, "gtol": 1e-7})  # fmt: skip
    beta = found.x.reshape(classes, wide + 1)
    return Stack(beta[:, :-1].reshape(classes, members, classes), beta[:, -1], inputs)
