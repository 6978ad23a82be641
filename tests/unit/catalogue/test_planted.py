"""Planted streams: four shares of positives, three levels of traffic, and the choices docs/choice.md states."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.catalogue.following import choose_base
from choirmaster.catalogue.ranking import names
from choirmaster.engines.reference import build_reference
from choirmaster.layout import Layout, SeriesSpec, Task
from choirmaster.metrics import BY_NAME
from choirmaster.metrics.base import QUALITY
from choirmaster.watch.chosen import chosen_metrics, leading_of

LAYOUT = Layout(Task.BINARY, (SeriesSpec("model"),), ("no", "yes"), "yes")
ROWS = 200_000
TRAFFIC = (100, 2_000, 40_000)  # rows an hour
CHOICES = {  # the two leading metrics, the last quality metric, and a window for each level of traffic
    "50 %": ("roc_auc", "log_loss", "expected_calibration_error", "1d", "1h", "1h"),
    "5 %": ("average_precision", "roc_auc", "accuracy", "1mo", "1w", "1d"),
    "0.2 %": ("average_precision", "recall_at_review_1pct", "accuracy", "1mo", "1w", "1d"),
    "0.05 %": ("average_precision", "recall_at_review_0_1pct", "accuracy", "1mo", "1w", "1d"),
}
SHARES = {"50 %": 0.5, "5 %": 0.05, "0.2 %": 0.002, "0.05 %": 0.0005}
SHORT = {"0.2 %": "0.02 needs about 280,000 labelled rows", "0.05 %": "0.02 needs about 110,000 labelled rows"}


def reference(share: float):
    """Return a reference of a model that tells positives from the others by a shift of two standard deviations."""
    rng = np.random.default_rng(7)
    y = np.arange(ROWS) < round(share * ROWS)
    odds = np.log(share / (1 - share))
    p = 1 / (1 + np.exp(-(odds + 2 * rng.normal(size=ROWS) + 4 * y - 2)))
    table = pa.table({"label": np.where(y, "yes", "no"), "m.model.p.yes": p})
    return build_reference(table, LAYOUT)


@pytest.mark.parametrize("share", CHOICES)
def test_what_is_chosen(share):
    built = reference(SHARES[share])
    chosen = chosen_metrics(LAYOUT, built.states)
    leading = leading_of(LAYOUT, built.states, chosen)
    quality = [name for name in names(chosen) if BY_NAME[name].family == QUALITY]
    windows = [choose_base(leading, [rows] * 24 * 14) for rows in TRAFFIC]
    assert leading.metric == quality[0] == names(chosen)[0]
    assert (*quality[:2], quality[-1], *(one.name for one in windows)) == CHOICES[share]
    assert (SHORT.get(share, "needs") in windows[0].why) is (share in SHORT)
    assert (names(chosen)[-1] == "accuracy") is (share != "50 %")


def test_the_document_tells_the_same():
    text = (Path(__file__).parents[3] / "docs" / "choice.md").read_text(encoding="utf-8")
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in text.splitlines()
            if re.match(r"\| [\d.]+ % \|", line)]  # fmt: skip
    assert {row[0]: tuple(row[1:]) for row in rows} == CHOICES
