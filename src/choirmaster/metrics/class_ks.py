"""How far the scores of the two classes lie apart: the Kolmogorov-Smirnov distance of positives and negatives."""

from __future__ import annotations

from choirmaster.drift.ks import ks_bounds, ks_margin
from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.ranked import Ranked, one_class, ranked
from choirmaster.states.scores import Scores
from choirmaster.values import Kind, Value


def class_ks(source: Scores | Ranked) -> Value:
    """Greatest distance between the distribution functions of the positives' and the negatives' scores.

    Definition   max_t |F+(t) - F-(t)|, over rows with label and score; also max |TPR - FPR| over all cutoffs, and
                 called the KS statistic of a scorecard
    Range        [0, 1]; 0 without skill; higher is better
    Undefined    no_rows, no_labels, all_missing, one_class_only
    Resolution   half the way between the rigorous bounds of ``ks``; the number is their middle
    Interval     Dvoretzky-Kiefer-Wolfowitz with Massart's constant for both classes, added: at least 95 %
    State        scores/1
    Source       Massart 1990, The Annals of Probability 18(3), 1269-1283
    """
    counts = ranked(source)
    return one_class(counts) or _of(counts)


def _of(counts: Ranked) -> Value:
    lower, upper = ks_bounds(counts.positives, counts.negatives, counts.single)
    margin = ks_margin(counts.m, counts.n - counts.m)
    return Value((lower + upper) / 2.0, max(0.0, lower - margin), min(1.0, upper + margin), (upper - lower) / 2.0,
                 counts.n, Kind.REALIZED)  # fmt: skip


CLASS_KS = Metric(
    "class_ks", "scores/1", QUALITY, CLASSES, "higher", "ratio",
    "max |F+ - F-| of the scores of positives and negatives",
    "Massart's bound for both classes, widened by the resolution of the bins",
    "Massart 1990, The Annals of Probability 18(3), 1269-1283", class_ks, Kind.REALIZED,
)  # fmt: skip
