"""What a review of the highest scores finds: precision, recall and lift when so large a share of the rows is looked at.

All of them count rows with label and score. The top share need not be a whole number of rows, and rows of one score
count in proportion (``metrics.ranked``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from choirmaster.metrics.base import CLASSES, QUALITY, Least, Metric
from choirmaster.metrics.intervals import logit_interval
from choirmaster.metrics.ranked import (
    PER_MILLE,
    Above,
    Cut,
    Ranked,
    hits_above,
    no_positives,
    nothing,
    ranked,
    top,
    top_rows,
)
from choirmaster.states.scores import Scores
from choirmaster.values import Kind, Reason, Value, undefined

RATES = {"0_1pct": 1, "1pct": 10, "5pct": 50, "10pct": 100}  # in parts of a thousand
LIFT_RATES = {"1pct": 10, "5pct": 50, "10pct": 100}
_ROOTS = 5.0


def precision_at_review(source: Scores | Ranked, per_mille: int) -> Value:
    """Share of positives among the rows with the highest scores.

    Definition   h / k: the k = q n rows with the highest scores hold h positives
    Range        [0, 1]; the prevalence without skill; higher is better
    Undefined    no_rows, no_labels, all_missing, too_few_rows (q n < 1)
    Resolution   The cut falls in one bin, of which r rows are taken: of its a positives and b negatives at least
                 max(0, r - b) and at most min(r, a) positives are above it; the number takes r a / (a + b).
    Interval     delta method, the cut itself being drawn as well: a row moves the number by its being a hit and by
                 moving the cut over rows of the local share of positives. On the log-odds, then widened by the
                 resolution. Where that variance is 0: Wilson's interval of k trials.
    State        scores/1
    Source       the usual reading of precision at k; van der Vaart 1998, Asymptotic Statistics, chapter 20
    """
    counts = ranked(source)
    return nothing(counts) or _too_few(counts.n, per_mille, counts.n) or _precision(counts, per_mille)


def recall_at_review(source: Scores | Ranked, per_mille: int) -> Value:
    """Share of the positives that are among the rows with the highest scores.

    Definition   h / m: the q n rows with the highest scores hold h of the m positives
    Range        [0, 1]; q without skill; higher is better
    Undefined    no_rows, no_labels, all_missing, no_positives, too_few_rows (q n < 1)
    Resolution   as precision_at_review
    Interval     as precision_at_review; where that variance is 0: Wilson's interval of m trials
    State        scores/1
    Source       as precision_at_review
    """
    counts = ranked(source)
    return no_positives(counts) or _too_few(counts.n, per_mille, counts.n) or _recall(counts, per_mille)


def lift_at_review(source: Scores | Ranked, per_mille: int) -> Value:
    """How many times more positives the highest scores hold than as many rows picked blindly.

    Definition   precision of the top share q of the rows over the share of positives, which is their recall over q
    Range        [0, 1 / q]; 1 without skill; higher is better
    Undefined    as recall_at_review
    Resolution   that of recall_at_review over q
    Interval     that of recall_at_review over q
    State        scores/1
    Source       the usual reading of lift
    """
    found = recall_at_review(source, per_mille)
    if found.number is None or found.lower is None or found.upper is None:
        return found
    times = PER_MILLE / per_mille
    return Value(found.number * times, found.lower * times, found.upper * times, found.resolution * times, found.n,
                 found.kind)  # fmt: skip


class _Found(NamedTuple):
    cut: Cut
    hits: Above
    local: float


def _too_few(rows: int, per_mille: int, n: int, what: str = "rows") -> Value | None:
    if rows * per_mille >= PER_MILLE:
        return None
    needed = math.ceil(PER_MILLE / per_mille)
    return undefined(Reason.TOO_FEW_ROWS, kind=Kind.REALIZED, n=n, detail=f"needs about {needed} {what}")


def _review(counts: Ranked, per_mille: int) -> _Found:
    """Return the cut, the hits above it, and the share of positives around it."""
    rows = counts.both
    cut = top(rows, per_mille)
    reach = cut.size * min(0.5, _ROOTS / math.sqrt(cut.size))
    outer, inner = top_rows(rows, cut.size + reach), top_rows(rows, cut.size - reach)
    between = (
        hits_above(counts.positives, outer, counts.single).number
        - hits_above(counts.positives, inner, counts.single).number
    )
    return _Found(cut, hits_above(counts.positives, cut, counts.single), between / (outer.size - inner.size))


def _precision(counts: Ranked, per_mille: int) -> Value:
    found, n, q = _review(counts, per_mille), counts.n, per_mille / PER_MILLE
    hits, size = found.hits.number, found.cut.size
    share, moved = hits / size, found.local
    variance = _mean_square(counts, found, (1.0 - moved * (1.0 - q), -moved * (1.0 - q), moved * q, moved * q),
                            q * share) / (q * q * n)  # fmt: skip
    return _value(share, variance, max(int(size), 1), found.hits.resolution / size, n)


def _recall(counts: Ranked, per_mille: int) -> Value:
    found, n, m, q = _review(counts, per_mille), counts.n, counts.m, per_mille / PER_MILLE
    share, moved = found.hits.number / m, found.local
    parts = (1.0 - share - moved * (1.0 - q), -moved * (1.0 - q), moved * q - share, moved * q)
    variance = _mean_square(counts, found, parts, 0.0) * n / (m * m)
    return _value(share, variance, m, found.hits.resolution / m, n)


def _mean_square(counts: Ranked, found: _Found, parts: tuple[float, float, float, float], less: float) -> float:
    """Return the mean of (part - less)^2 over hits, false alarms, misses and the rest."""
    hits, size, m, n = found.hits.number, found.cut.size, counts.m, counts.n
    rows = (hits, size - hits, m - hits, n - size - m + hits)
    return sum(count * (part - less) ** 2 for count, part in zip(rows, parts, strict=True)) / n


def _value(share: float, variance: float, small: int, resolution: float, n: int) -> Value:
    share = min(max(share, 0.0), 1.0)
    lower, upper = logit_interval(share, variance, small)
    return Value(share, max(0.0, lower - resolution), min(1.0, upper + resolution), resolution, n, Kind.REALIZED)


def _declare(
    what: str, read: Callable[[Scores | Ranked, int], Value], rates: dict[str, int], text: str
) -> list[Metric]:
    return [
        Metric(
            f"{what}_at_review_{name}", "scores/1", QUALITY, CLASSES, "higher", "ratio",
            text.format(f"{per_mille / 10:g} %"),
            "delta method, the cut being drawn as well, on the log-odds, widened by the resolution of the bins",
            "textbook", _at(read, per_mille), Kind.REALIZED,
            least=Least(math.ceil(PER_MILLE / per_mille)),
        )
        for name, per_mille in rates.items()
    ]  # fmt: skip


def _at(read: Callable[[Scores | Ranked, int], Value], per_mille: int) -> Callable[[Scores | Ranked], Value]:
    return lambda source: read(source, per_mille)


REVIEW: tuple[Metric, ...] = (
    *_declare("precision", precision_at_review, RATES, "share of positives among the {} highest scores"),
    *_declare("recall", recall_at_review, RATES, "share of the positives among the {} highest scores"),
    *_declare("lift", lift_at_review, LIFT_RATES, "precision of the {} highest scores over the prevalence"),
)
