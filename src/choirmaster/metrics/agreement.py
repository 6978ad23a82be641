"""How far the members' votes agree: needs no label. Read off ``agreement/1``."""

from __future__ import annotations

from choirmaster.metrics.base import BY_CHANCE, CLASSES, DATA_QUALITY, DRIFT, Metric
from choirmaster.metrics.difference import since_reference
from choirmaster.metrics.intervals import Bounds, mean_interval
from choirmaster.metrics.pairs import share
from choirmaster.metrics.two_sides import psi_value
from choirmaster.states.agreement import BOTH_WRONG_APART as WRONG_APART
from choirmaster.states.agreement import (
    ONLY_FIRST,
    ONLY_SECOND,
    SHARE,
    SHARE_SQUARED,
    UNLABELLED_APART,
    Agreement,
    vote_sizes,
)
from choirmaster.states.base import Ints
from choirmaster.values import Kind, Reason, Value, undefined

LISTED_MEMBERS = 10  # up to whom each pair has a value of its own


def disagreement(state: Agreement) -> Value:
    """How often two members say different classes.

    Definition   mean over the rows with two answers or more of (pairs of answers that differ / pairs of answers)
    Range        [0, 1]
    Undefined    no_rows, all_missing (no row with two answers)
    Interval     normal, from the sum of squares over the rows, cut to [0, 1]; none below two rows
    State        agreement/1
    Source       Skalak 1996; Kuncheva, Whitaker 2003, Machine Learning 51, 181-207
    """
    n = shared_rows(state)
    if not n:
        return _nothing(state)
    total = state.total(SHARE)
    number = min(max(total / n, 0.0), 1.0)
    return Value(number, *_cut(mean_interval(total, state.total(SHARE_SQUARED), n), number), n=n)


def pair_disagreement(state: Agreement, target: str) -> Value:
    """Share of the rows both members answered in which they say different classes.

    Undefined    all_missing (no row that both answered)
    Interval     Wilson
    """
    table = pair_table(state, target)
    n = int(table.sum())
    if not n:
        return undefined(Reason.ALL_MISSING, detail="no row that both answered")
    return share(int(table[[ONLY_FIRST, ONLY_SECOND, WRONG_APART, UNLABELLED_APART]].sum()), n, Kind.OBSERVED)


def unanimity(state: Agreement) -> Value:
    """Share of the rows with two answers or more in which all answers are the same. Interval: Wilson."""
    answered, largest = vote_sizes(len(state.part.members))
    n = shared_rows(state)
    if not n:
        return _nothing(state)
    return share(int(patterns(state)[(answered == largest) & (answered > 1)].sum()), n, Kind.OBSERVED)


def vote_share(state: Agreement) -> Value:
    """Mean share of the answer most often given: no average of the members' accuracies can be above it.

    Definition   mean over the answered rows of (most votes for one class / answers). On each row at most that share of
                 the members is right, so their accuracy, averaged over the answers of each row, is at most this,
                 whatever the labels turn out to be.
    Range        [1 / members, 1]
    Undefined    no_rows, all_missing (no answer)
    Interval     normal, from the counts, cut to [0, 1]; none below two rows
    State        agreement/1
    Source       by counting
    """
    counts = patterns(state)
    n = int(counts.sum())
    if not n:
        return _nothing(state)
    answered, largest = vote_sizes(len(state.part.members))
    shares = largest / answered
    total = float(counts @ shares)
    number = min(total / n, 1.0)
    return Value(number, *_cut(mean_interval(total, float(counts @ shares**2), n), number), n=n)


def disagreement_drift(current: Agreement, reference: Agreement) -> Value:
    """Disagreement now minus that of the reference.

    Range        [-1, 1]; 0 means equal
    Undefined    no_rows, all_missing, no_reference (no row of the reference with two answers)
    Interval     Newcombe's way: the distances of each side's limits to its own value, added as squares
    State        agreement/1
    Source       Newcombe 1998, Statistics in Medicine 17, 873-890 (method 10, with normal limits)
    """
    return since_reference(disagreement(current), disagreement(reference))


def vote_psi(current: Agreement, reference: Agreement) -> Value:
    """Population stability index of the vote patterns: how many answered, and how many gave the commonest answer.

    Definition   as ``psi``, over the patterns (answers, most votes for one class) that occur on either side
    Undefined    no_rows, all_missing, no_reference
    """
    now, past = patterns(current), patterns(reference)
    if not past.any():
        return undefined(Reason.NO_REFERENCE, detail="the reference has no answer")
    return psi_value(now, past) if now.any() else _nothing(current)


def patterns(state: Agreement) -> Ints:
    """Return the counts of the vote patterns, with and without label together."""
    out: Ints = state.patterns.sum(axis=1)
    return out


def shared_rows(state: Agreement) -> int:
    """Return the rows with two answers or more."""
    return int(patterns(state)[1:].sum())


def pair_table(state: Agreement, target: str) -> Ints:
    """Return the seven counts of a pair ``a|b``."""
    names = [f"{state.part.members[i]}|{state.part.members[j]}" for i, j in state.part.pairs]
    out: Ints = state.tables[names.index(target)]
    return out


def pair_targets(state: Agreement) -> tuple[str, ...]:
    """Return the targets that are pairs; none beyond ten members."""
    names = state.part.members
    return tuple(f"{names[i]}|{names[j]}" for i, j in state.part.pairs) if len(names) <= LISTED_MEMBERS else ()


def _cut(bounds: Bounds, number: float) -> Bounds:
    lower, upper = bounds
    return (None, None) if lower is None or upper is None else (max(0.0, min(lower, number)), min(1.0, upper))


def _nothing(state: Agreement) -> Value:
    if patterns(state).any():
        return undefined(Reason.ALL_MISSING, detail="no row that two members answered")
    return undefined(Reason.ALL_MISSING if state.silent else Reason.NO_ROWS)


DISAGREEMENT = Metric(
    "disagreement", "agreement/1", DATA_QUALITY, CLASSES, "none", "ratio",
    "pairs of answers that differ / pairs of answers, averaged over rows", "normal; of a pair Wilson",
    "Kuncheva, Whitaker 2003, Machine Learning 51, 181-207", disagreement, Kind.OBSERVED, pair_disagreement,
    pair_targets, whole="",
)  # fmt: skip
UNANIMITY = Metric(
    "unanimity", "agreement/1", DATA_QUALITY, CLASSES, "none", "ratio",
    "rows in which all answers are the same / rows with two answers or more", "Wilson", "textbook", unanimity,
)  # fmt: skip
VOTE_SHARE = Metric(
    "vote_share", "agreement/1", DATA_QUALITY, CLASSES, "none", "ratio",
    "mean share of the answer most often given; the members' average accuracy cannot be above it",
    "normal, from the counts", "by counting", vote_share,
)  # fmt: skip
DISAGREEMENT_DRIFT = Metric(
    "disagreement_drift", "agreement/1", DRIFT, CLASSES, "none", "ratio", "disagreement minus that of the reference",
    "Newcombe, from both sides' normal limits", "Newcombe 1998, Statistics in Medicine 17, 873-890", disagreement_drift,
)  # fmt: skip
VOTE_PSI = Metric(
    "vote_psi", "agreement/1", DRIFT, CLASSES, "lower", "nats",
    "psi of the patterns (answers, most votes for one class)", "as psi", "as psi", vote_psi,
    least=BY_CHANCE,
)  # fmt: skip
