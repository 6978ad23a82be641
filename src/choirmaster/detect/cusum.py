"""The tabular CUSUM chart."""

from __future__ import annotations

from choirmaster.detect.base import Running


class Cusum:
    """Sees a small lasting shift of the mean, up or down.

    Definition   C+_t = max(0, C+_(t-1) + z_t - slack), C-_t = max(0, C-_(t-1) - z_t - slack) with
                 z_t = (x_t - target) / deviation; a change is seen when either is above ``bound``
    Source       Page 1954, Biometrika 41, 100-115; Montgomery, Introduction to Statistical Quality Control, chapter 9

    Parameters
    ----------
    target, deviation : float, optional
        The mean to keep and the standard deviation around it. Learned from the first ``learn`` values where not given.
    slack : float
        Half of the shift to be seen, in deviations.
    bound : float
        In deviations. With a slack of 0.5 a bound of 5 gives one false alarm in 465 values, one of 4 in 168.
    learn : int
        How many values the target and the deviation are learned from. Learned from few, they are off by chance, and
        false alarms come more often than said above: give what is known, or learn from 100 and more.

    Examples
    --------
    >>> chart = Cusum(target=10.0, deviation=1.0)
    >>> [at for at, value in enumerate([10.0] * 5 + [12.0] * 5) if chart.observe(value)]
    [8]
    """

    above: float
    below: float
    _seen: Running

    def __init__(
        self, target: float | None = None, deviation: float | None = None, slack: float = 0.5, bound: float = 5.0,
        learn: int = 30,
    ) -> None:  # fmt: skip
        self.target, self.deviation, self.slack, self.bound, self.learn = target, deviation, slack, bound, learn
        self._begin()

    def observe(self, value: float) -> bool:
        """Take the next value; return whether a change is seen with it."""
        given = self.target is not None and self.deviation is not None
        if not given and self._seen.n < self.learn:
            self._seen.add(value)
            return False
        target = self._seen.mean if self.target is None else self.target
        deviation = self._seen.deviation if self.deviation is None else self.deviation
        if deviation <= 0.0:  # what never varied has changed with the first value that differs
            changed = value != target
        else:
            z = (value - target) / deviation
            self.above = max(0.0, self.above + z - self.slack)
            self.below = max(0.0, self.below - z - self.slack)
            changed = max(self.above, self.below) > self.bound
        if changed:
            self._begin()
        return changed

    def _begin(self) -> None:
        self._seen = Running()
        self.above = self.below = 0.0
