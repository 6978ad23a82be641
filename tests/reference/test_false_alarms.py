"""Drift measures without drift, beside rules of thumb on the same draws: the benchmark, its rules and its page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from benchmarks import false_alarms

PAGE = Path(__file__).resolve().parents[2] / "docs" / "drift-false-alarms.md"


@pytest.mark.parametrize(("n", "k", "reference"), [(50, 3, 10_000), (200, 10, 10_000), (200, 10, 0)])
def test_the_page_says_what_a_run_prints(n: int, k: int, reference: int) -> None:
    found = false_alarms.shares(n, reference, k)
    assert max(found[name] for name, _ in false_alarms.OURS) <= 0.075
    line = f"| {n:,} | {k} | " + " | ".join(f"{100.0 * share:.1f}" for share in found.values()) + " |"
    assert line in PAGE.read_text(encoding="utf-8").splitlines()


def test_the_rules_are_the_formulas_they_are_named_for() -> None:
    rng = np.random.default_rng(3)
    seen = set()
    for n in (50, 400, 3_000):
        for _ in range(20):
            now, past = rng.multinomial(n, [0.2] * 5), rng.multinomial(900, [0.2] * 5)
            p, q = now / now.sum(), past / past.sum()
            rules = [rule(now, past) for _, rule in false_alarms.RULES]
            assert rules[0] is bool(stats.chisquare(now, q * n).pvalue < 0.05)
            assert rules[1] is bool(stats.entropy(p, q) + stats.entropy(q, p) >= 0.1)
            assert rules[2] is bool(jensenshannon(p, q) >= 0.1)
            seen.update(enumerate(rules))
    assert {(0, True), (0, False), (1, True), (1, False), (2, True), (2, False)} <= seen
