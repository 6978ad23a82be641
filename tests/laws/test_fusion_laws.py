"""Laws that every fusion rule keeps, over generated outputs, masks and weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from choirmaster.fusion import RULES, get, member_shares

LINEAR = [rule for rule in RULES if rule.linear]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@st.composite
def cases(draw):
    n, m, k = draw(st.integers(1, 5)), draw(st.integers(1, 6)), draw(st.integers(2, 4))
    raw = draw(hnp.arrays(np.float64, (n, m, k), elements=st.floats(0.0, 1.0)))
    raw[..., 0] += 1e-3
    present = draw(hnp.arrays(np.bool_, (n, m)))
    weight = draw(hnp.arrays(np.float64, m, elements=st.floats(0.125, 8.0)))
    return raw / raw.sum(axis=2, keepdims=True), present, weight


@every_rule
@given(case=cases(), data=st.data())
def test_members_may_be_listed_in_any_order(rule, case, data):
    p, present, weight = case
    order = data.draw(st.permutations(range(p.shape[1])))
    one, two = rule.fuse(p, present, weight), rule.fuse(p[:, order], present[:, order], weight[order])
    np.testing.assert_allclose(one.output, two.output, atol=1e-12)
    assert one.answered.tolist() == two.answered.tolist()


@every_rule
@given(case=cases())
def test_answers_are_distributions_and_nobody_is_nan(rule, case):
    p, present, weight = case
    fused = rule.fuse(p, present, weight)
    assert fused.answered.tolist() == present.any(axis=1).tolist()
    assert np.isnan(fused.output[~fused.answered]).all()
    answered = fused.output[fused.answered]
    assert ((answered >= 0) & (answered <= 1)).all()
    np.testing.assert_allclose(answered.sum(axis=1), 1.0, atol=1e-12)


@every_rule
@given(case=cases())
def test_members_that_agree_are_the_answer(rule, case):
    p, present, weight = case
    p = np.repeat(p[:, :1], p.shape[1], axis=1)
    fused = rule.fuse(p, present, weight)
    same = fused.answered
    assert fused.choice[same].tolist() == p[same, 0].argmax(axis=1).tolist() or rule.name != "hard_vote"
    if rule.name != "hard_vote":
        np.testing.assert_allclose(fused.output[same], p[same, 0], atol=1e-14)


@pytest.mark.parametrize("rule", LINEAR, ids=lambda rule: rule.name)
@given(case=cases())
def test_linear_answers_lie_between_the_members(rule, case):
    p, present, weight = case
    fused = rule.fuse(p, present, weight)
    low = np.where(present[:, :, None], p, np.inf).min(axis=1)
    high = np.where(present[:, :, None], p, -np.inf).max(axis=1)
    here = fused.answered
    assert (fused.output[here] >= low[here] - 1e-15).all() and (fused.output[here] <= high[here] + 1e-15).all()


@given(
    x=hnp.arrays(np.float64, (3, 4), elements=st.floats(-1.7e308, 1.7e308)),
    present=hnp.arrays(np.bool_, (3, 4)),
)
@settings(max_examples=200)
@pytest.mark.parametrize("name", ["mean", "median"])
def test_plain_numbers_of_any_size_stay_between_the_members(name, x, present):
    fused = get(name).fuse(x, present)
    low = np.where(present, x, np.inf).min(axis=1)[fused.answered]
    high = np.where(present, x, -np.inf).max(axis=1)[fused.answered]
    got = fused.output[fused.answered]
    slack = 4 * np.spacing(np.maximum(np.abs(low), np.abs(high)))
    assert np.isfinite(got).all() and (got >= low - slack).all() and (got <= high + slack).all()


@pytest.mark.parametrize("rule", [r for r in RULES if r.weighted], ids=lambda rule: rule.name)
@given(case=cases(), scale=st.floats(1e-3, 1e3))
def test_only_the_ratio_of_weights_counts(rule, case, scale):
    p, present, weight = case
    one, two = rule.fuse(p, present, weight), rule.fuse(p, present, weight * scale)
    np.testing.assert_allclose(one.output, two.output, atol=1e-12)
    exact = rule.fuse(p, present, weight * 4.0)
    assert exact.output.tobytes() == one.output.tobytes()


@pytest.mark.parametrize("rule", [r for r in RULES if not r.weighted], ids=lambda rule: rule.name)
@given(case=cases())
def test_rules_without_weights_do_not_read_them(rule, case):
    p, present, weight = case
    assert rule.fuse(p, present, weight).output.tobytes() == rule.fuse(p, present).output.tobytes()


@every_rule
@given(case=cases(), wild=st.sampled_from([np.nan, np.inf, -np.inf, 1e308, 0.5]))
def test_numbers_of_the_absent_never_count(rule, case, wild):
    p, present, weight = case
    dirty = np.where(present[:, :, None], p, wild)
    one, two = rule.fuse(p, present, weight), rule.fuse(dirty, present, weight)
    assert one.output.tobytes() == two.output.tobytes() and one.choice.tobytes() == two.choice.tobytes()


@every_rule
@given(case=cases(), data=st.data())
def test_rows_do_not_see_each_other(rule, case, data):
    p, present, weight = case
    cut = data.draw(st.integers(0, len(p)))
    whole = rule.fuse(p, present, weight).output
    parts = [rule.fuse(p[part], present[part], weight).output for part in (slice(0, cut), slice(cut, None))]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("rule", LINEAR, ids=lambda rule: rule.name)
@given(case=cases())
def test_shares_sum_to_the_answer_and_the_absent_have_none(rule, case):
    p, present, weight = case
    shares, fused = member_shares(rule, p, present, weight), rule.fuse(p, present, weight)
    np.testing.assert_allclose(shares.sum(axis=1), fused.output, atol=1e-14)
    assert not shares[fused.answered][~present[fused.answered]].any()


@every_rule
def test_ten_thousand_orders_of_arrival_give_the_same_bits(rule):
    rng = np.random.default_rng(11)
    p = rng.dirichlet(np.ones(3), size=(1, 7))
    weight, present = rng.random(7) + 0.1, np.ones((1, 7), bool)
    wanted = rule.fuse(p, present, weight).output.tobytes()
    for _ in range(10_000 if rule.name == "weighted_mean" else 500):
        arrived = np.full_like(p, np.nan)
        for member in rng.permutation(7):
            arrived[:, member] = p[:, member]
        assert rule.fuse(arrived, present, weight).output.tobytes() == wanted


def test_the_mean_is_the_formula():
    rng = np.random.default_rng(5)
    x, present = rng.normal(size=(50, 5)), rng.random((50, 5)) < 0.6
    fused = get("mean").fuse(x, present)
    for row in range(50):
        ys = [float(y) for y, here in zip(x[row], present[row], strict=True) if here]
        assert (not ys and np.isnan(fused.output[row])) or fused.output[row] == pytest.approx(sum(ys) / len(ys), 1e-15)
