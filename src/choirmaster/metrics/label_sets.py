"""Quality of whole sets of labels: all classes of a row right, and the share of classes that are wrong."""

from __future__ import annotations

import numpy as np

from choirmaster.metrics.base import QUALITY, Metric
from choirmaster.metrics.intervals import logit_interval, wilson
from choirmaster.schema import Task
from choirmaster.states.label_sets import LabelSets
from choirmaster.values import Kind, Reason, Value, undefined

MULTILABEL = (Task.MULTILABEL,)


def subset_accuracy(state: LabelSets) -> Value:
    """Share of rows with every class right.

    Definition   rows whose predicted set of classes is the label / rows with a label and a usable answer
    Range        [0, 1]; higher is better
    Undefined    no_rows, no_labels, all_missing
    Interval     Wilson
    State        label_sets/1
    """
    return _nothing(state) or _share(int(state.wrong[0]), state.n)


def hamming_loss(state: LabelSets) -> Value:
    """Share of classes that are wrong, over rows and classes.

    Definition   (1 / (n K)) sum_i (classes of row i that are predicted and not labelled, or labelled and not predicted)
    Range        [0, 1]; 0 is best
    Undefined    no_rows, no_labels, all_missing
    Interval     normal on the log-odds, from how the number of wrong classes varies over rows, which are independent
                 where the classes of a row are not
    State        label_sets/1
    Source       Schapire and Singer 2000, Machine Learning 39(2), 135-168
    """
    missing = _nothing(state)
    if missing:
        return missing
    n = state.n
    share = np.arange(len(state.wrong)) / len(state.part.classes)
    number = float(state.wrong @ share) / n
    variance = float(state.wrong @ (share - number) ** 2) / n / max(n - 1, 1)
    lower, upper = logit_interval(number, variance, n)
    return Value(number, min(lower, number), max(upper, number), n=n, kind=Kind.REALIZED)


def _nothing(state: LabelSets) -> Value | None:
    if state.n:
        return None
    if not state.rows:
        return undefined(Reason.NO_ROWS, kind=Kind.REALIZED)
    return undefined(Reason.ALL_MISSING if state.unanswered else Reason.NO_LABELS, kind=Kind.REALIZED,
                     detail="no labelled row has an answer" if state.unanswered else "")  # fmt: skip


def _share(hits: int, n: int) -> Value:
    return Value(hits / n, *wilson(hits, n), n=n, kind=Kind.REALIZED)


SUBSET_ACCURACY = Metric(
    "subset_accuracy", "label_sets/1", QUALITY, MULTILABEL, "higher", "ratio",
    "rows with every class right / rows with a label and an answer", "Wilson", "textbook", subset_accuracy,
    Kind.REALIZED,
)  # fmt: skip
HAMMING_LOSS = Metric(
    "hamming_loss", "label_sets/1", QUALITY, MULTILABEL, "lower", "ratio", "wrong classes / classes, over all rows",
    "normal on the log-odds, over rows", "Schapire and Singer 2000, Machine Learning 39(2), 135-168", hamming_loss,
    Kind.REALIZED,
)  # fmt: skip
