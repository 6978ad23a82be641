"""Logarithms and exponentials made of + - x / and ``frexp`` only: the same bits on every machine."""

from __future__ import annotations

import numpy as np

from choirmaster.fusion.base import Floats, ordered_sum
from choirmaster.kernels.log import LN2_HIGH, LN2_LOW, SQRT_HALF

CLIP = 2.0**-52
"""Probabilities are lifted to this before a logarithm is taken, as for the log loss."""

WIDEST = 36.04365338911715
"""52 ln 2: the greatest distance between two clipped logarithms."""

_INVERSE_LN2 = 1.4426950408889634
_LARGEST = 709.0
_TERMS = 14


def logs(x: Floats) -> Floats:
    """Return ln(x) of positive finite numbers, by the series of ``kernels.log.natural_log`` and with its bits.

    >>> logs(np.array([1.0, 0.5])).tolist()
    [0.0, -0.6931471805599453]
    """
    m, e = np.frexp(x)
    low = m < SQRT_HALF
    m, e = np.where(low, m * 2.0, m), np.where(low, e - 1, e)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    series: Floats = np.full_like(z, 1.0 / 21.0)
    for odd in range(19, 2, -2):
        series = 1.0 / odd + z * series
    out: Floats = e * LN2_HIGH + (2.0 * s + (2.0 * s * z * series + e * LN2_LOW))
    return out


def exps(x: Floats) -> Floats:
    """Return e^x, within 1e-15 relative; 0 below -745, and no more than e^709.

    >>> exps(np.array([0.0, 1.0])).tolist()
    [1.0, 2.7182818284590455]
    """
    x = np.clip(x, -2 * _LARGEST, _LARGEST)
    k = np.rint(x * _INVERSE_LN2)
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    series: Floats = np.ones_like(r)
    for term in range(_TERMS, 0, -1):
        series = 1.0 + r / term * series
    out: Floats = np.ldexp(series, k.astype(np.int32))
    return out


def clipped_logs(p: Floats) -> Floats:
    """Return ln max(p, 2^-52); numbers that are not finite count as 1, for they belong to the absent."""
    return logs(np.where(np.isfinite(p), np.clip(p, CLIP, 1.0), 1.0))


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + e^-x)."""
    e = exps(-np.abs(x))
    out: Floats = np.where(x >= 0, 1.0 / (1.0 + e), e / (1.0 + e))
    return out


def softmax(x: Floats) -> Floats:
    """Return e^x_c / sum_b e^x_b over the classes, the last of two axes."""
    e = exps(x - x.max(axis=1, keepdims=True))
    out: Floats = e / ordered_sum(e)[:, None]
    return out
