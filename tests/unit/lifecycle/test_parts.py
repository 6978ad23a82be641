"""Folds, scores, flags, choice and cutoff: the decisions of training, each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from choirmaster.costs import BinaryCosts
from choirmaster.errors import DataError, UnknownName
from choirmaster.lifecycle.cutoff import choose_cutoff, f1_at
from choirmaster.lifecycle.folds import stratified_folds, time_folds
from choirmaster.lifecycle.score import Gap, loss_gap, roc_auc, row_losses
from choirmaster.lifecycle.select import select
from choirmaster.lifecycle.table import OVERFIT, UNDERFIT, Row, as_arrow, flagged


@given(time=hnp.arrays(np.int64, st.integers(12, 60), elements=st.integers(0, 40)), n=st.integers(2, 5))
def test_expanding_folds_never_look_ahead_and_keep_an_instant_together(time, n):
    if len(np.unique(time)) < n + 1:
        return
    try:
        folds = time_folds(time, n)
    except DataError:  # too few instants where the cuts fall
        assert len(np.unique(time)) < len(time)
        return
    for fold in folds:
        assert time[fold.train].max() < time[fold.test].min()
    judged = np.concatenate([fold.test for fold in folds])
    assert len(set(judged.tolist())) == len(judged)
    assert sorted([*judged, *folds[0].train]) == list(range(len(time)))


def test_expanding_folds_are_about_equal_and_grow():
    folds = time_folds(np.arange(100)[::-1], 4)
    assert [len(fold.test) for fold in folds] == [20] * 4
    assert [len(fold.train) for fold in folds] == [20, 40, 60, 80]
    assert sorted(folds[0].train) == list(range(80, 100))  # the last rows are the oldest


def test_blocked_folds_judge_every_row_once():
    folds = time_folds(np.arange(10), 3, scheme="blocked")
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(10))
    assert all(not set(fold.train) & set(fold.test) for fold in folds)


def test_folds_that_cannot_be_cut_are_refused():
    with pytest.raises(DataError, match="instants"):
        time_folds(np.zeros(50, dtype=np.int64), 4)
    with pytest.raises(UnknownName, match="expanding"):
        time_folds(np.arange(9), 2, scheme="expandign")
    with pytest.raises(DataError):
        stratified_folds(np.array([1]), 4, np.random.default_rng(0))


@given(groups=hnp.arrays(np.int8, st.integers(10, 80), elements=st.integers(0, 2)), n=st.integers(2, 5))
def test_stratified_folds_share_out_every_class(groups, n):
    folds = stratified_folds(groups, n, np.random.default_rng(0))
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(groups)))
    for fold in folds:
        assert not set(fold.train) & set(fold.test)
        for group in np.unique(groups):
            assert abs((groups[fold.test] == group).sum() - (groups == group).sum() / n) < 1


@given(data=st.data(), n=st.integers(4, 60))
def test_losses_and_auc_equal_scikit_learn(data, n):
    score = data.draw(hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])))
    positive = data.draw(hnp.arrays(np.bool_, n))
    outputs = np.stack([1 - score, score], axis=1)
    got = row_losses(outputs, positive.astype(int)).mean()
    assert got == pytest.approx(log_loss(positive, np.clip(outputs, 2.0**-52, 1), labels=[False, True]), rel=1e-9)
    if positive.any() and not positive.all():
        assert roc_auc(score, positive) == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
    else:
        assert roc_auc(score, positive) is None


@given(data=st.data(), n=st.integers(2, 40))
def test_no_other_cutoff_has_a_greater_f1_or_a_lower_cost(data, n):
    score = data.draw(hnp.arrays(np.float64, n, elements=st.floats(0, 1)))
    positive = data.draw(hnp.arrays(np.bool_, n))
    best = choose_cutoff(score, positive)
    cheap = choose_cutoff(score, positive, costs=BinaryCosts(0.25, 1.0, 5.0, -0.5))
    if best.value is None:
        assert positive.all() or not positive.any()
        return
    assert f1_at(score, positive, best.value) == pytest.approx(best.f1)
    assert f1_score(positive, score >= best.value) == pytest.approx(best.f1)
    for other in (*score, -1.0, 2.0, *((score[:-1] + score[1:]) / 2)):
        assert (f1_at(score, positive, other) or 0.0) <= best.f1 + 1e-12
        called = score >= other
        cost = 5.0 * (positive & ~called).sum() + (called & ~positive).sum() - 0.5 * (positive & called).sum()
        cost = (cost + 0.25 * (~positive & ~called).sum()) / n
        assert cost >= cheap.cost - 1e-12


def test_a_cutoff_of_scores_that_are_not_finite_is_refused():
    with pytest.raises(DataError, match="finite"):
        choose_cutoff(np.array([0.1, np.nan]), np.array([True, False]))


def _world(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(-truth))).astype(int)

    def says(noise, seed):
        p = 1 / (1 + np.exp(-(truth + noise * np.random.default_rng(seed).normal(size=n))))
        return np.stack([1 - p, p], axis=1)

    noise = 1 / (1 + np.exp(-4 * np.random.default_rng(4).normal(size=n)))  # sure of itself, and knows nothing
    outputs = {"a": says(0.8, 1), "b": says(0.8, 2), "c": says(0.9, 3), "bad": np.stack([1 - noise, noise], axis=1)}
    return y, outputs


@pytest.mark.parametrize("repeat", [True, False])
def test_a_bad_candidate_is_not_picked(repeat):
    y, outputs = _world()
    choice = select(outputs, y, repeat=repeat, worst=0.69)
    assert "bad" not in choice.members and {"a", "b"} <= set(choice.members)
    assert sum(choice.weights.values()) == pytest.approx(1.0)
    alone = {name: row_losses(output, y).mean() for name, output in outputs.items()}
    assert choice.loss < min(alone.values())
    mean = sum(choice.weights[name] * outputs[name] for name in choice.members)
    assert row_losses(mean, y).mean() == pytest.approx(choice.loss, abs=1e-6)


def test_a_floor_never_forces_in_what_is_worse_than_a_constant():
    y, outputs = _world()
    constant = row_losses(np.tile([1 - y.mean(), y.mean()], (len(y), 1)), y).mean()
    choice = select(outputs, y, at_least=4, repeat=False, worst=constant)
    assert sorted(choice.members) == ["a", "b", "c"] and "not below" in choice.refused["bad"]
    forced = select(outputs, y, at_least=4, repeat=False)
    assert len(forced.members) == 4
    assert len(select(outputs, y, at_most=2).members) <= 2
    assert len(select({"a": outputs["a"]}, y, at_least=3).members) == 1


def test_the_first_step_is_the_best_alone_and_the_shortest_best_prefix_is_kept():
    y, outputs = _world()
    same = {"a": outputs["a"], "again": outputs["a"].copy()}
    choice = select(same, y)
    assert choice.members == ("a",) and choice.weights == {"a": 1.0}
    assert select(outputs, y).steps[0].added == min(outputs, key=lambda name: row_losses(outputs[name], y).mean())


def test_candidates_of_which_none_can_be_picked_are_named():
    y, outputs = _world(50)
    with pytest.raises(DataError, match="bad: its loss"):
        select({"bad": outputs["bad"]}, y, worst=0.1)
    with pytest.raises(DataError, match="not finite"):
        select({"nan": np.full((50, 2), np.nan)}, y)


def test_the_gap_covers_the_truth_about_nineteen_times_in_twenty():
    rng = np.random.default_rng(4)
    gaps = [loss_gap(rng.exponential(1.0, 300), rng.exponential(1.5, 400)) for _ in range(400)]
    assert 0.92 <= np.mean([gap.lower <= 0.5 <= gap.upper for gap in gaps]) <= 0.98


def _row(name, loss, train, width=0.01):
    gap = Gap(loss - train, loss - train - width, loss - train + width)
    return Row(name, loss=loss, train_loss=train, gap=gap, constant_loss=0.6, constant_train_loss=0.6)


@pytest.mark.parametrize(
    ("loss", "train", "flag"),
    [
        (9.0, 0.0, OVERFIT),  # a tree grown without limit
        (0.58, 0.30, OVERFIT),  # what it learned does not hold, and it is far behind the best
        (0.51, 0.35, ""),  # optimistic on its own rows, but as good as the best on others
        (0.50, 0.49, ""),
        (0.60, 0.60, UNDERFIT),  # a constant answer
        (2.50, 2.40, UNDERFIT),  # wrong even on its own rows
    ],
)
def test_flags(loss, train, flag):
    rows = flagged([_row("best", 0.5, 0.48), _row("it", loss, train), Row("broken", failed="ValueError: no")])
    assert rows[0].flag == "" and rows[1].flag == flag and rows[2].flag == ""
    assert bool(rows[1].why) == bool(flag)


def test_a_gap_that_may_be_chance_is_no_overfit():
    assert flagged([_row("best", 0.5, 0.48), _row("it", 0.58, 0.30, width=0.3)])[1].flag == ""


def test_the_table_lists_the_best_first_and_the_failed_last():
    table = as_arrow([_row("b", 0.6, 0.5), Row("broken", failed="ValueError: no"), _row("a", 0.5, 0.4)])
    assert table["candidate"].to_pylist() == ["a", "b", "broken"]
    assert table["gap"].to_pylist() == [pytest.approx(0.1), pytest.approx(0.1), None]
    assert "squared_error" in as_arrow([_row("b", 0.6, 0.5)], regression=True).column_names


@given(
    right=st.tuples(st.floats(-2, 2), st.floats(-2, 2)), wrong=st.tuples(st.floats(0.01, 5), st.floats(0.01, 5)),
    p=st.floats(0, 1),
)  # fmt: skip
def test_the_closed_form_is_where_both_decisions_cost_the_same(right, wrong, p):
    costs = BinaryCosts(right[0], right[0] + wrong[0], right[1] + wrong[1], right[1])
    yes = p * costs.true_positive + (1 - p) * costs.false_positive
    no = p * costs.false_negative + (1 - p) * costs.true_negative
    assert 0 < costs.cutoff < 1
    assert (yes <= no + 1e-9) if p >= costs.cutoff else (no <= yes + 1e-9)


def test_a_calibrated_score_is_cut_where_the_closed_form_says():
    rng = np.random.default_rng(8)
    score = rng.random(200_000)
    positive = rng.random(200_000) < score
    chosen = choose_cutoff(score, positive, costs=BinaryCosts(0.0, 1.0, 4.0, 0.0))
    assert chosen.by == "cost" and chosen.closed_form == 0.2
    assert chosen.value == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("costs", [(0, 0, 1, 0), (0, 1, 0, 0), (2, 1, 5, 0), (0, 1, 1, 3)])
def test_costs_that_reward_mistakes_have_no_closed_form(costs):
    assert BinaryCosts(*map(float, costs)).cutoff is None
