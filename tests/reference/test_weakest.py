"""Weakest segments: a planted one is found, and where there is none few are named."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

import choirmaster as cm
from choirmaster.errors import UnknownName
from choirmaster.kernels.table import PLAIN
from choirmaster.metrics import BY_NAME
from choirmaster.metrics.weakest import LEAST_ROWS, _fisher, holm, weakest
from choirmaster.states import Confusion, Losses, Scores
from choirmaster.states.confusion import ConfusionPart, count_pairs
from choirmaster.states.losses import LossPart
from choirmaster.states.scores import count_scores, score_part
from choirmaster.values import Reason

NO_SUMS = np.empty((0, 2), np.int64)
PAIRS = ConfusionPart(("no", "yes"), 1, 0.5)
NUMBERS = LossPart(True, 6)
RUNS, LEVEL = 300, 0.05
MOST = LEVEL + 2.33 * np.sqrt(LEVEL * (1 - LEVEL) / RUNS)


def confusions(y, said, group, groups):
    return [Confusion(PAIRS, one, NO_SUMS) for one in count_pairs(PAIRS, y, said, group, groups)]


def losses(errors, group, groups):
    """``losses/1`` of errors by group, from sums of numpy: the kernels are tested elsewhere."""
    out = []
    for one in range(groups):
        e = errors[group == one]
        state = Losses.zero(NUMBERS)
        counts = np.zeros(NUMBERS.cells, np.int64)
        counts[0] = len(e)
        sums = [e.sum(), np.abs(e).sum(), (e**2).sum(), (e**4).sum()]
        units = np.zeros(len(NUMBERS.exponents), np.int64)
        for at, total in enumerate(sums):
            units[at] = round(total * 2.0 ** (40 - NUMBERS.exponents[at]))
        state.add(counts, units)
        out.append(state)
    return out


def whole_of(states):
    out = states[0]
    for one in states[1:]:
        out = out.merge(one)
    return out


def scored(p, y):
    return Scores(SCORED, count_scores(SCORED, p, y, np.zeros(len(p), np.int64), 1, PLAIN)[0], NO_SUMS)


def segments_of(rng, n):
    """Ten uneven values of one column and five of another, crossed: twenty-five tests on the same rows."""
    first = rng.choice(10, n, p=np.arange(1, 11) / 55)
    second = rng.choice(5, n)
    return {f"a={k}": first == k for k in range(10)} | {f"b={k}": second == k for k in range(5)} | {
        f"a={k}&b={j}": (first == k) & (second == j) for k in (8, 9) for j in range(5)
    }  # fmt: skip


def found_by(metric: str, rng, masks, n, wrong=None):
    """Draw rows without any difference (or with a worse segment) and return the ranking."""
    worse = np.zeros(n, bool) if wrong is None else masks[wrong]
    y = (rng.uniform(size=n) < 0.3).astype(np.int64)
    if metric in ("accuracy", "recall", "error_rate"):
        said = np.where(rng.uniform(size=n) < np.where(worse, 0.6, 0.85), y, 1 - y)
        states = {name: confusions(y, said, (~mask).astype(np.int64), 2)[0] for name, mask in masks.items()}
        whole = whole_of(confusions(y, said, np.zeros(n, np.int64), 1))
    elif metric == "mae":
        errors = rng.exponential(2.0, n) * rng.choice([-1, 1], n) * np.where(worse, 1.8, 1.0)
        states = {name: losses(errors, (~mask).astype(np.int64), 1)[0] for name, mask in masks.items()}
        whole = losses(errors, np.zeros(n, np.int64), 1)[0]
    else:
        p = 1.0 / (1.0 + np.exp(1.0 - np.where(worse, 0.2, 1.5) * y - rng.normal(size=n)))
        states = {name: scored(p[mask], y[mask]) for name, mask in masks.items()}
        whole = scored(p, y)
    return weakest(BY_NAME[metric], whole, states)


SCORED = score_part(np.linspace(0.0, 1.0, 400), np.arange(400) % 2, ())


@pytest.mark.parametrize("metric", ["accuracy", "recall", "mae"])
def test_without_a_difference_few_are_named(metric: str) -> None:
    """The chance that any segment is named is at most the level, over sets of 25 overlapping segments."""
    rng = np.random.default_rng(11)
    named = 0
    for _ in range(RUNS):
        n = 1_200
        ranked = found_by(metric, rng, segments_of(rng, n), n)
        assert sum(one.p_value is not None for one in ranked) >= 8
        named += any(one.p_adjusted is not None and one.p_adjusted <= LEVEL for one in ranked)
    assert named / RUNS <= MOST


def test_without_a_difference_few_are_named_by_auc() -> None:
    rng = np.random.default_rng(12)
    named = 0
    for _ in range(RUNS):
        n = 400
        parts = rng.choice(5, n)
        masks = {f"a={k}": parts == k for k in range(5)}
        named += any((one.p_adjusted or 1.0) <= LEVEL for one in found_by("roc_auc", rng, masks, n))
    assert named / RUNS <= MOST


@pytest.mark.parametrize("metric", ["accuracy", "mae", "roc_auc"])
def test_a_planted_segment_is_first(metric: str) -> None:
    rng = np.random.default_rng(13)
    n = 4_000
    masks = segments_of(rng, n)
    worst = found_by(metric, rng, masks, n, wrong="a=6")[0]
    assert worst.segment == "a=6"
    assert worst.p_adjusted is not None
    assert worst.p_adjusted < 0.01
    inside = worst.difference
    assert inside.lower is not None
    assert inside.upper is not None
    assert inside.upper < 0.0 if BY_NAME[metric].better == "higher" else inside.lower > 0.0


def test_numbers_are_those_of_the_rows() -> None:
    rng = np.random.default_rng(14)
    n = 600
    y, said, group = rng.integers(0, 2, n), rng.integers(0, 2, n), rng.integers(0, 3, n)
    states = confusions(y, said, group, 3)
    found = {
        one.segment: one
        for one in weakest(BY_NAME["accuracy"], whole_of(states), dict(zip("uvw", states, strict=True)))
    }
    right = y == said
    for k, name in enumerate("uvw"):
        one, mine = found[name], group == k
        assert one.value.number == pytest.approx(right[mine].mean(), abs=1e-15)
        assert one.rest.number == pytest.approx(right[~mine].mean(), abs=1e-15)
        assert one.difference.number == pytest.approx(right[mine].mean() - right[~mine].mean(), abs=1e-15)
        table = [[right[mine].sum(), (~right[mine]).sum()], [right[~mine].sum(), (~right[~mine]).sum()]]
        assert one.p_value == pytest.approx(stats.fisher_exact(table, alternative="less").pvalue, rel=1e-9)
    assert [one.p_adjusted for one in found.values()] == holm([one.p_value for one in found.values()])


@pytest.mark.parametrize("fewer", [True, False])
def test_fisher_against_scipy(fewer: bool) -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        n, m = (int(one) for one in rng.integers(30, 10 ** int(rng.integers(2, 6)), 2))
        hits, others = int(rng.binomial(n, rng.choice([0.0, 0.02, 0.5, 1.0]))), int(rng.binomial(m, rng.uniform()))
        law = (n + m, hits + others, n)
        truth = stats.hypergeom.cdf(hits, *law) if fewer else stats.hypergeom.sf(hits - 1, *law)
        assert _fisher(hits, n, others, m, fewer=fewer) == pytest.approx(truth, rel=1e-6, abs=1e-12)


def test_holm_against_its_definition() -> None:
    """The k-th smallest p is adjusted to the largest of (m - j + 1) p(j) over the j up to k."""
    p = np.random.default_rng(1).uniform(size=12) ** 3
    order = np.argsort(p)
    steps = np.maximum.accumulate((12 - np.arange(12)) * p[order])
    assert np.array(holm(p.tolist()))[order] == pytest.approx(np.minimum(steps, 1.0), abs=1e-15)
    assert holm([]) == []


def test_small_segments_are_not_tested_and_cost_nothing() -> None:
    rng = np.random.default_rng(15)
    n = 500
    y = rng.integers(0, 2, n)
    group = np.minimum(np.arange(n) // 10, 12)  # twelve of ten rows, one of the rest
    states = confusions(y, y, group, 13)
    found = weakest(BY_NAME["accuracy"], whole_of(states), {str(k): one for k, one in enumerate(states)})
    assert [one.segment for one in found if one.p_value is not None] == ["12"]
    assert {one.reason for one in found[1:]} == {Reason.TOO_FEW_ROWS}
    assert all(one.value.n < LEAST_ROWS for one in found[1:])
    assert found[1].row()["reason"] == "too_few_rows"


def frame(n: int = 6_000, seed: int = 16) -> pa.Table:
    rng = np.random.default_rng(seed)
    carrier, origin = rng.choice(["AA", "B6", "UA"], n), rng.choice(["JFK", "LGA"], n)
    y = rng.integers(0, 2, n)
    bad = (carrier == "B6") & (origin == "LGA")
    p = np.where(rng.uniform(size=n) < np.where(bad, 0.6, 0.85), 0.8, 0.2)
    p = np.where(y == 1, p, 1 - p)
    day = pa.array(rng.integers(0, 20 * 86_400_000_000, n)).cast(pa.timestamp("us"))
    return pa.table({"y": y, "p": p, "carrier": carrier, "origin": origin, "at": day})


@pytest.mark.parametrize("window", [None, "1d"])
def test_of_a_frame_with_crosses(window) -> None:
    schema = cm.Schema("binary", label="y", prediction="p", time="at",
                       segments=["carrier", "origin", ["origin", "carrier"]])  # fmt: skip
    result = cm.monitor(frame(), schema=schema, window=window)
    rows = result.weakest("accuracy", at_most=3)
    assert rows[0]["segment"] == "carrier=B6&origin=LGA"
    assert rows[0]["p_adjusted"] < 1e-6
    assert len(rows) == 3
    assert [one["metric"] for one in result.weakest()] == ["log_loss"] * 10
    with pytest.raises(UnknownName, match="quality metric"):
        result.weakest("psi")
    with pytest.raises(UnknownName, match="series"):
        result.weakest(series="nobody")
    assert cm.monitor(frame(), schema=cm.Schema("binary", label="y", prediction="p", time="at")).weakest() == []
