"""Fusion rules by hand-worked values, edge cases and the registry's own promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from choirmaster import fusion
from choirmaster.errors import ChoirmasterError, ConfigError, DataError, ShapeMismatch, UnknownName
from choirmaster.fusion import CALIBRATIONS, NOBODY, RULES, get, mask_invalid, member_shares, prepare
from tests.laws.fusion_cases import fusion as made

YES = np.array([[True, True, True]])
WILD = (np.nan, np.inf, -np.inf, 1e308, -1e308)


def test_each_file_with_a_rule_is_on_the_list():
    folder = Path(fusion.__file__).parent
    files = {path.stem for path in folder.glob("*.py") if "\nRULE = " in path.read_text()}
    assert files == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_declares_itself(rule):
    assert rule.definition and rule.range and rule.edge_cases and rule.source
    assert set(rule.tasks) <= {"binary", "multiclass", "multilabel", "regression", "quantile"}


def test_a_duplicate_name_is_an_error():
    with pytest.raises(ValueError, match="share a name"):
        fusion.rules._by_name((*RULES, RULES[0]))


def test_an_unknown_rule_names_the_nearest():
    with pytest.raises(UnknownName, match='did you mean "median"'):
        get("medain")


@pytest.mark.parametrize(
    ("name", "weight", "wanted"),
    [
        ("mean", [1, 1, 1], 4.0),
        ("mean", [1, 0, 9], 4.0),
        ("weighted_mean", [1, 1, 2], 5.25),
        ("weighted_mean", [0, 1, 0], 2.0),
        ("median", [1, 1, 1], 2.0),
    ],
)
def test_numbers_by_hand(name, weight, wanted):
    fused = get(name).fuse(np.array([[1.0, 2.0, 9.0]]), YES, np.array(weight, dtype=float))
    assert fused.output.tolist() == [wanted]
    assert fused.choice is None


def test_median_of_two_and_of_probabilities():
    two = get("median").fuse(np.array([[1.0, 2.0, 9.0]]), np.array([[True, False, True]]))
    assert two.output.tolist() == [5.0]
    p = np.array([[[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6]]])
    fused = get("median").fuse(p, YES)  # the medians are 0.2, 0.3, 0.3
    assert fused.output == pytest.approx(np.array([[0.25, 0.375, 0.375]]), abs=1e-15)
    assert fused.choice.tolist() == [1]


def test_median_of_members_that_contradict_each_other_is_their_mean():
    p = np.eye(3)[None]
    assert get("median").fuse(p, YES).output == pytest.approx(np.full((1, 3), 1 / 3))


def test_median_of_large_numbers_does_not_overflow():
    assert get("median").fuse(np.array([[1.5e308, 1.7e308]]), np.ones((1, 2), bool)).output == pytest.approx([1.6e308])


def test_hard_vote_ties_go_to_the_greater_mean_probability_then_the_first_class():
    tie = np.array([[[0.6, 0.4], [0.1, 0.9]], [[0.4, 0.6], [0.6, 0.4]]])
    fused = get("hard_vote").fuse(tie, np.ones((2, 2), bool))
    assert fused.output.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert fused.choice.tolist() == [1, 0]


def test_hard_vote_counts_weights():
    p = np.array([[[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]]])
    assert get("hard_vote").fuse(p, YES).choice.tolist() == [1]
    assert get("hard_vote").fuse(p, YES, np.array([3.0, 1.0, 1.0])).choice.tolist() == [0]


def test_hard_vote_sees_a_tie_of_fractional_weights():
    p = np.array([[[0.9, 0.1], [0.9, 0.1], [0.0, 1.0]]])
    weight = np.array([0.1, 0.2, 0.3])  # 0.1 + 0.2 and 0.3 differ in the last bit
    assert get("hard_vote").fuse(p, YES, weight).choice.tolist() == [1]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("wild", WILD)
def test_absent_numbers_never_count(rule, wild):
    rule = made(rule.name, 3, 2)
    p = np.array([[[0.7, 0.3], [0.2, 0.8], [0.5, 0.5]], [[0.7, 0.3], [0.2, 0.8], [0.5, 0.5]]])
    present = np.array([[True, True, False], [False, True, True]])
    weight = np.array([1.0, 2.0, 5.0])
    clean = rule.fuse(p, present, weight)
    dirty = np.where(present[:, :, None], p, wild)
    fused = rule.fuse(dirty, present, weight)
    assert fused.output.tobytes() == clean.output.tobytes()
    assert fused.choice.tolist() == clean.choice.tolist()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_row_without_anybody_is_nan_and_not_answered(rule):
    rule = made(rule.name, 2, 2)
    p = np.full((2, 2, 2), 0.5)
    p[1] = np.nan
    fused = rule.fuse(p, np.array([[True, False], [False, False]]))
    assert fused.answered.tolist() == [True, False]
    assert np.isnan(fused.output[1]).all() and np.isfinite(fused.output[0]).all()
    assert fused.choice[1] == NOBODY


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_no_rows_give_no_rows(rule):
    rule = made(rule.name, 2, 2)
    fused = rule.fuse(np.zeros((0, 2, 2)), np.zeros((0, 2), bool))
    assert fused.output.shape == (0, 2) and fused.choice.shape == (0,)


def test_a_row_with_only_weightless_members_is_not_answered():
    fused = get("weighted_mean").fuse(np.array([[1.0, 2.0]]), np.array([[True, False]]), np.array([0.0, 1.0]))
    assert fused.answered.tolist() == [False] and np.isnan(fused.output[0])


def test_the_mean_of_large_numbers_does_not_overflow():
    many = get("mean").fuse(np.full((2, 4), 1.5e308), np.ones((2, 4), bool))
    assert many.output == pytest.approx([1.5e308, 1.5e308], rel=1e-15)
    heavy = get("weighted_mean").fuse(np.array([[1e300, 3e300]]), np.ones((1, 2), bool), np.array([1e300, 1e300]))
    assert heavy.output == pytest.approx([2e300])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("wild", [np.nan, np.inf])
def test_a_present_number_that_is_not_finite_is_refused(rule, wild):
    rule = made(rule.name, 2, 2)
    p = np.array([[[0.7, 0.3], [wild, 0.8]]])
    with pytest.raises(DataError, match="row 0, member 1"):
        rule.fuse(p, np.ones((1, 2), bool))


def test_shapes_and_weights_are_checked():
    x, ok = np.zeros((2, 3)), np.ones((2, 3), bool)
    mean = get("weighted_mean")
    for outputs, present in ((np.zeros(3), ok), (np.zeros((2, 0)), ok), (x, ok[:1]), (x, np.ones((2, 3)))):
        with pytest.raises(ShapeMismatch):
            mean.fuse(outputs, present)
    with pytest.raises(ShapeMismatch, match="member_weight"):
        mean.fuse(x, ok, np.ones(2))
    for weight in ([-1, 1, 1], [np.nan, 1, 1], [0, 0, 0]):
        with pytest.raises(DataError, match="member_weight"):
            mean.fuse(x, ok, np.array(weight, dtype=float))
    for name in ("soft_vote", "hard_vote", "log_pool", "cascade"):
        with pytest.raises(ShapeMismatch, match="classes"):
            get(name).fuse(x, ok)


def test_mask_invalid_counts_each_answer_once_by_reason():
    p = np.array([[[0.5, 0.5], [np.nan, 0.5], [1.5, -0.5], [0.5, 0.4]], [[np.inf, 2.0], [0.1, 0.9], [1, 0], [0, 1]]])
    present = np.array([[True] * 4, [False, True, True, True]])
    masked = mask_invalid(p, present)
    assert masked.present.tolist() == [[True, False, False, False], [False, True, True, True]]
    assert {reason: count.tolist() for reason, count in masked.counts.items()} == {
        "not_finite": [0, 1, 0, 0], "out_of_range": [0, 0, 1, 0], "not_a_distribution": [0, 0, 0, 1],
    }  # fmt: skip
    assert masked.total == 3


def test_mask_invalid_lets_plain_numbers_be_any_size():
    masked = mask_invalid(np.array([[7.0, np.inf]]), np.ones((1, 2), bool))
    assert masked.present.tolist() == [[True, False]]
    strict = mask_invalid(np.array([[7.0, 0.5]]), np.ones((1, 2), bool), probability=True)
    assert strict.counts["out_of_range"].tolist() == [1, 0]


def test_shares_of_a_rule_that_is_not_linear_are_refused():
    with pytest.raises(ConfigError, match="exact member shares"):
        member_shares(get("median"), np.zeros((1, 2)), np.ones((1, 2), bool))


@pytest.mark.parametrize("one", CALIBRATIONS, ids=lambda one: one.name)
def test_each_calibration_declares_itself(one):
    assert one.definition and one.range and one.edge_cases and one.source and one.parameters
    assert set(one.tasks) <= {"binary", "multiclass"}


QUANTILES = {"a": [0.0, 0.5, 1.0], "b": [0.0, 0.2, 1.0]}
STACK = {"rule": "stacking", "coefficients": {"a": 1.0, "b": 0.5}}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("trimed_mean", 'did you mean "trimmed_mean"'),
        ({"rule": "mean", "trim": 0.1}, "$.fusion.trim: expected rule trimmed_mean"),
        ({"rule": "mean", "trimm": 0.1}, 'did you mean "trim"'),
        ({"rule": "trimmed_mean", "trim": 0.5}, "$.fusion.trim: expected at least 0 and below 0.5, got 0.5"),
        ({"rule": "trimmed_mean", "trim": "much"}, "expected a finite number"),
        ({"rule": "rank_average"}, "needs reference quantiles"),
        ({"rule": "rank_average", "quantiles": {"a": [0, 1]}}, 'got none for "b"'),
        ({"rule": "rank_average", "quantiles": QUANTILES | {"c": [0, 1]}}, "unknown member, $.fusion.quantiles"),
        ({"rule": "rank_average", "quantiles": QUANTILES | {"a": [1, 0]}}, "not ascending"),
        ({"rule": "rank_average", "quantiles": QUANTILES | {"a": [1]}}, "$.fusion.quantiles.a"),
        ({"rule": "cascade"}, "needs stages"),
        ({"rule": "cascade", "stages": [["a"], ["b"]]}, "needs a confidence"),
        ({"rule": "cascade", "stages": [["a"]], "confidence": 0.9}, '"b" once, got 0 times'),
        ({"rule": "cascade", "stages": [["a"], ["b", "a"]], "confidence": 0.9}, '"a" once, got 2 times'),
        ({"rule": "cascade", "stages": [["a"], ["z"]], "confidence": 0.9}, "unknown member"),
        ({"rule": "cascade", "stages": [["a"], ["b"]], "confidence": [0.9, 0.8]}, "wrong number of confidences"),
        ({"rule": "cascade", "stages": [["a"], ["b"]], "confidence": 1.5}, "confidence out of range"),
        ({"rule": "cascade", "stages": ["a", "b"], "confidence": 0.9}, "a stage is a list of members"),
        ("stacking", "needs fitted coefficients"),
        (STACK | {"coefficients": {"a": 1.0}}, "a member is missing, $.fusion.coefficients"),
        (STACK | {"inputs": "logit"}, "allowed: log_odds, probability"),
        (STACK | {"intercept": True}, "$.fusion.intercept"),
        ({"calibration": {"method": "plat"}}, 'did you mean "platt"'),
        ({"calibration": "platt"}, "$.fusion.calibration: expected {method: ..., ...}"),
        ({"calibration": {"method": "platt", "slope": 1.0}}, "$.fusion.calibration.intercept"),
        ({"calibration": {"method": "platt", "slope": -1.0, "intercept": 0}}, "expected above 0, got -1"),
        ({"calibration": {"method": "beta", "a": 1, "b": -1, "c": 0}}, "$.fusion.calibration.b"),
        ({"calibration": {"method": "temperature", "temperature": 1, "a": 2}}, "$.fusion.calibration.a"),
        ({"calibration": {"method": "isotonic", "x": [0.5, 0.1], "y": [0, 1]}}, "x rising"),
        ({"calibration": {"method": "isotonic", "x": [0.1], "y": [2.0]}}, "within 0 and 1"),
        ({"rule": "hard_vote", "calibration": {"method": "platt"}}, "not recalibrated"),
    ],
)
def test_what_a_declaration_may_not_say(document, message):
    with pytest.raises(ChoirmasterError) as caught:
        prepare(document, task="binary", members=["a", "b"], classes=["no", "yes"])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "task"), [("hard_vote", "regression"), ("log_pool", "quantile"), ("stacking", "multilabel")]
)
def test_a_rule_serves_the_tasks_it_declares(rule, task):
    with pytest.raises(ConfigError, match="does not serve this task"):
        prepare(rule, task=task, members=["a"])


def test_the_positive_class_may_be_the_first():
    declared = {"rule": "stacking", "intercept": 5.0, "coefficients": {"a": 1.0}}
    for positive, column in (("no", 0), ("yes", 1), ("", 1)):
        one = prepare(declared, task="binary", members=["a"], classes=["no", "yes"], positive=positive)
        assert one.fuse(np.full((1, 1, 2), 0.5), np.ones((1, 1), bool)).output[0, column] > 0.99


def test_logarithms_have_the_bits_of_the_kernel_and_exponentials_undo_them():
    from choirmaster.fusion.logs import CLIP, WIDEST, exps, logs
    from choirmaster.kernels.log import natural_log

    x = np.concatenate([np.random.default_rng(0).random(2000), [CLIP, 1.0, 0.5, 1e-300, 1e300]])
    assert logs(x).tolist() == [natural_log(one) for one in x.tolist()]
    np.testing.assert_allclose(exps(np.linspace(-700, 700, 3001)), np.exp(np.linspace(-700, 700, 3001)), rtol=1e-15 * 4)
    assert -natural_log(CLIP) == WIDEST and exps(np.array([-1e9, -800.0])).tolist() == [0.0, 0.0]
