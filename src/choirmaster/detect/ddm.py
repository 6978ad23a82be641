"""The drift detection method for a stream of errors."""

from __future__ import annotations

import math


class Ddm:
    """Sees an error rate that rises well above the lowest it has been.

    Definition   p_t the share of errors so far, s_t = sqrt(p_t (1 - p_t) / t); p_min, s_min those of the least sum;
                 a change is seen when p_t + s_t > p_min + drift s_min, a warning when above p_min + warn s_min
    Source       Gama, Medas, Castillo, Rodrigues 2004, SBIA, LNCS 3171, 286-295

    Parameters
    ----------
    least : int
        No change is seen before so many values.
    warn, drift : float
        How many s_min.

    Attributes
    ----------
    warning : bool
        Whether the last value left the stream in the warning zone.

    Examples
    --------
    >>> method = Ddm()
    >>> [at for at, wrong in enumerate(([0] * 9 + [1]) * 20 + [1] * 20) if method.observe(wrong)]
    [207]
    """

    warning: bool
    _n: int
    _rate: float
    _lowest: float
    _least_rate: float
    _least_spread: float

    def __init__(self, least: int = 30, warn: float = 2.0, drift: float = 3.0) -> None:
        self.least, self.warn, self.drift = least, warn, drift
        self._begin()

    def observe(self, value: float) -> bool:
        """Take 1 for an error or 0 for none; return whether a change is seen with it."""
        self._n += 1
        self._rate += (value - self._rate) / self._n
        spread = math.sqrt(max(self._rate * (1.0 - self._rate), 0.0) / self._n)
        self.warning = False
        if self._n <= self.least:
            return False
        here = self._rate + spread
        if here <= self._lowest:
            self._lowest, self._least_rate, self._least_spread = here, self._rate, spread
        if here > self._least_rate + self.drift * self._least_spread:
            self._begin()
            return True
        self.warning = here > self._least_rate + self.warn * self._least_spread
        return False

    def _begin(self) -> None:
        self.warning = False
        self._n, self._rate, self._lowest = 0, 0.0, math.inf
        self._least_rate = self._least_spread = 0.0
