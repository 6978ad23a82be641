"""Which metrics are measured unless others are asked for, in which order, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from choirmaster.catalogue.facts import METRIC, Choice, Facts, percent
from choirmaster.layout import Task
from choirmaster.metrics import BY_NAME
from choirmaster.metrics.base import QUALITY
from choirmaster.metrics.review import RATES
from choirmaster.times import DAY, format_duration

Pair = tuple[str, str]  # name and reason

RARE, UNCOMMON = 0.01, 0.1  # shares of the rarer class below which classes are rare, or uncommon
LONG_DELAY = 7 * DAY
MANY_CLASSES = 20  # above it, metrics that have a value for each class crowd out the others
IN_SEGMENTS = 3  # leading quality metrics that segments have
SHOWN, EARLY = 7, 3  # metrics of a headline, and how many that need no label at most
EVERY_SEGMENT = ("label_share", "positive_rate", "prevalence")


def choose_metrics(facts: Facts) -> tuple[Choice, ...]:
    """Return the metrics to measure, the leading one first.

    Quality leads, in the order that suits the task and how rare the rarer class is. Where labels come late, what needs
    none comes before it. Accuracy is last where always giving one answer would make it high.

    Examples
    --------
    >>> from choirmaster.layout import Task
    >>> chosen = choose_metrics(Facts(Task.BINARY, 2, prevalence=0.002))
    >>> [one.name for one in chosen[:3]], chosen[-1].name
    (['average_precision', 'recall_at_review_1pct', 'precision_at_review_1pct'], 'accuracy')
    >>> chosen[-1].why
    'always saying no is right in 99.8 % of rows, so accuracy cannot tell a good model from none'
    """
    quality, last = _quality(facts), _last(facts)
    free = [*_label_free(facts), *_features(facts)]
    late = (facts.label_delay or 0) >= LONG_DELAY
    if late:
        words = f"labels are expected after {format_duration(facts.label_delay or 0)}; this needs none: "
        free = [(name, words + why) for name, why in free]
    order = [*free, *quality] if late else [*quality, *free]
    order += [*_labels(facts), *_arrival(), *_money(facts), *_calls()]
    found = dict(reversed([*order, *last]))  # the first reason of a name counts
    wanted = list(dict.fromkeys(name for name, _ in order if name not in dict(last))) + [name for name, _ in last]
    usable = [name for name in wanted if facts.task in BY_NAME[name].tasks]
    return tuple(Choice(METRIC, name, rank, (dict(last).get(name) or found[name]))
                 for rank, name in enumerate(usable, start=1))  # fmt: skip


def names(chosen: Sequence[Choice]) -> tuple[str, ...]:
    """Return the names of the chosen metrics, the leading one first."""
    return tuple(one.name for one in chosen if one.what == METRIC)


def leading(chosen: Sequence[Choice]) -> str:
    """Return the leading metric that needs labels.

    >>> from choirmaster.layout import Task
    >>> leading(choose_metrics(Facts(Task.REGRESSION, label_delay=30 * DAY)))
    'mae'
    """
    return next(name for name in names(chosen) if BY_NAME[name].family == QUALITY)


def headline(chosen: Sequence[Choice]) -> tuple[str, ...]:
    """Return what a page shows first: leading metrics of the answers, and how many rows have a label.

    Features are many, so what is told of each of them is left to pages of their own.
    """
    found = [BY_NAME[name] for name in names(chosen) if BY_NAME[name].needs in _OF_ANSWERS]
    quality = [one.name for one in found if one.family == QUALITY]
    early = [one.name for one in takewhile(lambda one: one.family != QUALITY, found)][:EARLY]
    return (*early, *quality[: SHOWN - len(early)], "label_share")


def in_segments(chosen: Sequence[Choice]) -> tuple[str, ...]:
    """Return what is measured in every segment: the leading quality, and shares that tell why it moved."""
    quality = [name for name in names(chosen) if BY_NAME[name].family == QUALITY]
    return (*quality[:IN_SEGMENTS], *EVERY_SEGMENT)


_OF_ANSWERS = ("confusion/1", "scores/1", "losses/1", "label_sets/1", "quantiles/1")


def _quality(facts: Facts) -> list[Pair]:
    by_task = {Task.BINARY: _binary, Task.MULTICLASS: _multiclass, Task.MULTILABEL: _multilabel,
               Task.REGRESSION: _regression, Task.QUANTILE: _quantile}  # fmt: skip
    return by_task[facts.task](facts)


def review_rate(share: float) -> str:
    """Return the name of the smallest review rate that has room for twice the positives, else the largest.

    >>> review_rate(0.002), review_rate(0.0005), review_rate(0.05)
    ('1pct', '0_1pct', '10pct')
    """
    return next((name for name, per_mille in RATES.items() if per_mille / 1000 >= 2 * share), list(RATES)[-1])


def _binary(facts: Facts) -> list[Pair]:
    share = facts.prevalence
    calibration = [
        ("log_loss", "the probabilities as a whole; it punishes a confident wrong answer"),
        ("brier", "the squared error of the probabilities"),
        ("expected_calibration_error", "whether a score of 0.3 means three in ten"),
    ]
    decisions = [
        ("f1", "precision and recall of the decisions in one number"),
        ("recall", "share of the positives that are found"),
        ("precision", "share of the findings that are right"),
    ]
    if share is None:
        said = "no label is known yet, so nothing speaks for another order"
    else:
        said = f"{percent(share)} of the labels are positive"
    if share is None or share >= UNCOMMON:
        leads = ("roc_auc", f"{said}; this is how well all rows are put in order, whatever the cutoff")
        rare = [("specificity", f"{said}; this is the share of the rare others that are recognised")]
        return [leads, *(rare if share is not None and share > 1 - UNCOMMON else []), calibration[0], *decisions,
                calibration[1], ("accuracy", f"{said}; share of right answers"),
                ("average_precision", "how clean the top of the order is"), calibration[2]]  # fmt: skip
    rate = review_rate(share)
    room = f"{RATES[rate] / 10:g} %"
    at_top = [
        ("average_precision", f"only {said}, so what counts is how clean the top of the order is"),
        (f"recall_at_review_{rate}", f"only {said}; this is the share of them within the {room} highest scores"),
        (f"precision_at_review_{rate}", f"only {said}; this is their share among the {room} highest scores"),
    ]
    order = ("roc_auc", f"the order of all rows; with {percent(share)} positives it looks good early")
    if share < RARE:
        return [*at_top, order, calibration[0], *decisions[1:], decisions[0], *calibration[1:], ("accuracy", "")]
    return [at_top[0], order, at_top[1], calibration[0], *decisions, *calibration[1:], ("accuracy", "")]


def _multiclass(facts: Facts) -> list[Pair]:
    said = f"{facts.classes} classes" + (f", the most frequent {percent(facts.prevalence)}" if facts.prevalence else "")
    found = [
        ("f1", f"{said}; its mean over the classes counts each alike"),
        ("log_loss", "the probabilities as a whole; it punishes a confident wrong answer"),
        ("accuracy", "share of right answers"),
        ("brier", "the squared error of the probabilities"),
        ("balanced_accuracy", "the mean recall of the classes"),
    ]
    if facts.classes <= MANY_CLASSES:
        found += [("recall", "of each class"), ("precision", "of each class"),
                  ("roc_auc", "how well each class is told from the others"),
                  ("average_precision", "how clean the top of the order is for each class")]  # fmt: skip
    return found


def _multilabel(facts: Facts) -> list[Pair]:
    return [
        ("f1", f"{facts.classes} labels; its mean over them counts each alike"),
        ("subset_accuracy", "share of rows with every label right"),
        ("hamming_loss", "share of single labels that are wrong"),
        ("roc_auc", "how well each label is told from its absence"),
        ("log_loss", "the probabilities as a whole"),
        ("average_precision", "how clean the top of the order is for each label"),
        ("recall", "of each label"),
        ("precision", "of each label"),
    ]


def _regression(_: Facts) -> list[Pair]:
    return [
        ("mae", "the error in the unit of the label; single large errors do not rule it"),
        ("rmse", "the error with large ones weighing more"),
        ("bias", "whether the answers are too high or too low on the whole"),
        ("r2", "the share of the label's variance that is explained"),
        ("smape", "the error beside the size of the label"),
    ]


def _quantile(_: Facts) -> list[Pair]:
    return [
        ("wis", "width and misses of all intervals in one number"),
        ("pinball", "the loss each quantile is fitted for"),
        ("interval_coverage", "whether intervals hold as many labels as they promise"),
        ("quantile_coverage", "whether each quantile lies where it says"),
        ("interval_width", "how much the intervals leave open"),
        ("crossing_rate", "quantiles in the wrong order cannot be right"),
    ]


def _last(facts: Facts) -> list[Pair]:
    """Return accuracy with the reason where it must come last."""
    share = facts.prevalence
    if share is None or facts.task not in (Task.BINARY, Task.MULTICLASS):
        return []
    most = max(share, 1 - share) if facts.task is Task.BINARY else share
    if most < 1 - UNCOMMON:
        return []
    always = "the most frequent class" if facts.task is Task.MULTICLASS else "yes" if share == most else "no"
    blind = f"always saying {always} is right in {percent(most)} of rows"
    return [("accuracy", f"{blind}, so accuracy cannot tell a good model from none")]


def _label_free(facts: Facts) -> Iterator[Pair]:
    if facts.task.has_classes:
        yield "score_psi", "whether scores are spread as in the reference"
        yield "score_ks", "how far scores lie from the reference at most, with an interval"
        yield "score_psi_previous", "whether scores have moved since the window before"
        yield "prediction_psi", "whether classes are predicted as often as in the reference"
        yield "positive_rate", "how often the answer is yes"
        yield "score_mean", "where the scores lie"
    if facts.members > 1:
        yield "disagreement", f"how often the {facts.members} members do not say the same"
        yield "spread", "how far the members' answers lie apart"


def _labels(facts: Facts) -> Iterator[Pair]:
    yield "label_share", "how many labels have come"
    if facts.members > 1:
        yield "diversity", "what fusing the members gains"
    if facts.task.has_classes:
        yield "prevalence", "what the labels were"
        yield "label_psi", "whether labels are as in the reference"
    else:
        yield "label_mean_shift", "whether labels are as in the reference"


def _features(facts: Facts) -> Iterator[Pair]:
    count = facts.numeric + facts.categorical
    of = f"of {count} features" if count else "of the answers"
    yield "psi", f"drift {of} in one measure for numbers and categories"
    yield "missing_rate", f"values that are not there, {of}"
    if facts.numeric:
        yield "ks", f"drift of {facts.numeric} numeric features, with an interval"
    if facts.categorical:
        yield "unseen_rate", f"values the reference does not know, of {facts.categorical} categorical features"


def _arrival() -> Iterator[Pair]:
    yield "row_count", "how many rows came"
    yield "duplicate_id_rate", "rows that came twice"
    yield "conflicting_id_rate", "rows that came twice with other content"
    yield "future_time_rate", "times that cannot be yet"
    yield "backwards_time_rate", "rows out of order"
    yield "type_fault_rate", "cells that are not of their column's type"
    yield "freshness", "how old the newest row is"


def _money(facts: Facts) -> Iterator[Pair]:
    if facts.priced:
        yield "cost", "a matrix of costs is declared"
        yield "total_cost", "a matrix of costs is declared"
    if facts.valued:
        for name in ("value_accuracy", "value_precision", "value_recall", "value_caught", "value_missed",
                     "value_false_alarms", "value_missing_rate"):  # fmt: skip
            yield name, "a value column is declared"


def _calls() -> Iterator[Pair]:
    yield "availability", "whether members answer"
    yield "late_rate", "whether members answer in time"
    yield "failure_rate", "whether members fail"
    yield "latency_p50", "how long an answer takes"
    yield "latency_p90", "how long an answer takes at times"
    yield "latency_p99", "how long the slowest answers take"
