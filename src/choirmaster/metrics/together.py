"""Losses of the members together, read off ``errors/1``: diversity, what each member is worth, the best weights.

Loss is the squared error of numbers and the Brier score of classes; the whole is the plain mean of the members that
answered. Where some rows lie in sets of members that the state does not keep apart, a value rests on the other rows and
its kind is ``estimated``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from choirmaster.metrics import contribution
from choirmaster.metrics.base import BY_CHANCE, NUMBERS, QUALITY, Least, Metric, class_index
from choirmaster.metrics.intervals import Bounds, mean_interval
from choirmaster.schema import Task
from choirmaster.states.base import Floats
from choirmaster.states.errors import Block, ErrorProducts
from choirmaster.values import Kind, Reason, Value, undefined

TASKS = (Task.BINARY, Task.MULTICLASS, *NUMBERS)
CORRELATED_PAIRS = 10  # members up to whom each pair has a value of its own


def nothing(state: ErrorProducts) -> Value | None:
    """Return why nothing can be read off the rows, or None."""
    n = sum(block.n for block in state.blocks())
    if state.clipped:
        return undefined(Reason.OUT_OF_RANGE, kind=Kind.REALIZED, n=n,
                         detail=f"{state.clipped} rows lie beyond the range of the reference")  # fmt: skip
    if n:
        return None
    if state.others:
        return undefined(Reason.TOO_FEW_ROWS, kind=Kind.REALIZED, n=state.others,
                         detail="every row has a set of members that is not kept apart")  # fmt: skip
    if state.unanswered:
        return undefined(Reason.ALL_MISSING, kind=Kind.REALIZED, detail="no labelled row has an answer")
    return undefined(Reason.NO_LABELS if state.unlabelled else Reason.NO_ROWS, kind=Kind.REALIZED)


def together(state: ErrorProducts) -> Block | None:
    """Return the sums of the rows that every member answered, None where there is no such row."""
    everybody = len(state.part.members)
    return next((block for block in state.blocks() if len(block.members) == everybody and block.n), None)


def mean_loss(state: ErrorProducts) -> Value:
    """Loss of the plain mean of the members that answered.

    Definition   (1/n) sum_i (mean_k x_ik - y_i)^2, over rows with a label and an answer; several classes:
                 summed over them
    Range        [0, inf); classes [0, 2]; 0 is best
    Undefined    no_labels, all_missing, out_of_range
    Interval     none: the sums of fourth powers that one takes are not kept; ``brier`` and ``mse`` of the fused series
                 have one
    State        errors/1
    Source       textbook
    """
    missing = nothing(state)
    if missing:
        return missing
    blocks = state.blocks()
    total = sum(contribution.plain_loss(block.products) for block in blocks)
    n = sum(block.n for block in blocks)
    return _value(state, total / n, n)


def member_loss(state: ErrorProducts, target: str) -> Value:
    """Loss of one member, over the rows that all members answered: fair to compare.

    Definition   (1/n) sum_i (x_ik - y_i)^2; several classes: summed over them
    Undefined    no_labels, all_missing (no row that all answered), out_of_range
    Interval     none: the sums of fourth powers that one takes are not kept; ``brier`` and ``mse`` of the member's
                 own series have one
    State        errors/1
    """
    return _common(state, lambda block: float(np.diag(block.products)[_member(state, target)]) / block.n)


def diversity(state: ErrorProducts) -> Value:
    """How much the plain mean gains because its members err differently.

    Definition   mean of the members' losses - loss of their plain mean = (1/n) sum_i mean_k (x_ik - f_i)^2 with f_i the
                 mean of those present; rows with one answer count with 0
    Range        [0, inf); classes [0, 2]; 0 where all say the same
    Undefined    no_labels, all_missing, out_of_range
    Interval     normal, from the sum of squares over the rows; none below two rows
    State        errors/1; rows with a label. ``spread`` needs none
    Source       Krogh, Vedelsby 1995, Advances in Neural Information Processing Systems 7, 231-238
    """
    missing = nothing(state)
    if missing:
        return missing
    blocks = state.blocks()
    n = sum(block.n for block in blocks)
    losses = sum(float(np.trace(block.products)) / len(block.members) for block in blocks)
    total = losses - sum(contribution.plain_loss(block.products) for block in blocks)
    squares = sum(block.diversity_squared for block in blocks)
    whole = not any(block.clipped_squares for block in blocks)
    lower, upper = mean_interval(total, squares, n) if whole else (None, None)
    number = max(total / n, 0.0)
    return _value(state, number, n, (None if lower is None else max(0.0, lower), upper))


def leave_one_out(state: ErrorProducts, target: str) -> Value:
    """How much the loss of the plain mean grows without one member; positive: the member helps.

    Definition   mean over the rows that the member and at least one other answered of
                 (loss of the mean without it - loss of the mean with it)
    Range        any; unit: that of the loss
    Undefined    no_labels, all_missing (never answered beside another), out_of_range
    Interval     normal, from the sum of squares over the rows; none below two rows
    State        errors/1, by sets of present members: exact
    Source       textbook
    """
    missing = nothing(state)
    if missing:
        return missing
    index = _member(state, target)
    total = squares = 0.0
    n = clipped = 0
    for block in state.blocks():
        if index not in block.members or len(block.members) < 2:
            continue
        place = int(np.searchsorted(block.members, index))
        total += float(contribution.leave_one_out(block.products)[place])
        squares += float(block.changes_squared[place])
        n, clipped = n + block.n, clipped + block.clipped_squares
    if not n:
        return undefined(Reason.ALL_MISSING, kind=Kind.REALIZED, detail="no row that it and another member answered")
    return _value(state, total / n, n, (None, None) if clipped else mean_interval(total, squares, n))


def shapley(state: ErrorProducts, target: str) -> Value:
    """One member's Shapley share of the loss of the plain mean; negative: the member helps.

    Definition   (1/n) sum over rows of the member's share in the game whose value is the loss of the plain mean of the
                 members that joined, and the loss of the reference's constant forecast where nobody has; a member that
                 did not answer has 0. The shares add up to ``mean_loss`` minus the loss of the constant forecast.
    Undefined    no_labels, all_missing, out_of_range
    Interval     none: the sums of squares over the rows of what it adds are not kept; ``leave_one_out`` has one
    State        errors/1, by sets of present members: exact
    Source       Shapley 1953, Contributions to the Theory of Games II, 307-317; in closed form for the plain mean
    """
    missing = nothing(state)
    if missing:
        return missing
    index = _member(state, target)
    blocks = state.blocks()
    total = 0.0
    for block in blocks:
        if index in block.members:
            shares = contribution.shapley(block.products, block.prior)
            total += float(shares[int(np.searchsorted(block.members, index))])
    n = sum(block.n for block in blocks)
    return _value(state, total / n, n)


def best_weight(state: ErrorProducts, target: str) -> Value:
    """Weight of one member in the weighted mean that would have had the least loss.

    Definition   argmin of w' C w over w >= 0, sum w = 1, over the rows that all members answered
    Range        [0, 1]
    Undefined    no_labels, all_missing (no row that all answered), out_of_range
    Interval     none: the weights are the best for these very rows; on others they do worse
    State        errors/1
    Source       Breiman 1996, Machine Learning 24, 49-64 (stacked regressions, weights not negative)
    """
    return _common(state, lambda block: float(contribution.best_weights(block.products)[_member(state, target)]))


def best_weights_loss(state: ErrorProducts) -> Value:
    """Loss of the weighted mean under the best weights, over the rows all members answered (see ``best_weight``)."""

    def least(block: Block) -> float:
        return contribution.loss_under(block.products, contribution.best_weights(block.products)) / block.n

    return _common(state, least)


def error_correlation(state: ErrorProducts) -> Value:
    """Mean of the correlations of all pairs that have one (see :func:`pair_correlation`)."""
    missing = nothing(state)
    if missing:
        return missing
    values = [pair_correlation(state, f"{one}|{two}") for one, two in _pairs(state.part.members)]
    defined = [value.number for value in values if value.number is not None]
    if not defined:
        return values[0]
    return _value(state, float(np.mean(defined)), min(value.n for value in values if value.defined))


def pair_correlation(state: ErrorProducts, target: str) -> Value:
    """Correlation of two members' errors.

    Definition   numbers and two classes: Pearson's correlation of x_i - y and x_j - y over the rows both answered;
                 several classes: sum of products / root of the product of the sums of squares, about 0
    Range        [-1, 1]; lower is better: the errors cancel
    Undefined    no_labels, all_missing (no row that both answered), zero_variance, out_of_range
    Interval     none: Fisher's holds for normal errors only
    State        errors/1
    Source       textbook
    """
    missing = nothing(state)
    if missing:
        return missing
    one, two = (_member(state, name) for name in target.split("|"))
    n, cross, left, right = 0, 0.0, 0.0, 0.0
    sums = np.zeros(2)
    for block in state.blocks():
        if one in block.members and two in block.members:
            a, b = np.searchsorted(block.members, (one, two))
            n += block.n
            cross, left, right = (total + float(block.products[at]) for total, at in
                                  ((cross, (a, b)), (left, (a, a)), (right, (b, b))))  # fmt: skip
            if block.linear is not None:
                sums += block.linear[[a, b]]
    if not n:
        return undefined(Reason.ALL_MISSING, kind=Kind.REALIZED, detail="no row that both answered")
    variances = left - sums[0] ** 2 / n, right - sums[1] ** 2 / n
    if min(variances[0] / (left or 1.0), variances[1] / (right or 1.0)) <= 1e-12:
        return undefined(Reason.ZERO_VARIANCE, kind=Kind.REALIZED, n=n)
    number = (cross - sums[0] * sums[1] / n) / (variances[0] * variances[1]) ** 0.5
    return _value(state, min(1.0, max(-1.0, float(number))), n)


def loss_under(state: ErrorProducts, weights: Floats) -> Value:
    """Return the loss that the weighted mean of those present would have had, under any weights.

    Weights are taken as shares of the sum over those present; rows where that is 0 are left out. Exact.
    """
    missing = nothing(state)
    if missing:
        return missing
    blocks = [block for block in state.blocks() if weights[block.members].sum() > 0.0]
    if not blocks:
        return undefined(Reason.ALL_MISSING, kind=Kind.REALIZED, detail="nobody with a weight answered")
    total = sum(contribution.loss_under(block.products, weights[block.members]) for block in blocks)
    n = sum(block.n for block in blocks)
    return _value(state, total / n, n)


def members(state: ErrorProducts) -> tuple[str, ...]:
    """Return the targets that are members."""
    return state.part.members


def member_pairs(state: ErrorProducts) -> tuple[str, ...]:
    """Return the targets that are pairs, none beyond ten members."""
    names = state.part.members
    return tuple(f"{one}|{two}" for one, two in _pairs(names)) if len(names) <= CORRELATED_PAIRS else ()


def _pairs(names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(one, two) for i, one in enumerate(names) for two in names[i + 1 :]]


def _member(state: ErrorProducts, name: str) -> int:
    return class_index(state.part.members, name)


def _common(state: ErrorProducts, read: Callable[[Block], float]) -> Value:
    missing = nothing(state)
    if missing:
        return missing
    block = together(state)
    if block is None:
        return undefined(Reason.ALL_MISSING, kind=Kind.REALIZED, detail="no labelled row has an answer of every member")
    return _value(state, read(block), block.n)


def _value(state: ErrorProducts, number: float, n: int, bounds: Bounds = (None, None)) -> Value:
    return Value(number, *bounds, n=n, kind=Kind.ESTIMATED if state.others else Kind.REALIZED)


def _none(state: ErrorProducts) -> Value:
    return undefined(Reason.NOT_APPLICABLE, kind=Kind.REALIZED, n=sum(block.n for block in state.blocks()),
                     detail="there is a value for each member")  # fmt: skip


_UNIT = "squared error"
DIVERSITY = Metric(
    "diversity", "errors/1", QUALITY, TASKS, "none", _UNIT, "mean of the members' losses - loss of their plain mean",
    "normal, from the sum of squares", "Krogh, Vedelsby 1995, NIPS 7, 231-238", diversity, Kind.REALIZED,
)  # fmt: skip
MEAN_LOSS = Metric(
    "mean_loss", "errors/1", QUALITY, TASKS, "lower", _UNIT,
    "loss (Brier score, squared error) of the plain mean of the members present",
    "none: its sum of squares is not kept; brier and mse of the fused series have one", "textbook", mean_loss,
    Kind.REALIZED,
)  # fmt: skip
MEMBER_LOSS = Metric(
    "member_loss", "errors/1", QUALITY, TASKS, "lower", _UNIT,
    "loss (Brier score, squared error) of a member over the rows all members answered",
    "none: its sum of squares is not kept; brier and mse of the member's own series have one", "textbook", _none,
    Kind.REALIZED, member_loss, members,
)  # fmt: skip
LEAVE_ONE_OUT = Metric(
    "leave_one_out", "errors/1", QUALITY, TASKS, "higher", _UNIT,
    "loss of the plain mean without the member - with it", "normal, from the sum of squares", "textbook", _none,
    Kind.REALIZED, leave_one_out, members,
)  # fmt: skip
SHAPLEY = Metric(
    "shapley", "errors/1", QUALITY, TASKS, "lower", _UNIT,
    "the member's Shapley share of the loss of the plain mean; negative helps",
    "none: its sum of squares is not kept; leave_one_out has one",
    "Shapley 1953, Contributions to the Theory of Games II, 307-317", _none, Kind.REALIZED, shapley, members,
)  # fmt: skip
BEST_WEIGHT = Metric(
    "best_weight", "errors/1", QUALITY, TASKS, "none", "ratio",
    "the member's weight in the weighted mean with the least loss on these rows",
    "none: it is the best for these very rows",
    "Breiman 1996, Machine Learning 24, 49-64", _none, Kind.REALIZED, best_weight, members,
    least=BY_CHANCE,
)  # fmt: skip
BEST_WEIGHTS_LOSS = Metric(
    "best_weights_loss", "errors/1", QUALITY, TASKS, "lower", _UNIT,
    "loss of the weighted mean under the best weights for these rows",
    "none: the weights are the best for these very rows", "as best_weight", best_weights_loss,
    Kind.REALIZED,
    least=BY_CHANCE,
)  # fmt: skip
ERROR_CORRELATION = Metric(
    "error_correlation", "errors/1", QUALITY, TASKS, "lower", "ratio",
    "correlation of two members' errors; without a pair the mean over pairs",
    "none: Fisher's holds for normal errors only", "textbook", error_correlation,
    Kind.REALIZED, pair_correlation, member_pairs, whole="",
    least=Least(3),
)  # fmt: skip
