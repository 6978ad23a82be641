"""Cost under a matrix, and everything weighted by a value column, against scikit-learn's sample weights."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from choirmaster.metrics import BY_NAME, evaluate, targets
from choirmaster.metrics.ranked import ranked_rows
from choirmaster.states import Confusion, Scores
from choirmaster.states.confusion import ConfusionPart
from choirmaster.states.scores import score_part
from choirmaster.values import Kind, Reason, Value

EXPONENT = 10  # values of up to 1,024
SCALE = 1e-12 * 2.0**EXPONENT
NAMES = ("a", "b", "c")
SEEDS = range(40)


def part_of(k: int, costs: tuple[float, ...] = (), exponent: int | None = EXPONENT) -> ConfusionPart:
    return ConfusionPart(NAMES[:k], 1 if k == 2 else -1, 0.5 if k == 2 else float("nan"), exponent, costs)


def read(name: str, state: Confusion, target: str = "") -> Value:
    value = evaluate(BY_NAME[name], state, target=target)
    assert value.reason is not Reason.FAILED, value.detail
    if value.number is not None and value.lower is not None:
        assert value.lower <= value.number <= value.upper
    return value


def rows(seed: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, Confusion]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 80))
    y = rng.choice(k, n, p=rng.dirichlet(np.ones(k)))
    said = np.where(rng.random(n) < 0.6, y, rng.integers(0, k, n))
    v = np.where(rng.random(n) < 0.2, 0.0, rng.lognormal(3.0, 1.0, n))
    state = Confusion.zero(part_of(k))
    state.update(y, said, v)
    # Without a label, with an unknown one, without an answer, and without a usable value: none of them counts.
    state.update(np.array([k, k + 1, 0]), np.array([0, 1, k]), np.array([9.0, 9.0, 9.0]))
    state.update(np.array([1, 1, 1, 0]), np.array([1, 0, 1, 1]), np.array([np.nan, -3.0, np.inf, -np.inf]))
    return y, said, v, state


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [2, 3])
def test_shares_of_value(seed: int, k: int) -> None:
    y, said, v, state = rows(seed, k)
    value = read("value_accuracy", state)
    if v.sum() == 0.0:
        assert value.reason is Reason.ZERO_VARIANCE
        return
    assert value.number == pytest.approx(sk.accuracy_score(y, said, sample_weight=v), abs=len(v) * SCALE / v.sum())
    assert value.n == len(y)
    for name, theirs in (("value_precision", sk.precision_score), ("value_recall", sk.recall_score)):
        each = theirs(y, said, average=None, labels=range(k), sample_weight=v, zero_division=np.nan)
        assert targets(BY_NAME[name], state) == (("",) if k == 2 else ("macro", "a", "b", "c"))
        for index, (target, number) in enumerate(zip(NAMES[:k], each, strict=True)):
            found = read(name, state, target)
            if np.isnan(number):
                assert found.reason in (Reason.NO_POSITIVES, Reason.NO_PREDICTED_POSITIVES, Reason.ALL_MISSING)
            else:
                whole = v[(said if name == "value_precision" else y) == index].sum()
                assert found.number == pytest.approx(number, abs=len(v) * SCALE / whole)
        if k == 2:
            assert read(name, state) == read(name, state, "b")
        else:
            assert read(name, state).reason is Reason.NOT_APPLICABLE


@pytest.mark.parametrize("seed", SEEDS)
def test_sums_of_value(seed: int) -> None:
    y, said, v, state = rows(seed, 2)
    inside = {"value_caught": (y == 1) & (said == 1), "value_missed": (y == 1) & (said == 0),
              "value_false_alarms": (y == 0) & (said == 1)}  # fmt: skip
    for name, mask in inside.items():
        value = read(name, state)
        assert value.number == pytest.approx(v[mask].sum(), abs=len(v) * SCALE)
        assert (value.n, value.kind) == (len(v), Kind.REALIZED)
        if mask.any() and len(v) > 1:
            half = 1.959963984540054 * np.sqrt(len(v)) * np.where(mask, v, 0.0).std(ddof=1)
            assert value.upper == pytest.approx(value.number + half, rel=1e-6, abs=1e-6)
            assert value.lower == pytest.approx(max(0.0, value.number - half), rel=1e-6, abs=1e-6)
    missing = read("value_missing_rate", state)
    assert missing.number == pytest.approx(4 / (len(v) + 7), abs=1e-15)


def test_reasons_of_value() -> None:
    plain = Confusion.zero(part_of(2, exponent=None))
    plain.update(np.array([0, 1]), np.array([0, 1]))
    valued = [name for name in BY_NAME if name.startswith("value_") and BY_NAME[name].needs == "confusion/1"]
    assert len(valued) == 7
    for name in valued:
        assert read(name, plain).reason is Reason.NOT_APPLICABLE
        assert read(name, Confusion.zero(part_of(2))).reason is Reason.NO_ROWS
    state = Confusion.zero(part_of(2))
    state.update(np.array([1, 3]), np.array([1, 0]), np.array([np.nan, 5.0]))
    assert read("value_recall", state).reason is Reason.ALL_MISSING
    assert read("value_caught", state).reason is Reason.ALL_MISSING
    state.update(np.array([0]), np.array([0]), np.array([0.0]))
    assert read("value_accuracy", state).reason is Reason.ZERO_VARIANCE
    assert (read("value_missed", state).number, read("value_missed", state).lower) == (0.0, None)


def test_a_value_beyond_the_range_undoes_only_what_it_touches() -> None:
    state = Confusion.zero(part_of(2))
    far = 4.0 * 2.0**EXPONENT
    state.update(np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0]), np.array([30.0, 10.0, np.nextafter(far, 1e9), 5.0]))
    assert read("value_recall", state).number == 0.75
    assert read("value_caught", state).number == 30.0
    value = read("value_precision", state)
    assert value.reason is Reason.OUT_OF_RANGE
    assert value.detail == "the value of 1 of 2 rows lies beyond the range; of the others it is 1.0"
    assert read("value_false_alarms", state).reason is Reason.OUT_OF_RANGE
    assert read("value_accuracy", state).reason is Reason.OUT_OF_RANGE
    state.update(np.array([1]), np.array([1]), np.array([far]))  # in range, its square is not
    assert read("value_caught", state).number == 30.0 + far
    assert read("value_caught", state).lower is None
    assert read("value_recall", state).lower is None


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [2, 3])
def test_cost(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    costs = np.round(rng.normal(0.0, 5.0, (k, k)), 2)
    n = int(rng.integers(1, 60))
    y, said = rng.integers(0, k, n), rng.integers(0, k, n)
    state = Confusion.zero(part_of(k, tuple(costs.reshape(-1).tolist()), None))
    state.update(np.append(y, [k, k + 1, 0]), np.append(said, [0, 1, k]))
    each = costs[y, said]
    value, total = read("cost", state), read("total_cost", state)
    assert value.number == pytest.approx(each.mean(), abs=1e-12)
    assert total.number == pytest.approx(each.sum(), abs=1e-10)
    assert value.lower * n == pytest.approx(total.lower, abs=1e-9)
    if np.ptp(each) > 0:
        half = 1.959963984540054 * each.std(ddof=1) / np.sqrt(n)
        assert value.upper == pytest.approx(min(costs.max(), value.number + half), abs=1e-9)
    else:
        assert costs.min() <= value.lower <= value.number <= value.upper <= costs.max()


def test_costs_are_read_and_not_counted() -> None:
    one, other = part_of(2, (0.0, 1.0, 5.0, 0.0), None), part_of(2, (0.0, 2.0, 7.0, 0.0), None)
    assert one.id == other.id == part_of(2, (), None).id
    state = Confusion.zero(one)
    state.update(np.array([0, 1]), np.array([1, 1]))
    assert read("cost", state).number == 0.5
    assert read("cost", Confusion.from_bytes(state.to_bytes(), other)).number == 1.0
    assert read("cost", Confusion.from_bytes(state.to_bytes(), part_of(2, (), None))).reason is Reason.NOT_APPLICABLE
    assert read("total_cost", Confusion.zero(one)).reason is Reason.NO_ROWS
    free = Confusion.zero(part_of(2, (3.0, 3.0, 3.0, 3.0), None))
    free.update(np.array([0]), np.array([1]))
    assert (read("cost", free).lower, read("cost", free).upper) == (3.0, 3.0)


def ordered(p: np.ndarray, y: np.ndarray, v: np.ndarray, per_mille: int) -> float:
    """Value of the positives above the cut over that of all, each run of equal scores in proportion."""
    order = np.argsort(-p, kind="stable")
    left, caught = per_mille * len(p) / 1000, 0.0
    for score in dict.fromkeys(p[order].tolist()):
        tied = p == score
        caught += min(1.0, left / tied.sum()) * v[tied & (y == 1)].sum()
        left = max(0.0, left - tied.sum())
    return caught / v[y == 1].sum()


@pytest.mark.parametrize("kind", ["tied", "smooth"])
@pytest.mark.parametrize("seed", range(15))
def test_value_caught_by_a_review(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(100, 4000))
    y, v = rng.integers(0, 2, n), rng.lognormal(3.0, 1.0, n)
    p = rng.choice(np.linspace(0.0, 1.0, 9), n) if kind == "tied" else rng.beta(1.0, 3.0, n)
    past = p if kind == "tied" else rng.beta(1.0, 3.0, 500)
    part = score_part(past, rng.integers(0, 2, len(past)), value_exponent=EXPONENT)
    state = Scores.zero(part)
    bad = np.array([np.nan, -1.0, np.inf])
    state.update(np.append(p, [0.9, np.nan, 1.5]), np.append(y, [2, 1, 1]), np.append(v, [9.0, 9.0, 9.0]))
    for name, per_mille in (("1pct", 10), ("5pct", 50), ("10pct", 100)):
        value = evaluate(BY_NAME[f"value_recall_at_review_{name}"], state)
        assert value.number is not None
        assert abs(value.number - ordered(p, y, v, per_mille)) <= value.resolution + 1e-9
        assert kind == "smooth" or value.resolution == 0.0
        assert (value.n, value.lower) == (n, None)
    whole = float(v[y == 1].sum()) + 18.0  # two more positives, without a place in the order
    assert state.joint(range(part.width, 2 * part.width)) == pytest.approx(whole, abs=n * SCALE)
    state.update(np.full(3, 0.99), np.ones(3, np.int64), bad)
    assert state.faults(1) == (3, 0)
    state.update(np.array([0.5]), np.array([1]), np.array([4.1 * 2.0**EXPONENT]))
    assert evaluate(BY_NAME["value_recall_at_review_1pct"], state).reason is Reason.OUT_OF_RANGE


def test_reasons_of_a_review_of_value() -> None:
    def read_off(p: list[float], y: list[int], v: list[float], exponent: int | None = EXPONENT) -> Reason | None:
        state = Scores.zero(score_part(np.array([0.5]), np.array([1]), value_exponent=exponent))
        state.update(np.array(p), np.array(y, np.int64), np.array(v))
        return evaluate(BY_NAME["value_recall_at_review_10pct"], state).reason

    rows = ranked_rows(np.array([0, 1]), np.array([0.2, 0.4]))
    assert BY_NAME["value_recall_at_review_1pct"].value(rows).reason is Reason.NOT_APPLICABLE
    assert read_off([], [], [], None) is Reason.NOT_APPLICABLE
    assert read_off([], [], []) is Reason.NO_ROWS
    assert read_off([0.5], [2], [1.0]) is Reason.NO_LABELS
    assert read_off([0.5] * 10, [0] * 10, [1.0] * 10) is Reason.NO_POSITIVES
    assert read_off([0.5] * 10, [1] * 10, [0.0] * 10) is Reason.NO_POSITIVES
    assert read_off([0.5] * 9, [1] * 9, [1.0] * 9) is Reason.TOO_FEW_ROWS
