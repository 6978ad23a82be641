"""Votes and their spread, against the rows themselves and scikit-learn; how often the intervals hold the truth."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, matthews_corrcoef

from choirmaster.metrics import BY_NAME, Metric, evaluate
from choirmaster.states import Agreement, Spread
from choirmaster.states.agreement import AgreementPart, right_sizes
from choirmaster.states.spread import SpreadPart
from choirmaster.values import Reason, Value

NAMES = tuple("abcde")
SEEDS = st.integers(0, 2**32 - 1)
Z = 1.959963984540054


def votes(seed: int, members: int, classes: int, n: int = 80):
    """Return votes and labels; the number of classes for none."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, n)
    said = np.where(rng.random((n, members)) < 0.6, label[:, None], rng.integers(0, classes, (n, members)))
    said[rng.random((n, members)) < 0.2] = classes
    return said, np.where(rng.random(n) < 0.3, classes + 1, label)


def counted(said, label, classes: int) -> Agreement:
    members = said.shape[1]
    part = AgreementPart(NAMES[:members], tuple("xyzw"[:classes]), (float("nan"),) * members)
    state = Agreement.zero(part)
    state.update(said, label)
    return state


def read(name: str, state, target: str = "") -> Value:
    metric: Metric = BY_NAME[name]
    return evaluate(metric, state, state, target)


@given(seed=SEEDS, members=st.integers(2, 5), classes=st.integers(2, 4))
@settings(max_examples=25, deadline=None)
def test_votes_without_labels(seed: int, members: int, classes: int) -> None:
    said, label = votes(seed, members, classes)
    state = counted(said, label, classes)
    there = said < classes
    shares, unanimous, largest = [], [], []
    for row, here in zip(said, there, strict=True):
        given_votes = row[here]
        if len(given_votes):
            largest.append(np.unique(given_votes, return_counts=True)[1].max() / len(given_votes))
        if len(given_votes) > 1:
            pairs = [one != two for one, two in combinations(given_votes.tolist(), 2)]
            shares.append(np.mean(pairs))
            unanimous.append(len(set(given_votes.tolist())) == 1)
    assert read("disagreement", state).number == pytest.approx(np.mean(shares), abs=1e-12)
    assert read("disagreement", state).n == len(shares)
    half = Z * np.std(shares, ddof=1) / len(shares) ** 0.5
    assert read("disagreement", state).upper == pytest.approx(min(1.0, np.mean(shares) + half), abs=1e-9)
    assert read("unanimity", state).number == pytest.approx(np.mean(unanimous), abs=1e-15)
    assert read("vote_share", state).number == pytest.approx(np.mean(largest), abs=1e-12)
    assert read("vote_share", state).n == len(largest)
    for i, j in combinations(range(members), 2):
        both = there[:, i] & there[:, j]
        found = read("disagreement", state, f"{NAMES[i]}|{NAMES[j]}")
        assert found.n == both.sum()
        if found.n:
            assert found.number == pytest.approx((said[both, i] != said[both, j]).mean(), abs=1e-15)
    drift = read("disagreement_drift", state)
    assert drift.number == 0.0
    assert drift.lower <= 0.0 <= drift.upper
    assert read("vote_psi", state).number == pytest.approx(0.0, abs=1e-12)


@given(seed=SEEDS, members=st.integers(2, 4), classes=st.integers(2, 4))
@settings(max_examples=25, deadline=None)
def test_being_right_together(seed: int, members: int, classes: int) -> None:
    said, label = votes(seed, members, classes)
    state = counted(said, label, classes)
    means: dict[str, list[float]] = {name: [] for name in ("double_fault", "correctness_kappa")}
    for i, j in combinations(range(members), 2):
        both = (said[:, i] < classes) & (said[:, j] < classes) & (label < classes)
        one, two = (said[both, k] == label[both] for k in (i, j))
        target = f"{NAMES[i]}|{NAMES[j]}"
        expected = {
            "double_fault": (~one & ~two).mean(),
            "correctness_kappa": cohen_kappa_score(one, two),
            "correctness_correlation": matthews_corrcoef(one, two),
            "q_statistic": _yule(one, two),
        }
        for name, number in expected.items():
            found = read(name, state, target)
            assert found.n == both.sum()
            if found.number is None:
                assert found.reason is Reason.ZERO_VARIANCE
                continue
            assert found.number == pytest.approx(number, abs=1e-12)
            assert found.lower is None or found.lower <= found.number <= found.upper
            if name in means:
                means[name].append(found.number)
    for name, numbers in means.items():
        assert read(name, state).number == pytest.approx(np.mean(numbers), abs=1e-12)
    answered, right = right_sizes(members)
    taken = (label < classes) & (said < classes).any(axis=1)
    accuracy = [(row[row < classes] == y).mean() for row, y in zip(said[taken], label[taken], strict=True)]
    assert (state.right * right / answered).sum() / taken.sum() == pytest.approx(np.mean(accuracy), abs=1e-12)


def _yule(one, two) -> float:
    a, b, c, d = (one & two).sum(), (one & ~two).sum(), (~one & two).sum(), (~one & ~two).sum()
    return (a * d - b * c) / (a * d + b * c) if a * d + b * c else np.nan


@given(seed=SEEDS, members=st.integers(2, 5), classes=st.integers(2, 4))
@settings(max_examples=25, deadline=None)
def test_average_accuracy_is_never_above_the_vote_share(seed: int, members: int, classes: int) -> None:
    said, _ = votes(seed, members, classes)
    label = np.random.default_rng(seed + 1).integers(0, classes, len(said))
    state = counted(said, label, classes)
    accuracy = np.mean([(row[row < classes] == y).mean() for row, y in zip(said, label, strict=True)
                        if (row < classes).any()])  # fmt: skip
    assert accuracy <= read("vote_share", state).number + 1e-12


@pytest.mark.parametrize("classes", [0, 1, 3])
def test_spread(classes: int) -> None:
    rng = np.random.default_rng(classes)
    answers = rng.random((200, 4, max(1, classes)))
    answers[rng.random((200, 4)) < 0.3] = np.nan
    state = Spread.zero(SpreadPart(NAMES[:4], classes, 1 if classes == 0 else 0))
    state.update(answers)
    rows = (~np.isnan(answers[:, :, 0])).sum(axis=1) > 1
    truth = np.nanvar(answers[rows], axis=1).sum(axis=1)
    found = read("spread", state)
    assert found.n == rows.sum()
    assert found.number == pytest.approx(truth.mean(), abs=1e-11)
    assert found.upper == pytest.approx(truth.mean() + Z * truth.std(ddof=1) / len(truth) ** 0.5, abs=1e-6)
    assert read("spread_drift", state).number == 0.0


RUNS = 1000
LEAST, MOST = 0.93, 0.975  # 1,000 runs at 95 % stray by 0.014 (two standard errors)


def holds(value: Value, truth: float) -> bool:
    assert value.lower is not None
    assert value.upper is not None
    return value.lower <= truth <= value.upper


def pair_state(cells) -> Agreement:
    state = Agreement.zero(AgreementPart(("a", "b"), ("x", "y"), (0.5, 0.5)))
    state.counts[:4] = cells
    return state


TRUE_CELLS = np.array([0.62, 0.13, 0.10, 0.15])


@pytest.mark.parametrize("name", ["double_fault", "q_statistic", "correctness_kappa", "correctness_correlation"])
def test_intervals_of_pairs_hold_the_truth(name: str) -> None:
    rng = np.random.default_rng(1)
    a, b, c, d = TRUE_CELLS
    truth = {
        "double_fault": d,
        "q_statistic": (a * d - b * c) / (a * d + b * c),
        "correctness_kappa": 2 * (a * d - b * c) / ((a + b) * (b + d) + (a + c) * (c + d)),
        "correctness_correlation": (a * d - b * c) / np.sqrt((a + b) * (c + d) * (a + c) * (b + d)),
    }[name]
    inside = [holds(read(name, pair_state(rng.multinomial(300, TRUE_CELLS)), "a|b"), truth) for _ in range(RUNS)]
    assert LEAST <= np.mean(inside) <= MOST


def test_intervals_of_means_and_of_their_difference_hold_the_truth() -> None:
    rng = np.random.default_rng(2)
    chance, later = np.array([0.7, 0.2, 0.1]), np.array([0.6, 0.25, 0.15])  # all alike, two alike, none alike
    rows = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 2]])
    true, true_later = chance @ [0.0, 2 / 3, 1.0], later @ [0.0, 2 / 3, 1.0]
    tall, largest = chance @ [1.0, 2 / 3, 1 / 3], 0
    inside = {"disagreement": 0, "vote_share": 0, "disagreement_drift": 0}
    unlabelled = np.full(400, 4)
    for _ in range(RUNS // 2):
        past = counted(rows[rng.choice(3, 400, p=chance)], unlabelled, 3)
        now = counted(rows[rng.choice(3, 150, p=later)], unlabelled[:150], 3)
        inside["disagreement"] += holds(read("disagreement", past), true)
        inside["vote_share"] += holds(read("vote_share", past), tall)
        drift = evaluate(BY_NAME["disagreement_drift"], now, past)
        inside["disagreement_drift"] += holds(drift, true_later - true)
        largest += 1
    for name, hits in inside.items():
        assert 0.92 <= hits / largest <= 0.98, (name, hits / largest)


def test_reasons() -> None:
    none = counted(np.array([[2, 2], [2, 2]]), np.array([0, 1]), 2)
    assert read("disagreement", none).reason is Reason.ALL_MISSING
    assert read("vote_share", none).reason is Reason.ALL_MISSING
    alone = counted(np.array([[0, 2], [2, 1]]), np.array([0, 3]), 2)
    assert read("unanimity", alone).reason is Reason.ALL_MISSING
    assert read("disagreement", alone, "a|b").reason is Reason.ALL_MISSING
    assert read("double_fault", alone, "a|b").reason is Reason.ALL_MISSING
    assert read("vote_share", alone).number == 1.0
    unlabelled = counted(np.array([[0, 1]]), np.array([3]), 2)
    assert read("q_statistic", unlabelled).reason is Reason.NO_LABELS
    sure = counted(np.zeros((9, 2), np.int64), np.zeros(9, np.int64), 2)
    assert read("double_fault", sure, "a|b").number == 0.0
    for name in ("q_statistic", "correctness_kappa", "correctness_correlation"):
        assert read(name, sure, "a|b").reason is Reason.ZERO_VARIANCE
        assert read(name, sure).reason is Reason.ZERO_VARIANCE
    empty = Agreement.zero(sure.part)
    assert evaluate(BY_NAME["disagreement_drift"], sure, empty).reason is Reason.NO_REFERENCE
    assert evaluate(BY_NAME["disagreement_drift"], empty, sure).reason is Reason.NO_ROWS
    wild = Spread.zero(SpreadPart(("a", "b"), 0, 0))
    wild.update(np.array([[1e200, -1e200], [0.0, 0.5]]))
    assert read("spread", wild).reason is Reason.OUT_OF_RANGE
