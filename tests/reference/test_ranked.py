"""Metrics of scores: what bins give holds what the rows give, always; rows themselves give the textbook's number."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from choirmaster.metrics import evaluate
from choirmaster.metrics.brier_parts import brier_parts
from choirmaster.metrics.calibration import calibration_curve
from choirmaster.metrics.exact import OF_RANKED
from choirmaster.metrics.ranked import amount_above, hits_above, ranked_rows, top
from choirmaster.states import Scores
from choirmaster.states.scores import ScorePart, score_part
from choirmaster.values import Reason
from tests.reference.few import BY_NAME

RATES = {"0_1pct": 0.001, "1pct": 0.01, "5pct": 0.05, "10pct": 0.1}
NAMES = sorted(OF_RANKED)
Rows = tuple[np.ndarray, np.ndarray]  # scores, labels


def truths(part: ScorePart, p: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return each number from the rows, by scikit-learn or as the definition says."""
    n, m = len(p), int(y.sum())
    scores, codes = np.unique(-p, return_inverse=True)  # from the top; rows of one score count in proportion
    rows, hits = (np.concatenate([[0.0], np.cumsum(np.bincount(codes, one, len(scores)))]) for one in (None, y))
    found = {f"precision_at_review_{name}": float(np.interp(q * n, rows, hits)) / (q * n) for name, q in RATES.items()}
    cells = cells_of(part, p)
    gap = np.array([[np.mean(cells == c), p[cells == c].mean() - y[cells == c].mean()] for c in np.unique(cells)])
    found |= {
        "expected_calibration_error": float(gap[:, 0] @ np.abs(gap[:, 1])),
        "maximum_calibration_error": float(np.abs(gap[:, 1]).max()),
        "brier_reliability": float(gap[:, 0] @ gap[:, 1] ** 2),
        "brier_resolution": sum(np.mean(cells == c) * (y[cells == c].mean() - m / n) ** 2 for c in np.unique(cells)),
        "brier_uncertainty": m / n * (1 - m / n),
    }
    if p.any():
        found["observed_expected_ratio"] = float(m / p.sum())
    if m:
        found["average_precision"] = float(sk.average_precision_score(y, p))
        recall = {name: found[f"precision_at_review_{name}"] * q * n / m for name, q in RATES.items()}
        found |= {f"recall_at_review_{name}": one for name, one in recall.items()}
        found |= {f"lift_at_review_{name}": recall[name] / q for name, q in RATES.items() if q > 0.001}
    if 0 < m < n:
        fpr, tpr, _ = sk.roc_curve(y, p, drop_intermediate=False)
        auc = float(sk.roc_auc_score(y, p))
        found |= {"roc_auc": auc, "gini": 2 * auc - 1, "class_ks": float(np.abs(tpr - fpr).max())}
        found |= {f"recall_at_fpr_{name}": height(fpr, tpr, q) for name, q in RATES.items()}
    return found


def height(fpr: np.ndarray, tpr: np.ndarray, q: float) -> float:
    at = int(np.flatnonzero(fpr <= q + 1e-12)[-1])
    if at == len(fpr) - 1 or q - fpr[at] < 1e-12:
        return float(tpr[at])
    return float(tpr[at] + (q - fpr[at]) / (fpr[at + 1] - fpr[at]) * (tpr[at + 1] - tpr[at]))


def cells_of(part: ScorePart, p: np.ndarray) -> np.ndarray:
    """Return floor(10 (b + c / 2) / n) of the fine bins of the reference; empty ones go with the nearest below."""
    counts = part.reference[:, 1 : len(part.edges)].sum(axis=0).tolist()
    n, before, last = sum(counts), 0, None
    cells: list[int | None] = []
    for c in counts:
        last = (10 * (2 * before + c)) // (2 * n) if c else last
        cells.append(last)
        before += c
    first = next(one for one in cells if one is not None)
    return np.array([first if one is None else one for one in cells])[np.searchsorted(part.edges, p, side="right") - 1]


def state_of(part: ScorePart, p: np.ndarray, y: np.ndarray) -> Scores:
    """Count without the kernels."""
    table = np.zeros((3, part.width), np.int64)
    np.add.at(table, (y, np.searchsorted(part.edges, p, side="right")), 1)
    return Scores(part, table.reshape(-1), np.zeros((0, 2), np.int64))


def draw(rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Draw a reference and rows: smooth or tied, with exact 0 and 1, weak or overconfident, rare, few, or drifted."""
    kind = rng.choice(["smooth", "tied", "ends", "overconfident", "narrow", "weak"])
    share = rng.choice([0.5, 0.2, 0.02, 0.0, 1.0], p=[0.35, 0.3, 0.25, 0.05, 0.05])
    drift = rng.choice([0.0, 0.0, 1.0, -3.0])
    skill = 0.2 if kind == "weak" else 2.0

    def side(n: int, moved: float) -> Rows:
        y = (rng.random(n) < share).astype(np.int64)
        odds = rng.normal(0.0, 1.0, n) + skill * y + moved
        if kind == "narrow":
            return 0.02 + 1e-4 / (1 + np.exp(-odds)), y
        p = 1 / (1 + np.exp(-odds * (9.0 if kind == "overconfident" else 1.0)))
        if kind == "tied":
            p = np.round(p, 1)
        if kind == "ends":
            p = np.clip(2 * p - 0.5, 0.0, 1.0)
        return p, y

    return side(int(rng.choice([1, 30, 3000])), 0.0), side(int(rng.choice([1, 2, 12, 150, 1500])), drift)


def check(name: str, state: Scores, p: np.ndarray, y: np.ndarray, truth: float | None) -> bool:
    binned, own = evaluate(BY_NAME[name], state), BY_NAME[name].value(ranked_rows(y, p, state.part))
    if binned.number is None:
        assert binned.reason is not Reason.FAILED, binned.detail
        assert binned.reason is own.reason or binned.reason is Reason.BEYOND_BINS
        assert truth is None or binned.reason in (Reason.TOO_FEW_ROWS, Reason.BEYOND_BINS)
        return False
    assert truth is not None
    assert own.resolution == pytest.approx(0.0, abs=1e-15)
    assert own.number == pytest.approx(truth, rel=1e-12, abs=1e-12), name
    assert abs(binned.number - truth) <= binned.resolution + 1e-12 * max(1.0, abs(truth)), (name, binned, truth)
    for value in (binned, own):
        assert value.lower <= value.number + 1e-12, (name, value)
        assert value.upper >= value.number - 1e-12, (name, value)
    return True


@pytest.mark.parametrize("block", range(8))
def test_bins_hold_the_number_of_the_rows_and_rows_give_the_textbooks(block: int) -> None:
    """Over 20,000 numbers of 1,000 draws in all."""
    rng = np.random.default_rng(block)
    seen = blurred = 0
    for _ in range(125):
        before, now = draw(rng)
        state = state_of(score_part(*before), *now)
        found = truths(state.part, *now)
        for name in NAMES:
            seen += check(name, state, *now, found.get(name))
            blurred += evaluate(BY_NAME[name], state).resolution > 0.0
    assert seen > 1200
    assert blurred > 500


def test_every_metric_of_labelled_scores_takes_rows_too() -> None:
    quality = {one.name for one in BY_NAME.values() if one.needs == "scores/1" and one.family == "quality"}
    assert set(OF_RANKED) == {name for name in quality if not name.startswith("value_")}


def test_brier_parts_add_up() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        before, (p, y) = draw(rng)
        part = score_part(*before)
        for counts in (state_of(part, p, y), ranked_rows(y, p, part)):
            parts = brier_parts(counts)
            whole = parts.reliability - parts.resolution + parts.uncertainty + parts.within
            assert whole == pytest.approx(parts.brier, abs=1e-12)
        assert parts.brier == pytest.approx(np.mean((p - y) ** 2), abs=1e-12)
        assert parts.reliability == pytest.approx(truths(part, p, y)["brier_reliability"], abs=1e-12)
    assert brier_parts(Scores.zero(part)) is None


def test_calibration_curve() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(5000)
    y = (rng.random(5000) < p).astype(np.int64)
    points = calibration_curve(state_of(score_part(p, y), p, y))
    assert len(points) == 10
    assert sum(one.n for one in points) == 5000
    cells = np.sort(p).reshape(10, 500).mean(axis=1)
    for one, mean in zip(points, cells, strict=True):
        assert abs(one.score - mean) <= one.resolution + 0.001  # the cells end at bins
        assert one.lower < one.share < one.upper
        assert one.resolution < 0.001
    assert calibration_curve(Scores.zero(score_part(p, y))) == ()


def test_the_top_of_the_rows_is_cut_without_rounding() -> None:
    rows = np.array([30, 0, 7, 3])
    assert top(rows, 75) == (3, 3.0, 3, 3.0)
    assert top(rows, 1) == pytest.approx((3, 0.04, 3, 0.04))
    assert top(rows, 100) == (2, 1.0, 7, 4.0)
    assert top(rows, 1000) == (0, 30.0, 30, 40.0)
    mixed, ties = np.zeros(4, np.bool_), np.ones(4, np.bool_)
    hits = np.array([1, 0, 5, 2])
    assert hits_above(hits, top(rows, 200), mixed) == (2 + 25 / 7, 5.0, 7.0)
    assert hits_above(hits, top(rows, 200), ties) == (2 + 25 / 7, 2 + 25 / 7, 2 + 25 / 7)
    assert hits_above(hits, top(rows, 250), mixed) == (7.0, 7.0, 7.0)
    assert amount_above(hits.astype(float), top(rows, 200), mixed) == (2 + 25 / 7, 2.0, 7.0)
    assert hits_above(hits, top(rows, 200), mixed).resolution == pytest.approx(5 - 25 / 7)
