"""The Page-Hinkley test."""

from __future__ import annotations

from choirmaster.detect.base import Running


class PageHinkley:
    """Sees a lasting change of the mean from the sum of deviations from the mean so far.

    Definition   U_t = alpha U_(t-1) + x_t - mean_t - delta; a rise is seen when U_t - min U > threshold. A fall
                 likewise with + delta, when max U - U_t > threshold
    Source       Page 1954, Biometrika 41, 100-115; Hinkley 1971, Biometrika 58, 509-523

    Parameters
    ----------
    delta : float
        What a value may deviate without counting; in units of the values.
    threshold : float
        The sum at which a change is seen; in units of the values. 50 suits streams of rows; for window values take a
        few times their usual deviation, or standardise them.
    alpha : float
        Forgetting: 1 forgets nothing.
    least : int
        No change is seen before so many values.
    direction : str
        ``up``, ``down`` or ``both``.

    Examples
    --------
    >>> test = PageHinkley(threshold=3.0, least=5)
    >>> [at for at, value in enumerate([0.0] * 20 + [1.0] * 20) if test.observe(value)]
    [23]
    """

    _seen: Running
    _up: float
    _down: float
    _lowest: float
    _highest: float

    def __init__(
        self, delta: float = 0.005, threshold: float = 50.0, alpha: float = 0.9999, least: int = 30,
        direction: str = "both",
    ) -> None:  # fmt: skip
        self.delta, self.threshold, self.alpha, self.least, self.direction = delta, threshold, alpha, least, direction
        self._begin()

    def observe(self, value: float) -> bool:
        """Take the next value; return whether a change is seen with it."""
        self._seen.add(value)
        away = value - self._seen.mean
        self._up = self.alpha * self._up + away - self.delta
        self._down = self.alpha * self._down + away + self.delta
        self._lowest = self._up if self._seen.n == 1 else min(self._lowest, self._up)
        self._highest = self._down if self._seen.n == 1 else max(self._highest, self._down)
        rise = self.direction != "down" and self._up - self._lowest > self.threshold
        fall = self.direction != "up" and self._highest - self._down > self.threshold
        changed = self._seen.n >= self.least and (rise or fall)
        if changed:
            self._begin()
        return changed

    def _begin(self) -> None:
        self._seen = Running()
        self._up = self._down = self._lowest = self._highest = 0.0
