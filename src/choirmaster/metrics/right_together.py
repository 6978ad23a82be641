"""Whether two members are right and wrong together. Read off the labelled rows of ``agreement/1``.

Over the rows with a label that both answered: a both right, b only the first, c only the second, d both wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from choirmaster.metrics.across import mean_over_classes
from choirmaster.metrics.agreement import pair_table, pair_targets, patterns
from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.intervals import Z
from choirmaster.metrics.pairs import share
from choirmaster.states.agreement import BOTH_WRONG_APART, BOTH_WRONG_SAME, Agreement
from choirmaster.values import Kind, Reason, Value, undefined

Cells = tuple[complex, complex, complex, complex]
STEP = 1e-30


def double_fault(state: Agreement, target: str) -> Value:
    """Share of the rows both answered in which both are wrong: d / n.

    Undefined    no_labels, all_missing (no labelled row that both answered)
    Interval     Wilson
    Source       Giacinto, Roli 2001, Image and Vision Computing 19, 699-707
    """
    cells = _cells(state, target)
    n = sum(cells)
    return share(cells[3], n) if n else _nothing(state)


def q_statistic(state: Agreement, target: str) -> Value:
    """Yule's Q of two members being right.

    Definition   (a d - b c) / (a d + b c)
    Range        [-1, 1]; 0 for independent errors, lower is better
    Undefined    no_labels, all_missing, zero_variance (a d + b c = 0)
    Interval     normal on the logarithm of the odds ratio, whose variance is 1/a + 1/b + 1/c + 1/d; none where one is 0
    Source       Yule 1900, Philosophical Transactions A 194, 257-319
    """
    a, b, c, d = _cells(state, target)
    n = a + b + c + d
    if not n:
        return _nothing(state)
    if a * d + b * c == 0:
        return _no_variance(n)
    number = (a * d - b * c) / (a * d + b * c)
    if not a * b * c * d:
        return Value(number, n=n, kind=Kind.REALIZED)
    odds, half = math.log(a * d / (b * c)), Z * math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    lower, upper = math.tanh((odds - half) / 2.0), math.tanh((odds + half) / 2.0)
    return Value(number, lower, upper, n=n, kind=Kind.REALIZED)


def correctness_kappa(state: Agreement, target: str) -> Value:
    """Cohen's kappa of two members being right.

    Definition   2 (a d - b c) / ((a + b) (b + d) + (a + c) (c + d))
    Range        [-1, 1]; 0 for independent errors, lower is better
    Undefined    no_labels, all_missing, zero_variance (both always right, or both always wrong)
    Interval     normal, by the delta method over the four counts; none where its variance is 0
    Source       Cohen 1960, Educational and Psychological Measurement 20(1), 37-46
    """
    return _delta(state, target, _kappa)


def correctness_correlation(state: Agreement, target: str) -> Value:
    """Correlation (phi) of two members being right.

    Definition   (a d - b c) / sqrt((a + b) (c + d) (a + c) (b + d))
    Range        [-1, 1]; 0 for independent errors, lower is better
    Undefined    no_labels, all_missing, zero_variance (one of them always right or always wrong)
    Interval     normal, by the delta method over the four counts; none where its variance is 0
    Source       Sneath, Sokal 1973, Numerical Taxonomy
    """
    return _delta(state, target, _phi)


def mean_over_pairs(pair: Callable[[Agreement, str], Value]) -> Callable[[Agreement], Value]:
    """Return the metric of the whole: the mean over the pairs that have a value.

    Interval     the mean of the pairs' lower and of their upper ends: at least 95 %, however the pairs hang together,
                 as the deviation of a mean is at most the mean of the deviations. None where a pair has none.
    """

    def mean(state: Agreement) -> Value:
        names = state.part.members
        found = [pair(state, f"{names[i]}|{names[j]}") for i, j in state.part.pairs]
        used = [value for value in found if value.defined]
        return replace(mean_over_classes(used), n=max(value.n for value in found)) if used else found[0]

    return mean


def _cells(state: Agreement, target: str) -> tuple[int, int, int, int]:
    table = [int(one) for one in pair_table(state, target)]
    return table[0], table[1], table[2], table[BOTH_WRONG_SAME] + table[BOTH_WRONG_APART]


def _nothing(state: Agreement) -> Value:
    if state.right.any():
        return undefined(Reason.ALL_MISSING, kind=Kind.REALIZED, detail="no labelled row that both answered")
    return undefined(Reason.NO_LABELS if patterns(state).any() or state.silent else Reason.NO_ROWS, kind=Kind.REALIZED)


def _no_variance(n: int) -> Value:
    return undefined(Reason.ZERO_VARIANCE, kind=Kind.REALIZED, n=n, detail="the counts of right and wrong do not vary")


def _delta(state: Agreement, target: str, measure: Callable[[Cells], complex | None]) -> Value:
    """Return a function of the four shares; its gradient comes from steps along the imaginary axis, which are exact."""
    cells = _cells(state, target)
    n = sum(cells)
    if not n:
        return _nothing(state)
    shares = [cell / n for cell in cells]
    value = measure((shares[0], shares[1], shares[2], shares[3]))
    if value is None:
        return _no_variance(n)
    number = min(1.0, max(-1.0, value.real))
    slopes = []
    for k in range(4):
        moved = [one + (STEP * 1j if at == k else 0.0) for at, one in enumerate(shares)]
        slopes.append((measure((moved[0], moved[1], moved[2], moved[3])) or 0j).imag / STEP)
    mean = sum(one * slope for one, slope in zip(shares, slopes, strict=True))
    variance = sum(one * (slope - mean) ** 2 for one, slope in zip(shares, slopes, strict=True)) / n
    if variance <= 1e-24:
        return Value(number, n=n, kind=Kind.REALIZED)
    half = Z * math.sqrt(variance)
    return Value(number, max(-1.0, number - half), min(1.0, number + half), n=n, kind=Kind.REALIZED)


def _kappa(cells: Cells) -> complex | None:
    a, b, c, d = cells
    below = (a + b) * (b + d) + (a + c) * (c + d)
    return 2.0 * (a * d - b * c) / below if below.real else None


def _phi(cells: Cells) -> complex | None:
    a, b, c, d = cells
    below = (a + b) * (c + d) * (a + c) * (b + d)
    return (a * d - b * c) / below**0.5 if below.real else None


DOUBLE_FAULT = Metric(
    "double_fault", "agreement/1", QUALITY, CLASSES, "lower", "ratio",
    "labelled rows in which both members are wrong / those both answered; without a pair the mean over pairs",
    "Wilson; of the mean the mean of both ends", "Giacinto, Roli 2001, Image and Vision Computing 19, 699-707",
    mean_over_pairs(double_fault), Kind.REALIZED, double_fault, pair_targets, whole="",
)  # fmt: skip
Q_STATISTIC = Metric(
    "q_statistic", "agreement/1", QUALITY, CLASSES, "lower", "ratio",
    "Yule's Q of two members being right; without a pair the mean over pairs",
    "normal on the log odds ratio; of the mean the mean of both ends",
    "Yule 1900, Philosophical Transactions A 194, 257-319", mean_over_pairs(q_statistic), Kind.REALIZED, q_statistic,
    pair_targets, whole="",
)  # fmt: skip
CORRECTNESS_KAPPA = Metric(
    "correctness_kappa", "agreement/1", QUALITY, CLASSES, "lower", "ratio",
    "Cohen's kappa of two members being right; without a pair the mean over pairs",
    "delta method; of the mean the mean of both ends",
    "Cohen 1960, Educational and Psychological Measurement 20(1), 37-46", mean_over_pairs(correctness_kappa),
    Kind.REALIZED, correctness_kappa, pair_targets, whole="",
)  # fmt: skip
CORRECTNESS_CORRELATION = Metric(
    "correctness_correlation", "agreement/1", QUALITY, CLASSES, "lower", "ratio",
    "correlation (phi) of two members being right; without a pair the mean over pairs",
    "delta method; of the mean the mean of both ends",
    "Sneath, Sokal 1973, Numerical Taxonomy", mean_over_pairs(correctness_correlation), Kind.REALIZED,
    correctness_correlation, pair_targets, whole="",
)  # fmt: skip
