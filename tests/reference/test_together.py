"""What is read off the products of errors, against the rows themselves: presence, enumeration, scipy's optimiser."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from choirmaster.metrics import contribution, together
from choirmaster.states.errors import ErrorPart, ErrorProducts, choose_masks
from choirmaster.values import Kind, Reason

NAMES = tuple("abcdefgh")
SEEDS = st.integers(0, 2**32 - 1)


def sample(seed: int, members: int, classes: int, n: int = 60, gaps: float = 0.3):
    """Return answers (n, members, width) with NaN for the absent, labels, and each row's target (n, width)."""
    rng = np.random.default_rng(seed)
    if classes == 0:
        labels = rng.normal(2.0, 1.0, n)
        target = labels[:, None]
        answers = target[:, None, :] + rng.normal(0.1, 0.7, (n, members, 1)) + rng.normal(0.0, 0.5, (n, 1, 1))
    elif classes == 1:
        labels = (rng.random(n) < 0.4).astype(float)
        target = labels[:, None]
        answers = rng.beta(1.0 + 2.0 * target[:, None, :], 2.0, (n, members, 1))
    else:
        labels = rng.integers(0, classes, n).astype(float)
        target = np.eye(classes)[labels.astype(int)]
        answers = rng.dirichlet(np.ones(classes), (n, members))
    answers[rng.random((n, members)) < gaps] = np.nan
    return answers, labels, target


def measured(answers, labels, classes: int, masks=None, prior=None) -> ErrorProducts:
    _, members, width = answers.shape
    masks = tuple(range(1, 1 << members)) if masks is None else masks
    part = ErrorPart(NAMES[:members], classes, 2 if classes == 0 else 0, masks, tuple(prior or [0.25] * width))
    state = ErrorProducts.zero(part)
    state.update(answers, labels)
    return state


def row_losses(answers, target, chosen, empty):
    """Return for each row the loss of the plain mean of the chosen members that are there, else ``empty``."""
    picked = answers[:, list(chosen), :]
    there = ~np.isnan(picked[:, :, :1])
    count = there.sum(axis=1)
    mean = np.where(there, np.nan_to_num(picked), 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count[:, 0] > 0, ((mean - target) ** 2).sum(axis=1), empty)


cases = pytest.mark.parametrize("classes", [0, 1, 4], ids=["numbers", "two classes", "four classes"])


@cases
@given(seed=SEEDS, members=st.integers(2, 5))
@settings(max_examples=15, deadline=None)
def test_everything_equals_what_the_rows_say(classes: int, seed: int, members: int) -> None:
    answers, labels, target = sample(seed, members, classes)
    state = measured(answers, labels, classes)
    present = ~np.isnan(answers[:, :, 0])
    taken = present.any(axis=1)
    answers, target, present = answers[taken], target[taken], present[taken]
    everybody = range(members)
    own = ((answers - target[:, None, :]) ** 2).sum(axis=2)
    whole = row_losses(answers, target, everybody, np.nan)
    close = {"rtol": 1e-9, "atol": 1e-11}

    assert together.mean_loss(state).number == pytest.approx(whole.mean(), abs=1e-11)
    gains = np.nanmean(own, axis=1) - whole
    found = together.diversity(state)
    assert found.number == pytest.approx(gains.mean(), abs=1e-11)
    half = 1.959963984540054 * gains.std(ddof=1) / len(gains) ** 0.5
    assert (found.lower, found.upper) == pytest.approx((max(gains.mean() - half, 0.0), gains.mean() + half), abs=1e-6)

    empty = ((0.25 - target) ** 2).sum(axis=1)
    values = {s: row_losses(answers, target, s, empty).mean() for k in range(members + 1)
              for s in combinations(everybody, k)}  # fmt: skip
    shares = []
    for i in everybody:
        rest = [j for j in everybody if j != i]
        shares.append(sum(
            factorial(k) * factorial(members - k - 1) / factorial(members)
            * (values[tuple(sorted((*s, i)))] - values[s]) for k in range(members) for s in combinations(rest, k)
        ))  # fmt: skip
    got = [together.shapley(state, NAMES[i]).number for i in everybody]
    np.testing.assert_allclose(got, shares, **close)
    assert sum(got) == pytest.approx(whole.mean() - empty.mean(), abs=1e-11)

    for i in everybody:
        beside = present[:, i] & (present.sum(axis=1) > 1)
        found = together.leave_one_out(state, NAMES[i])
        change = row_losses(answers, target, [j for j in everybody if j != i], np.nan)[beside] - whole[beside]
        assert found.n == beside.sum()
        assert found.number == pytest.approx(change.mean(), abs=1e-11)
        half = 1.959963984540054 * change.std(ddof=1) / len(change) ** 0.5
        assert found.upper - found.number == pytest.approx(half, abs=1e-6)

    errors = answers - target[:, None, :]
    for i, j in combinations(everybody, 2):
        both = present[:, i] & present[:, j]
        if both.sum() < 3:
            continue
        one, two = errors[both, i].ravel(), errors[both, j].ravel()
        expected = np.corrcoef(one, two)[0, 1] if classes < 2 else one @ two / np.sqrt((one @ one) * (two @ two))
        assert together.pair_correlation(state, f"{NAMES[i]}|{NAMES[j]}").number == pytest.approx(expected, abs=1e-8)

    weights = np.arange(members, dtype=float)
    share = np.where(present, weights, 0.0)
    served = share.sum(axis=1) > 0
    if served.any():
        share = share[served] / share[served].sum(axis=1, keepdims=True)
        fused = (np.nan_to_num(answers[served]) * share[:, :, None]).sum(axis=1)
        expected = ((fused - target[served]) ** 2).sum(axis=1).mean()
        assert together.loss_under(state, weights).number == pytest.approx(expected, abs=1e-11)


@cases
@given(seed=SEEDS, members=st.integers(2, 5))
@settings(max_examples=15, deadline=None)
def test_common_rows_and_the_best_weights(classes: int, seed: int, members: int) -> None:
    answers, labels, target = sample(seed, members, classes, gaps=0.05)
    state = measured(answers, labels, classes)
    complete = ~np.isnan(answers[:, :, 0]).any(axis=1)
    errors = (answers - target[:, None, :])[complete]
    products = np.einsum("nac,nbc->ab", errors, errors) / complete.sum()
    for i in range(members):
        assert together.member_loss(state, NAMES[i]).number == pytest.approx(products[i, i], abs=1e-11)
    weights = np.array([together.best_weight(state, name).number for name in NAMES[:members]])
    assert weights.min() >= 0.0
    assert weights.sum() == pytest.approx(1.0)
    best = together.best_weights_loss(state).number
    assert best == pytest.approx(weights @ products @ weights, abs=1e-11)
    other = minimize(lambda w: w @ products @ w, np.full(members, 1.0 / members), jac=lambda w: 2.0 * products @ w,
                     bounds=[(0.0, 1.0)] * members, method="SLSQP", options={"ftol": 1e-14},
                     constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0})  # fmt: skip
    assert best <= other.fun + 1e-9
    assert best >= other.fun - 1e-6
    picked = contribution.greedy(products, 25)
    assert picked.sum() == pytest.approx(1.0)
    assert best - 1e-12 <= contribution.loss_under(products, picked) <= products.diagonal().min() + 1e-12


def by_hand(errors, rounds: int):
    """Greedy selection over the rows, as published: the mean of the chosen is formed anew each time."""
    chosen, found = [], []
    for _ in range(rounds):
        losses = [((errors[:, [*chosen, j]].mean(axis=1)) ** 2).mean() for j in range(errors.shape[1])]
        chosen.append(int(np.argmin(losses)))
        found.append(min(losses))
    prefix = chosen[: int(np.argmin(found)) + 1]
    return np.bincount(prefix, minlength=errors.shape[1]) / len(prefix), min(found)


@pytest.mark.parametrize("seed", range(5))
def test_greedy_selection_without_the_rows(seed: int) -> None:
    errors = np.random.default_rng(seed).normal(0.1, 1.0, (40, 5)) * np.array([1.0, 1.2, 0.9, 2.0, 1.1])
    products = errors.T @ errors / len(errors)
    weights, loss = by_hand(errors, 12)
    got = contribution.greedy(products, 12)
    np.testing.assert_allclose(got, weights, atol=1e-12)
    assert contribution.loss_under(products, got) == pytest.approx(loss, abs=1e-12)


@given(st.integers(1, 6), SEEDS, st.booleans())
@settings(deadline=None)
def test_weights_are_the_nearest_point_whatever_the_matrix(members: int, seed: int, twins: bool) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(rng.normal(), 1.0, (members, rng.integers(1, 8)))
    points[-1] = points[0] if twins else points[-1]
    products = points @ points.T
    weights = contribution.best_weights(products)
    slope = products @ weights
    assert weights.min() >= 0.0
    assert weights.sum() == pytest.approx(1.0)
    assert weights @ slope - slope.min() <= 1e-9 * products.diagonal().max()  # no member would lower the loss


def test_a_challenger_is_judged_before_it_votes() -> None:
    errors = np.random.default_rng(3).normal(0.0, [1.0, 1.1, 0.6], (200, 3))
    products = errors.T @ errors / 200
    voters = np.array([True, True, False])
    change = (errors.mean(axis=1) ** 2).mean() - (errors[:, :2].mean(axis=1) ** 2).mean()
    assert contribution.what_it_adds(products, voters, 2) == pytest.approx(change, abs=1e-12)


def test_sets_of_members_that_are_not_kept_apart_are_counted_by_pairs_and_marked() -> None:
    answers, labels, target = sample(4, 8, 1, n=300, gaps=0.2)
    masks = choose_masks(8, np.array([255, 255, 254]), 1)
    assert len(masks) == 9  # everybody, and each set of all but one
    state = measured(answers, labels, 1, masks)
    present = ~np.isnan(answers[:, :, 0])
    sets = (present << np.arange(8)).sum(axis=1)
    kept = np.isin(sets, masks)
    assert state.others == int((~kept & present.any(axis=1)).sum()) > 50
    found = together.mean_loss(state)
    assert found.kind is Kind.ESTIMATED
    assert found.number == pytest.approx(row_losses(answers[kept], target[kept], range(8), np.nan).mean(), abs=1e-11)
    n, products = state.pairwise()
    errors = np.nan_to_num(answers[:, :, 0] - target)
    np.testing.assert_array_equal(n, present.T.astype(int) @ present.astype(int))
    np.testing.assert_allclose(products, errors.T @ errors, atol=1e-9)
    whole = measured(answers, labels, 1, tuple(range(1, 256)))
    np.testing.assert_allclose(whole.pairwise()[1], products, atol=1e-12)
    assert together.mean_loss(whole).kind is Kind.REALIZED


def test_pairs_alone_would_be_wrong_where_the_best_member_is_late_on_hard_rows() -> None:
    """The published worry behind keeping sets apart: losses under weights must be those of who was there."""
    rng = np.random.default_rng(7)
    hard = rng.random(4000) < 0.5
    good, weak = rng.normal(0.0, 0.3, 4000), rng.normal(0.0, np.where(hard, 3.0, 0.5))
    answers = np.stack([np.where(hard, np.nan, good), weak], axis=1)[:, :, None]
    state = measured(answers, np.zeros(4000), 0)
    truth = np.where(hard, weak, 0.9 * good + 0.1 * weak) ** 2
    clipped = state.clipped
    if clipped:
        assert together.loss_under(state, np.array([0.9, 0.1])).reason is Reason.OUT_OF_RANGE
    wide = ErrorPart(NAMES[:2], 0, 5, (1, 2, 3), (0.0,))
    state = ErrorProducts.zero(wide)
    state.update(answers, np.zeros(4000))
    assert together.loss_under(state, np.array([0.9, 0.1])).number == pytest.approx(truth.mean(), abs=1e-8)
    n, products = state.pairwise()
    pairs = products / np.maximum(n, 1)
    assert contribution.loss_under(pairs, np.array([0.9, 0.1])) < 0.3 * truth.mean()


def test_reasons() -> None:
    empty = measured(np.full((2, 3, 1), np.nan), np.array([np.nan, np.nan]), 1)
    assert together.diversity(empty).reason is Reason.NO_LABELS
    silent = measured(np.full((2, 3, 1), np.nan), np.array([0.0, 1.0]), 1)
    assert together.shapley(silent, "a").reason is Reason.ALL_MISSING
    alone = measured(np.array([[[0.5], [np.nan]]]), np.array([1.0]), 1)
    assert together.leave_one_out(alone, "a").reason is Reason.ALL_MISSING
    assert together.member_loss(alone, "a").reason is Reason.ALL_MISSING
    assert together.shapley(alone, "b").number == 0.0
    assert together.pair_correlation(alone, "a|b").reason is Reason.ALL_MISSING
    same = measured(np.full((9, 2, 1), 0.5), np.ones(9), 1)
    assert together.pair_correlation(same, "a|b").reason is Reason.ZERO_VARIANCE
    assert together.error_correlation(same).reason is Reason.ZERO_VARIANCE
    assert together.diversity(same).number == 0.0
    wild = measured(np.array([[[1e200], [1.0]], [[1.0], [1.0]]]), np.ones(2), 0)
    assert together.mean_loss(wild).reason is Reason.OUT_OF_RANGE
    assert together.diversity(ErrorProducts.zero(same.part)).reason is Reason.NO_ROWS
    with pytest.raises(Exception, match="allowed"):
        together.member_loss(same, "nobody")


def test_masks_of_many_members() -> None:
    assert choose_masks(6, np.array([1]), 1) == tuple(range(1, 64))
    rng = np.random.default_rng(0)
    for members in (7, 12, 20, 60):
        seen = rng.integers(1, 1 << members, 500)
        seen[:200] = 5
        masks = choose_masks(members, seen, 1)
        assert 1 <= len(masks) <= 64
        assert 5 in masks
        assert list(masks) == sorted(masks)
        assert choose_masks(members, rng.permutation(seen), 1) == masks
        part = ErrorPart(tuple(f"m{j}" for j in range(members)), 1, 0, masks, (0.5,))
        assert part.starts[-1] <= 8192
