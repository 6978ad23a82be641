"""Detectors against the indices that river 0.26.1 gives, and against a published chart."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.detect import DETECTORS, Cusum, Ddm, Kswin, detect_changes, window_changes
from choirmaster.errors import ChoirmasterError


def stream(kind: str, seed: int) -> list[float]:
    """Return the stream: Python's generator of one seed, the same on every machine."""
    rng = random.Random(seed)
    if kind == "levels":
        return [float(one) for one in rng.choices([0, 1], k=1000) + rng.choices(range(4, 8), k=1000)]
    if kind == "steps":
        return [rng.gauss(0.0, 1.0) + i // 700 for i in range(3000)]
    if kind == "level":
        return [rng.gauss(0.0, 1.0) for _ in range(2000)]
    return [float(one) for one in rng.choices([0, 1], k=1000) + rng.choices([0, 1], k=1000, weights=[0.3, 0.7])]


class SameDraws:
    """Draws as river does: Python's generator, begun anew after each change."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.again()

    def again(self) -> None:
        self.rng = random.Random(self.seed)

    def choice(self, n: int, size: int, *, replace: bool) -> list[int]:
        assert not replace
        return self.rng.sample(range(n), size)


# Detector, parameters, stream, seed, and every index at which river reports a change. Its defaults are ours but for
# the names: PageHinkley(min_instances, delta, threshold, alpha, mode), KSWIN(alpha=0.0001, seed=42), binary.DDM().
FROM_RIVER = [
    ("adwin", {}, "levels", 12345, [1023]),
    ("adwin", {"clock": 1, "delta": 0.05}, "levels", 12345, [1001]),
    ("page_hinkley", {}, "levels", 12345, [1006]),
    ("kswin", {}, "levels", 12345, [1016]),
    ("adwin", {}, "steps", 12345, [735, 1439, 2143, 2847]),
    ("adwin", {"clock": 1, "delta": 0.05}, "steps", 12345, [245, 720, 1411, 2114, 2512, 2821]),
    ("page_hinkley", {}, "steps", 12345, [748, 1346, 1587, 2023, 2145, 2837]),
    ("adwin", {"clock": 1, "delta": 0.05}, "level", 12345, [245, 1392]),
    ("adwin", {}, "bits", 12345, [1215]),
    ("adwin", {"clock": 1, "delta": 0.05}, "bits", 12345, [1127]),
    ("page_hinkley", {}, "bits", 12345, [1215]),
    ("page_hinkley", {"threshold": 10.0, "direction": "up"}, "bits", 12345, [310, 702, 1051, 1566]),
    ("ddm", {}, "bits", 12345, [1215]),
    ("adwin", {}, "levels", 1, [1023]),
    ("adwin", {"clock": 1, "delta": 0.05}, "levels", 1, [1003]),
    ("page_hinkley", {}, "levels", 1, [1005, 1445]),
    ("adwin", {}, "steps", 1, [735, 1439, 2143, 2847]),
    ("adwin", {"clock": 1, "delta": 0.05}, "steps", 1, [575, 721, 1417, 2128, 2821]),
    ("page_hinkley", {}, "steps", 1, [573, 751, 1413, 2156, 2590, 2829]),
    ("kswin", {}, "steps", 1, [737, 1602]),
    ("adwin", {}, "level", 1, []),
    ("adwin", {"clock": 1, "delta": 0.05}, "level", 1, [575]),
    ("page_hinkley", {}, "level", 1, [573, 1782]),
    ("adwin", {}, "bits", 1, [1279]),
    ("adwin", {"clock": 1, "delta": 0.05}, "bits", 1, [1148]),
    ("page_hinkley", {}, "bits", 1, [1182]),
    ("page_hinkley", {"threshold": 10.0, "direction": "up"}, "bits", 1, [86, 544, 889, 1084]),
    ("ddm", {}, "bits", 1, [68, 1173]),
    ("adwin", {}, "levels", 42, [1023]),
    ("adwin", {"clock": 1, "delta": 0.05}, "levels", 42, [1003]),
    ("page_hinkley", {}, "levels", 42, [1007, 1568]),
    ("adwin", {}, "steps", 42, [735, 1471, 2143, 2847]),
    ("adwin", {"clock": 1, "delta": 0.05}, "steps", 42, [721, 1416, 2125, 2826]),
    ("page_hinkley", {}, "steps", 42, [696, 1404, 2123, 2844]),
    ("adwin", {"clock": 1, "delta": 0.05}, "level", 42, []),
    ("adwin", {}, "bits", 42, [1279]),
    ("adwin", {"clock": 1, "delta": 0.05}, "bits", 42, [1121]),
    ("page_hinkley", {}, "bits", 42, [1233]),
    ("page_hinkley", {"threshold": 10.0, "direction": "up"}, "bits", 42, [823, 1099, 1675]),
    ("ddm", {}, "bits", 42, [1334]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parameters", "kind", "seed", "expected"), FROM_RIVER)
def test_the_indices_of_river(name: str, parameters: dict, kind: str, seed: int, expected: list[int]) -> None:
    values = stream(kind, seed)
    if name == "kswin":
        draws = SameDraws(42)
        method = Kswin(alpha=0.0001, generator=draws, restart=True)
        found = []
        for at, value in enumerate(values[:2000]):
            if method.observe(value):
                found.append(at)
                draws.again()
        assert found == expected
        return
    if name == "adwin":
        parameters = {**parameters, "restart": True}
    assert detect_changes(name, values, **parameters) == expected


def test_ddm_warns_before_it_is_sure() -> None:
    method, warned = Ddm(), []
    for at, wrong in enumerate(stream("bits", 42)):
        changed = method.observe(wrong)
        assert not (changed and method.warning)
        if method.warning:
            warned.append(at)
        if changed:
            break
    assert (warned[0], at) == (1084, 1334)  # as river's own example says


# Montgomery, Introduction to Statistical Quality Control, the CUSUM example: twenty values around 10, then ten around
# 11; slack 0.5, bound 5. The chart gives the sums above at values 24 to 30, and signals at value 29.
MONTGOMERY = [9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40, 10.08,
              9.37, 10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31,
              10.52]  # fmt: skip


def test_cusum_is_the_published_chart() -> None:
    chart = Cusum(target=10.0, deviation=1.0, slack=0.5, bound=5.0)
    above = []
    for value in MONTGOMERY[:28]:
        assert not chart.observe(value)
        above.append(round(chart.above, 2))
    assert above[20:] == [0.74, 0.0, 1.79, 2.79, 2.89, 3.47, 3.35, 4.47]
    assert chart.observe(MONTGOMERY[28])  # 5.28 > 5


def test_cusum_learns_what_is_usual() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0.8, 0.01, 200), rng.normal(0.77, 0.01, 20)])
    assert detect_changes("cusum", values, learn=150)[0] in range(200, 204)
    assert detect_changes("cusum", values[:200], learn=150) == []
    assert detect_changes("cusum", [0.5] * 40 + [0.6]) == [40]
    lengths = [
        detect_changes("cusum", rng.normal(size=3000), target=0.0, deviation=1.0, bound=4.0)[:1] for _ in range(60)
    ]
    assert 100 < np.mean([one[0] for one in lengths if one]) < 260  # 168 in the long run


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_gaps_are_passed_over_and_keep_their_place(name: str) -> None:
    values: list[float | None] = list(stream("bits", 1))
    plain = detect_changes(name, values)
    assert plain
    holes: list[float | None] = []
    for value in values:
        holes += [value, None, float("nan")]
    assert detect_changes(name, holes) == [3 * at for at in plain]


@pytest.mark.parametrize("name", sorted(set(DETECTORS) - {"ddm"}))
def test_what_never_varies_never_changes(name: str) -> None:
    assert detect_changes(name, [0.25] * 500) == []
    assert detect_changes(name, []) == []


def test_adwin_keeps_the_newer_part_as_published() -> None:
    from choirmaster.detect import Adwin

    window = Adwin()
    values = stream("steps", 1)
    changes = [at for at, value in enumerate(values) if window.observe(value)]
    assert all(any(change <= at <= change + 120 for at in changes) for change in (700, 1400, 2100, 2800))
    assert window.width <= 300
    assert window.mean == pytest.approx(np.mean(values[-window.width :]), abs=1e-9)


def test_the_series_of_window_values() -> None:
    rng = np.random.default_rng(4)
    days = np.arange(60)
    value = 0.8 + rng.normal(0.0, 0.005, 60) - 0.05 * (days >= 45)
    order = rng.permutation(60)
    table = pa.table({
        "window_start": days[order], "window_end": days[order] + 1, "series": ["fused"] * 60, "segment": [""] * 60,
        "feature": [""] * 60, "target": [""] * 60, "metric": ["roc_auc"] * 60, "value": value[order],
    })  # fmt: skip
    for rows in (table, table.to_pylist(), table.to_pandas()):
        found = window_changes(rows, "roc_auc")
        assert [row["window_start"] for row in found] == [45]
        assert found[0]["value"] == value[45]
    assert window_changes(table, "roc_auc", series="boost") == []
    assert window_changes(table, "roc_auc", name="page_hinkley", delta=0.0, threshold=0.1)[0]["window_start"] in range(
        45, 50
    )


def test_names_and_parameters_are_checked() -> None:
    with pytest.raises(ChoirmasterError, match="allowed: adwin"):
        detect_changes("adwim", [1.0])
    with pytest.raises(ChoirmasterError, match="does not take these parameters"):
        detect_changes("cusum", [1.0], bonud=3)
