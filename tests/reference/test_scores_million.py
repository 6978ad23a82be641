"""A million rows like the reference: the resolution that bins leave is narrow, and holds what the rows give (D12)."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from choirmaster.engines.compile import compiled
from choirmaster.metrics import BY_NAME, evaluate
from choirmaster.states import Scores
from choirmaster.states.scores import count_scores, score_part

ROWS, REFERENCE = 1_000_000, 200_000
MEMBERS = {"plain": (1.5, 1.0), "weak": (0.3, 1.0), "overconfident": (1.5, 8.0), "squeezed": (1.5, 0.05),
           "strong and squeezed": (4.0, 0.02)}  # skill, and how much the log-odds are stretched  # fmt: skip
BARS = {"roc_auc": 0.0005, "average_precision": 0.005, "gini": 0.001, "class_ks": 0.002, "recall_at_review_1pct": 0.005,
        "precision_at_review_1pct": 0.005, "recall_at_fpr_1pct": 0.005, "expected_calibration_error": 0.002,
        "maximum_calibration_error": 0.01, "brier_reliability": 0.001}  # fmt: skip


def draw(rng: np.random.Generator, n: int, share: float, skill: float, stretch: float) -> tuple[np.ndarray, np.ndarray]:
    y = (rng.random(n) < share).astype(np.int64)
    odds = stretch * (rng.normal(0.0, 1.0, n) + skill * y) + np.log(share / (1 - share))
    return 1.0 / (1.0 + np.exp(-odds)), y


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("share", [0.5, 0.05, 0.002, 0.0005])
def test_resolution_of_a_million_rows(share: float, member: str) -> None:
    rng = np.random.default_rng(7)
    part = score_part(*draw(rng, REFERENCE, share, *MEMBERS[member]))
    p, y = draw(rng, ROWS, share, *MEMBERS[member])
    state = Scores.zero(part)
    state.counts = count_scores(part, p, y, np.zeros(ROWS, np.int64), 1, compiled())[0]
    found = {name: evaluate(BY_NAME[name], state) for name in BARS}
    assert {name: one.resolution for name, one in found.items() if one.resolution > BARS[name]} == {}
    for name, theirs in (("roc_auc", sk.roc_auc_score), ("average_precision", sk.average_precision_score)):
        assert abs(found[name].number - theirs(y, p)) <= found[name].resolution
        assert found[name].n == ROWS
