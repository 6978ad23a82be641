"""95 % sampling intervals, each with its formula; scipy is loaded only where a quantile of it is needed."""

from __future__ import annotations

import math

from choirmaster.drift.divergence import Z

__all__ = ["Bounds", "Z", "logit_interval", "mean_interval", "quantile_ranks", "wilson"]

Bounds = tuple[float | None, float | None]


def wilson(hits: float, n: float) -> tuple[float, float]:
    """Return Wilson's interval of a share: all p with (hits/n - p)^2 <= Z^2 p (1 - p) / n.

    Source: Wilson 1927, JASA 22(158), 209-212.

    >>> [round(one, 4) for one in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    share = hits / n
    centre = share + Z * Z / (2.0 * n)
    half = Z * math.sqrt(share * (1.0 - share) / n + Z * Z / (4.0 * n * n))
    scale = 1.0 + Z * Z / n
    lower = 0.0 if hits <= 0 else max(0.0, (centre - half) / scale)
    upper = 1.0 if hits >= n else min(1.0, (centre + half) / scale)
    return min(lower, share), max(upper, share)


def mean_interval(total: float, squares: float, n: int) -> Bounds:
    """Return mean -+ Z s / sqrt(n) with the sample variance s^2; none below two rows.

    ``total`` and ``squares`` are the sums of x and of x^2.
    """
    if n < 2:
        return None, None
    mean = total / n
    half = Z * math.sqrt(max(squares / n - mean * mean, 0.0) / (n - 1))
    return mean - half, mean + half


def logit_interval(share: float, variance: float, small: int) -> tuple[float, float]:
    """Return an interval that stays in (0, 1): normal on the log-odds of ``share``, whose own variance is given.

    Where the share is 0 or 1 or the variance 0, Wilson's interval of ``small`` trials takes over.
    """
    if not 0.0 < share < 1.0 or variance <= 0.0:
        return wilson(share * small, small)
    odds = math.log(share / (1.0 - share))
    half = Z * math.sqrt(variance) / (share * (1.0 - share))
    return _expit(odds - half), _expit(odds + half)


def quantile_ranks(n: int, level: float) -> tuple[int, int]:
    """Return the ranks (1-based) between which the population quantile lies with 95 %, from the binomial law.

    Ranks 0 and n + 1 mean that the sample holds no bound on that side.
    """
    from scipy.special import bdtr

    def least(share: float) -> int:
        low, high = 0, n
        while low < high:
            middle = (low + high) // 2
            if bdtr(middle, n, level) >= share:
                high = middle
            else:
                low = middle + 1
        return low

    return least(0.025), least(0.975) + 1


def _expit(odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-odds)) if odds >= 0 else math.exp(odds) / (1.0 + math.exp(odds))
