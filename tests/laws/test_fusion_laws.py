"""Laws that every fusion rule keeps, over generated outputs, masks and weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from choirmaster.fusion import CALIBRATIONS, RULES, explain, get, member_shares, prepare
from tests.laws.fusion_cases import class_names, document, fusion, member_names

LINEAR = [rule for rule in RULES if rule.linear]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def made(rule, p):
    """Return the rule bound to parameters that fit the outputs."""
    return fusion(rule.name, p.shape[1], p.shape[2])


def fitting(rule, case):
    """Return the case with two classes where the rule serves no more."""
    p, present, weight = case
    if "multiclass" in rule.tasks:
        return case
    p = p[:, :, :2] + 1e-9
    return p / p.sum(axis=2, keepdims=True), present, weight


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
    p, present, weight = fitting(rule, case)
    m, k = p.shape[1:]
    order = data.draw(st.permutations(range(m)))
    listed = [member_names(m)[i] for i in order]
    other = prepare(document(rule.name, m, k), task="binary" if k == 2 else "multiclass", members=listed,
                    classes=class_names(k))  # fmt: skip
    one, two = made(rule, p).fuse(p, present, weight), other.fuse(p[:, order], present[:, order], weight[order])
    np.testing.assert_allclose(one.output, two.output, atol=1e-12)
    assert one.answered.tolist() == two.answered.tolist()
    if rule.name in ("median", "trimmed_mean", "stacking"):
        assert one.output.tobytes() == two.output.tobytes()


@every_rule
@given(case=cases(), data=st.data())
def test_classes_may_be_listed_in_any_order(rule, case, data):
    p, present, weight = fitting(rule, case)
    m, k = p.shape[1:]
    assume((np.sort(p, axis=2)[:, :, -2] < p.max(axis=2)).all())  # a member's own tie goes to the first class
    order = data.draw(st.permutations(range(k)))
    listed, task = [class_names(k)[i] for i in order], "binary" if k == 2 else "multiclass"
    one = prepare(document(rule.name, m, k), task=task, members=member_names(m), classes=class_names(k), positive="c1")
    two = prepare(document(rule.name, m, k), task=task, members=member_names(m), classes=listed, positive="c1")
    output = two.fuse(p[:, :, order], present, weight).output
    assert one.fuse(p, present, weight).output[:, order].tobytes() == output.tobytes()


@every_rule
@given(case=cases())
def test_answers_are_distributions_and_nobody_is_nan(rule, case):
    p, present, weight = fitting(rule, case)
    fused = made(rule, p).fuse(p, present, weight)
    assert fused.answered.tolist() == present.any(axis=1).tolist()
    assert np.isnan(fused.output[~fused.answered]).all()
    answered = fused.output[fused.answered]
    assert ((answered >= 0) & (answered <= 1)).all()
    np.testing.assert_allclose(answered.sum(axis=1), 1.0, atol=1e-12)


@every_rule
@given(case=cases())
def test_members_that_agree_are_the_answer(rule, case):
    if rule.name in ("rank_average", "stacking"):
        return  # a place among other scores, and a model of the outputs: no means of them
    p, present, weight = case
    p = np.repeat(p[:, :1], p.shape[1], axis=1)
    fused = made(rule, p).fuse(p, present, weight)
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
@pytest.mark.parametrize("name", ["mean", "median", "trimmed_mean"])
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
    p, present, weight = fitting(rule, case)
    if rule.name == "cascade":
        scale = 4.0  # rounding may move a row over the confidence
    rule = made(rule, p)
    one, two = rule.fuse(p, present, weight), rule.fuse(p, present, weight * scale)
    np.testing.assert_allclose(one.output, two.output, atol=1e-12)
    exact = rule.fuse(p, present, weight * 4.0)
    assert exact.output.tobytes() == one.output.tobytes()


@pytest.mark.parametrize("rule", [r for r in RULES if not r.weighted], ids=lambda rule: rule.name)
@given(case=cases())
def test_rules_without_weights_do_not_read_them(rule, case):
    p, present, weight = case
    rule = made(rule, p)
    assert rule.fuse(p, present, weight).output.tobytes() == rule.fuse(p, present).output.tobytes()


@every_rule
@given(case=cases(), wild=st.sampled_from([np.nan, np.inf, -np.inf, 1e308, 0.5]))
def test_numbers_of_the_absent_never_count(rule, case, wild):
    p, present, weight = fitting(rule, case)
    rule, dirty = made(rule, p), np.where(present[:, :, None], p, wild)
    one, two = rule.fuse(p, present, weight), rule.fuse(dirty, present, weight)
    assert one.output.tobytes() == two.output.tobytes() and one.choice.tobytes() == two.choice.tobytes()


@every_rule
@given(case=cases(), data=st.data())
def test_rows_do_not_see_each_other(rule, case, data):
    p, present, weight = fitting(rule, case)
    rule = made(rule, p)
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
    p = rng.dirichlet(np.ones(3 if "multiclass" in rule.tasks else 2), size=(1, 7))
    rule = made(rule, p)
    weight, present = rng.random(7) + 0.1, np.ones((1, 7), bool)
    wanted = rule.fuse(p, present, weight).output.tobytes()
    for _ in range(10_000 if rule.rule.name == "weighted_mean" else 500):
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


@every_rule
@given(case=cases())
def test_explanations_are_exact_shares_or_what_leaving_out_changes(rule, case):
    p, present, weight = fitting(rule, case)
    one = made(rule, p)
    told, fused = explain(one, p, present, weight), one.fuse(p, present, weight)
    assert told.kind == ("share" if rule.linear else "leave_one_out")
    assert np.isnan(told.values[~fused.answered]).all()
    if rule.linear:
        np.testing.assert_allclose(told.values.sum(axis=1), fused.output, atol=1e-14)
        return
    assert not told.values[fused.answered][~present[fused.answered]].any()
    for member in range(p.shape[1]):
        others = present & (np.arange(p.shape[1]) != member)
        change = fused.output - one.fuse(p, others, weight).output
        here = present[:, member]
        np.testing.assert_array_equal(told.values[here, member], change[here])


@pytest.mark.parametrize("calibration", CALIBRATIONS, ids=lambda one: one.name)
@given(case=cases())
def test_recalibrated_answers_are_distributions_in_the_same_order(calibration, case):
    numbers = {"platt": {"slope": 2.5, "intercept": -1.0}, "beta": {"a": 0.0, "b": 1.5, "c": 0.3},
               "isotonic": {"x": [0.1, 0.4, 0.8], "y": [0.0, 0.5, 0.9]},
               "temperature": {"temperature": 3.0}}  # fmt: skip
    p, present, weight = case
    p = p[:, :, :2] / p[:, :, :2].sum(axis=2, keepdims=True)
    declared = {"calibration": {"method": calibration.name, **numbers[calibration.name]}}
    plain = fusion("soft_vote", p.shape[1], 2).fuse(p, present, weight)
    fused = fusion("soft_vote", p.shape[1], 2, declared=declared).fuse(p, present, weight)
    here = fused.answered
    assert here.tolist() == plain.answered.tolist() and np.isnan(fused.output[~here]).all()
    np.testing.assert_allclose(fused.output[here].sum(axis=1), 1.0, atol=1e-12)
    order = np.argsort(plain.output[here, 1], kind="stable")
    assert (np.diff(fused.output[here, 1][order]) >= -1e-15).all()
    assert (fused.choice[here] == fused.output[here].argmax(axis=1)).all()
