"""F1 of the positive class; for several classes each one's and their means."""

from __future__ import annotations

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.ratios import MEAN_INTERVALS, MEANS, Ratio, averaged, value, value_for
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value

_HARMONIC = Ratio((2, 0, 0, 0), (0, 1, 1, 0), Reason.NO_POSITIVES, harmonic=True)


def f1(state: Confusion) -> Value:
    """Harmonic mean of precision and recall.

    Definition   2 TP / (2 TP + FP + FN), over rows with a known label and an answer; for several classes the mean
                 over the classes among labels or answers
    Range        [0, 1]; higher is better
    Undefined    no_rows, no_labels, all_missing, no_positives (neither among labels nor among answers)
    Interval     F1 = 2 J / (1 + J) rises with J = TP / (TP + FP + FN), a plain share: Wilson's interval of J, mapped.
                 For large n this is the delta method, Var F1 = 4 TP (FP + FN) (TP + FP + FN) / (2 TP + FP + FN)^4.
                 Of means the delta method over the whole table.
    """
    return value(state, _HARMONIC)


def f1_for(state: Confusion, target: str) -> Value:
    """Return the F1 of one class against all others, ``micro`` or ``weighted``."""
    return value_for(state, _HARMONIC, target)


F1 = Metric(
    "f1", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    f"2 TP / (2 TP + FP + FN); {MEANS}", f"Wilson on TP / (TP + FP + FN), mapped; {MEAN_INTERVALS}",
    "van Rijsbergen 1979, Information Retrieval", f1, Kind.REALIZED, f1_for, averaged,
)  # fmt: skip
