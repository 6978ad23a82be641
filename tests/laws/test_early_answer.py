"""An early answer is the final one: every way in which those who are missing may still answer is gone through."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from choirmaster.fusion import decided, prepare, settled
from tests.laws.fusion_cases import CLASS_RULES, MANY_RULES, NUMBER_RULES, class_names, document, fusion, member_names

GRID = (0.0, 0.2, 0.5, 0.6, 1.0)
WEIGHTS = ((1.0, 1.0, 1.0), (3.0, 1.0, 0.5), (0.1, 0.3, 0.0))
CALIBRATIONS = (
    {}, {"calibration": {"method": "platt", "slope": 3.0, "intercept": -0.7}},
    {"calibration": {"method": "isotonic", "x": [0.2, 0.45, 0.450001], "y": [0.1, 0.2, 0.9]}},
)  # fmt: skip


def every_story(m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return of every course of events the final probabilities and presence, who was there first and who was missed."""
    present = [(p, True, True, False) for p in GRID]
    missed = [(p, True, False, True) for p in GRID] + [(0.5, False, False, True)]
    outcomes = [*present, (0.5, False, False, False), *missed]
    stories = np.array(list(itertools.product(outcomes, repeat=m)))
    return stories[:, :, 0], stories[:, :, 1] > 0, stories[:, :, 2] > 0, stories[:, :, 3] > 0


P, FINAL, FIRST, MISSED = every_story(3)
Q = np.stack([1 - P, P], axis=2)


def said(outputs: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask[:, :, None] if outputs.ndim == 3 else mask, outputs, np.nan)


@pytest.mark.parametrize("more", CALIBRATIONS, ids=["plain", "platt", "isotonic"])
@pytest.mark.parametrize("weight", WEIGHTS, ids=str)
@pytest.mark.parametrize("rule", CLASS_RULES)
def test_a_settled_class_is_the_final_class_in_every_story(rule, weight, more):
    if rule == "hard_vote" and more:
        return  # refused: shares of votes are not recalibrated
    one, weight = fusion(rule, 3, 2, declared=more), np.array(weight)
    early, late = one.fuse(said(Q, FIRST), FIRST, weight), one.fuse(said(Q, FINAL), FINAL, weight)
    sure = settled(one, said(Q, FIRST), FIRST, MISSED, weight)
    assert (early.choice[sure] == late.choice[sure]).all()
    assert (early.answered[sure] == late.answered[sure]).all()
    for cutoff in (0.0, 0.2, 0.35, 0.5, 0.9, 1.0):
        sure = settled(one, said(Q, FIRST), FIRST, MISSED, weight, cutoff=cutoff)
        with np.errstate(invalid="ignore"):
            assert ((early.output[sure, 1] >= cutoff) == (late.output[sure, 1] >= cutoff)).all()
    for tolerance in (0.0, 0.05, 0.3):
        sure = settled(one, said(Q, FIRST), FIRST, MISSED, weight, tolerance=tolerance)
        moved = np.abs(early.output[sure] - late.output[sure])
        assert (np.nan_to_num(moved) <= tolerance + 1e-9).all()


@pytest.mark.parametrize("weight", WEIGHTS[:2], ids=str)
@pytest.mark.parametrize(
    "rule", ["mean", "weighted_mean", "soft_vote", "hard_vote", "median", "trimmed_mean", "log_pool"]
)
def test_what_is_not_settled_could_still_turn(rule, weight):
    one, weight = fusion(rule, 3, 2), np.array(weight)
    sure = settled(one, said(Q, FIRST), FIRST, MISSED, weight)
    early, late = one.fuse(said(Q, FIRST), FIRST, weight), one.fuse(said(Q, FINAL), FINAL, weight)
    even = np.abs(np.nan_to_num(late.output[:, 1]) - 0.5) < 1e-9
    turned = (early.choice != late.choice) | even
    start = np.where(FIRST, P, np.where(MISSED, -1.0, -2.0))  # what was known at first
    _, story = np.unique(start, axis=0, return_inverse=True)
    can_turn = np.zeros(story.max() + 1, dtype=bool)
    np.logical_or.at(can_turn, story.ravel(), turned)
    assert can_turn[story.ravel()][~sure].all()
    assert sure[MISSED.any(axis=1)].any()


@pytest.mark.parametrize("rule", NUMBER_RULES)
def test_numbers_are_settled_within_the_tolerance(rule):
    one, weight = fusion(rule, 3), np.array(WEIGHTS[1])
    early, late = one.fuse(said(P, FIRST), FIRST, weight), one.fuse(said(P, FINAL), FINAL, weight)
    for tolerance in (0.0, 0.1, 0.5):
        sure = settled(one, said(P, FIRST), FIRST, MISSED, weight, tolerance=tolerance, limits=(0.0, 1.0))
        assert (np.nan_to_num(np.abs(early.output - late.output))[sure] <= tolerance + 1e-12).all()
        blind = settled(one, said(P, FIRST), FIRST, MISSED, weight, tolerance=tolerance)
        heavy = MISSED & (weight > 0) if one.rule.weighted else MISSED
        assert (blind == ~heavy.any(axis=1)).all()  # without limits nothing is known about who is missing
    assert (sure & MISSED.any(axis=1)).any()


@st.composite
def stories(draw):
    n, m, k = draw(st.integers(1, 4)), draw(st.integers(1, 6)), draw(st.integers(2, 4))
    raw = draw(hnp.arrays(np.float64, (n, m, k), elements=st.floats(0.0, 1.0)))
    raw[..., 0] += 1e-3
    outcome = draw(hnp.arrays(np.int64, (n, m), elements=st.integers(0, 3)))  # there, gone, missed and comes, or not
    weight = draw(hnp.arrays(np.float64, m, elements=st.sampled_from([0.0, 0.125, 1.0, 3.0]))) + 1e-3
    return raw / raw.sum(axis=2, keepdims=True), outcome, weight


@pytest.mark.parametrize("rule", MANY_RULES)
@given(story=stories(), tolerance=st.sampled_from([None, 0.0, 0.1, 0.5]))
def test_a_settled_class_of_several_is_the_final_one(rule, story, tolerance):
    p, outcome, weight = story
    one = fusion(rule, p.shape[1], p.shape[2])
    first, final, missed = outcome == 0, (outcome == 0) | (outcome == 2), outcome >= 2
    sure = settled(one, said(p, first), first, missed, weight, tolerance=tolerance)
    early, late = one.fuse(said(p, first), first, weight), one.fuse(said(p, final), final, weight)
    assert (early.choice[sure] == late.choice[sure]).all()
    if tolerance is not None:
        assert (np.nan_to_num(np.abs(early.output - late.output))[sure] <= tolerance + 1e-9).all()


@pytest.mark.parametrize(
    "rule", ["mean", "weighted_mean", "hard_vote", "median", "trimmed_mean", "log_pool", "cascade"]
)
@given(story=stories(), cutoff=st.sampled_from([None, 0.3, 0.5]))
def test_each_class_of_a_multilabel_row_is_settled(rule, story, cutoff):
    p, outcome, weight = story
    m, k = p.shape[1:]
    one = prepare(document(rule, m, 2), task="multilabel", members=member_names(m), classes=class_names(k))
    first, final, missed = outcome == 0, (outcome == 0) | (outcome == 2), outcome >= 2
    cut = 0.5 if cutoff is None else np.full(k, cutoff)
    sure = settled(one, said(p, first), first, missed, weight, cutoff=None if cutoff is None else cut)
    early, late = (one.fuse(said(p, mask), mask, weight).output[sure] for mask in (first, final))
    with np.errstate(invalid="ignore"):
        assert ((early >= cut) == (late >= cut)).all()


@given(story=stories(), tolerance=st.sampled_from([0.0, 0.05, 0.4]))
def test_each_level_of_a_forecast_is_settled(story, tolerance):
    p, outcome, weight = story
    first, final, missed = outcome == 0, (outcome == 0) | (outcome == 2), outcome >= 2
    for rule in ("weighted_mean", "median", "trimmed_mean"):
        one = prepare(rule, task="quantile", members=member_names(p.shape[1]))
        sure = settled(one, said(p, first), first, missed, weight, tolerance=tolerance, limits=(0.0, 1.0))
        early, late = (one.fuse(said(p, mask), mask, weight).output[sure] for mask in (first, final))
        assert (np.nan_to_num(np.abs(early - late)) <= tolerance + 1e-9).all()


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_a_decided_row_of_a_cascade_has_the_same_bits_with_and_without_the_later_stages(task):
    stages, names = [["m0"], ["m1"], ["m2"]], member_names(3)
    declared = {"rule": "cascade", "stages": stages, "confidence": [0.75, 0.6]}
    one = prepare(declared, task=task, members=names, classes=class_names(2))
    outputs, weight, asked = (Q if task == "binary" else np.stack([P, P[:, ::-1]], axis=2)), np.array(WEIGHTS[1]), []
    for stage, members in enumerate(one.stages):
        asked += members
        so_far = FIRST.copy()
        so_far[:, [i for i in range(3) if i not in asked]] = False
        sure = decided(one, said(outputs, so_far), so_far, weight, stage=stage)
        final = so_far | (FINAL & ~np.isin(np.arange(3), asked))
        early, late = one.fuse(said(outputs, so_far), so_far, weight), one.fuse(said(outputs, final), final, weight)
        assert early.output[sure].tobytes() == late.output[sure].tobytes()
        if early.choice is not None:
            assert (early.choice[sure] == late.choice[sure]).all()
        assert sure.any() and (sure.all() or stage < 2)


def test_who_is_neither_there_nor_missing_is_out():
    vote = prepare("hard_vote", task="binary", members="abc", classes=["no", "yes"])
    q = np.array([[[0.1, 0.9], [np.nan] * 2, [np.nan] * 2]])
    there = np.array([[True, False, False]])
    assert not settled(vote, q, there, np.array([False, True, True]))[0]
    assert not settled(vote, q, there, np.array([False, True, False]))[0]
    assert settled(vote, q, there, np.array([False, False, False]))[0]
    nobody = np.zeros((1, 3), dtype=bool)
    assert not settled(vote, q, nobody, np.array([True, False, False]))[0]
    assert settled(vote, q, nobody, nobody)[0]
