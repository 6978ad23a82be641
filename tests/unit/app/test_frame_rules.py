"""What frames are judged by: one model has rules too, numbers have labels too, a far date stops nothing."""

from __future__ import annotations

import numpy as np
import pytest

import choirmaster as cm

DAYS, A_DAY = 12, 60


def frame(task: str) -> dict[str, list[object]]:
    rng = np.random.default_rng(0)
    n = DAYS * A_DAY
    p = rng.uniform(size=n)
    p[n // 2 :] **= 8
    known = np.arange(n) < n // 3
    y = (rng.random(n) < p).astype(int) if task == "binary" else 10 * p + rng.normal(size=n)
    return {
        "t": [f"2024-01-{1 + i // A_DAY:02d}T00:00:00Z" for i in range(n)],
        "y": [one if k else None for one, k in zip(y.tolist(), known, strict=True)],
        "p": (p if task == "binary" else 10 * p).tolist(),
        "g": (np.arange(n) % 3 + 0.5).tolist(),
    }


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_single_model_is_judged_by_every_default_rule(task: str) -> None:
    schema = cm.Schema(task, label="y", prediction="p", time="t", features=["g"], numeric=["g"], segments=["g"])
    result = cm.monitor(frame(task), schema=schema, reference="first 3d", window="1d")
    assert {"labels_below_expected", "fused_score_drift"} <= {one["rule"] for one in result.alerts}
    shares = [one for one in result.table.to_pylist() if one["metric"] == "label_share" and not one["segment"]]
    assert [one["value"] for one in shares] == [1.0] + [0.0] * 8
    assert {one["segment"] for one in result.table.to_pylist()} == {"", "g=0.5", "g=1.5", "g=2.5"}


def test_a_date_at_the_end_of_the_calendar_is_counted_and_stops_nothing() -> None:
    rows = frame("binary")
    rows["t"][:2] = ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
    result = cm.monitor(rows, schema=cm.Schema("binary", label="y", prediction="p", time="t", timezone="Asia/Tokyo"))
    assert "time: 2 rows have no readable time and lie in no window" in result.notes
