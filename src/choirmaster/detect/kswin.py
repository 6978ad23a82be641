"""Kolmogorov-Smirnov windowing."""

from __future__ import annotations

import warnings
from collections import deque
from typing import Any

import numpy as np


class Kswin:
    """Sees any change of the distribution: the newest values against as many drawn from the older ones.

    Definition   with the last ``window`` values at hand, the newest ``recent`` of them and ``recent`` drawn without
                 replacement from the others; a change is seen when the two-sample Kolmogorov-Smirnov test has
                 p <= alpha and a distance above 0.1. The newest are kept, the rest forgotten.
    Source       Raab, Heusinger, Schleif 2020, Neurocomputing 416, 340-351

    Parameters
    ----------
    alpha : float
        Bound of the p-value. It is used anew with each value, so false alarms follow each other.
    window, recent : int
        How many values are kept, and how many of them are the newest. ``window`` is at least twice ``recent``.
    seed : int
        What the drawing begins with.
    generator : object, optional
        Draws by ``choice(n, size, replace=False)`` in place of numpy's generator of the seed.
    restart : bool
        Forget everything after a change, as river does; else the newest values are kept, as published.

    Examples
    --------
    >>> method = Kswin(window=40, recent=10, seed=1)
    >>> [at for at, value in enumerate([0.0, 1.0] * 30 + [5.0, 6.0] * 20) if method.observe(value)]
    [67]
    """

    def __init__(
        self, alpha: float = 0.005, window: int = 100, recent: int = 30, seed: int = 0, generator: Any = None, *,
        restart: bool = False,
    ) -> None:  # fmt: skip
        self.alpha, self.window, self.recent, self.restart = alpha, window, recent, restart
        self.generator = np.random.default_rng(seed) if generator is None else generator
        self._kept: deque[float] = deque(maxlen=window)

    def observe(self, value: float) -> bool:
        """Take the next value; return whether a change is seen with it."""
        from scipy.stats import ks_2samp

        self._kept.append(value)
        if len(self._kept) < self.window:
            return False
        values = np.array(self._kept)
        older, newest = values[: -self.recent], values[-self.recent :]
        drawn = older[np.asarray(self.generator.choice(len(older), self.recent, replace=False))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # where the exact p-value fails, scipy takes the limit
            found = ks_2samp(drawn, newest, method="auto")
        if found.pvalue > self.alpha or found.statistic <= 0.1:
            return False
        self._kept = deque([] if self.restart else newest.tolist(), maxlen=self.window)
        return True
