"""Fairness gaps against their definitions, computed from rows with scikit-learn."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import confusion_matrix, precision_score, recall_score

import choirmaster as cm
from choirmaster.errors import SchemaError, UnknownName
from choirmaster.metrics.fairness import GroupStates, group_rates, spreads
from choirmaster.states import Confusion
from choirmaster.states.confusion import ConfusionPart

GROUPS = np.array(["a", "b", "c", None], object)


def rows(n: int = 3_000, seed: int = 0):
    rng = np.random.default_rng(seed)
    group = rng.choice(GROUPS, n, p=[0.5, 0.3, 0.197, 0.003])
    place = {one: at for at, one in enumerate(GROUPS)}
    code = np.array([place[one] for one in group])
    y = (rng.uniform(size=n) < np.array([0.3, 0.4, 0.5, 0.5])[code]).astype(int)
    p = 1 / (1 + np.exp(-(2.0 * y - 1.2 + 0.4 * code + rng.normal(size=n))))
    frame = pa.table({"y": y, "p": p, "sex": pa.array(group, pa.string())})
    return frame, y, p, code


def result(frame, **more):
    schema = cm.Schema("binary", label="y", prediction="p", segments=["sex"], **more)
    return cm.monitor(frame, schema=schema)


def rates_of(y, p) -> dict[str, float]:
    said = (p >= 0.5).astype(int)
    tn, fp, _, _ = confusion_matrix(y, said, labels=[0, 1]).ravel()
    return {
        "selection_rate": said.mean(), "true_positive_rate": recall_score(y, said),
        "precision": precision_score(y, said), "false_positive_rate": fp / (fp + tn), "calibration": (p - y).mean(),
    }  # fmt: skip


def test_rates_gaps_and_ratios_are_those_of_the_rows() -> None:
    frame, y, p, code = rows()
    found = result(frame).fairness("sex")
    direct = {f"sex={GROUPS[k]}": rates_of(y[code == k], p[code == k]) for k in range(3)}
    assert found["reference"] == "sex=a"
    for row in found["groups"]:
        if row["group"] == "sex=~":
            assert row["reason"] == "too_few_rows"
            continue
        metric, truth = row["metric"], direct[row["group"]][row["metric"]]
        slack = row["resolution"] + 1e-12
        assert abs(row["value"] - truth) <= slack
        assert row["lower"] <= truth <= row["upper"]
        if row["group"] == "sex=a":
            assert row["difference_reason"] == "not_applicable"
            continue
        gap = truth - direct["sex=a"][metric]
        assert abs(row["difference"] - gap) <= 2 * slack
        assert row["difference_lower"] < row["difference"] < row["difference_upper"]
        if metric != "calibration":
            assert row["ratio"] == pytest.approx(truth / direct["sex=a"][metric], abs=1e-12)
            assert row["ratio_lower"] < row["ratio"] < row["ratio_upper"]
    gaps = {row["metric"]: row for row in found["gaps"]}
    for metric in ("selection_rate", "true_positive_rate", "false_positive_rate", "precision"):
        values = [one[metric] for one in direct.values()]
        assert gaps[metric]["difference"] == pytest.approx(max(values) - min(values), abs=1e-12)
        assert gaps[metric]["ratio"] == pytest.approx(min(values) / max(values), abs=1e-12)
        assert 0.0 <= gaps[metric]["difference_lower"] < gaps[metric]["difference"] < gaps[metric]["difference_upper"]
    odds = max(gaps[one]["difference"] for one in ("true_positive_rate", "false_positive_rate"))
    assert gaps["equalized_odds"]["difference"] == odds
    assert abs(gaps["calibration"]["difference"] - np.ptp([one["calibration"] for one in direct.values()])) < 0.01


def test_the_reference_group_is_chosen_by_value_or_key() -> None:
    found = result(rows()[0])
    assert found.fairness("sex", reference="b")["reference"] == "sex=b"
    assert found.fairness("sex", reference="sex=c")["reference"] == "sex=c"
    with pytest.raises(UnknownName, match="group"):
        found.fairness("sex", reference="z")
    with pytest.raises(SchemaError, match="no rows by this segment"):
        found.fairness("age")


def test_several_classes_ask_for_one() -> None:
    rng = np.random.default_rng(3)
    n = 900
    said, y, sex = rng.choice(list("uvw"), n), rng.choice(list("uvw"), n), rng.choice(["f", "m"], n)
    schema = cm.Schema("multiclass", label="y", members={"a": {"output": "class", "columns": "said"}}, segments=["sex"])
    found = cm.monitor(pa.table({"y": y, "said": said, "sex": sex}), schema=schema)
    with pytest.raises(SchemaError, match="which class"):
        found.fairness("sex")
    one = found.fairness("sex", target="v")
    chosen = {row["group"]: row["value"] for row in one["groups"] if row["metric"] == "selection_rate"}
    assert chosen == {f"sex={s}": pytest.approx((said[sex == s] == "v").mean(), abs=1e-12) for s in "fm"}
    assert {row["reason"] for row in one["groups"] if row["metric"] == "calibration"} == {"not_applicable"}


def test_reasons_of_groups_without_enough() -> None:
    part = ConfusionPart(("no", "yes"), 1, 0.5)

    def rates(*cells: int):  # no/no, no/yes, yes/no, yes/yes, then unlabelled no and yes
        table = np.zeros((4, 3), np.int64)
        table[0, :2], table[1, :2], table[3, :2] = cells[:2], cells[2:4], cells[4:]
        state = Confusion(part, table.reshape(-1), np.zeros((0, 2), np.int64))
        return {name: str(one.reason) for name, one in group_rates(GroupStates(state), 1).items()}

    assert rates(0, 0, 0, 0, 0, 0)["selection_rate"] == "no_rows"
    assert rates(0, 0, 0, 0, 50, 50) == {
        "selection_rate": "None", "true_positive_rate": "no_labels", "false_positive_rate": "no_labels",
        "precision": "no_labels", "calibration": "not_applicable",
    }  # fmt: skip
    assert rates(50, 0, 0, 0, 0, 0)["true_positive_rate"] == "no_positives"
    assert rates(50, 0, 0, 0, 0, 0)["precision"] == "no_predicted_positives"
    assert rates(0, 0, 20, 20, 0, 0)["false_positive_rate"] == "one_class_only"
    assert rates(60, 5, 10, 12, 0, 0)["true_positive_rate"] == "too_few_rows"
    alone = {"a": group_rates(GroupStates(Confusion.zero(part)), 1)}
    assert {str(one.difference.reason) for one in spreads(alone)} == {"too_few_rows"}


@pytest.mark.parametrize("selected", [(0.2, 0.2, 0.2, 0.2), (0.1, 0.15, 0.3, 0.2), (0.02, 0.05, 0.02, 0.02)])
def test_the_largest_gap_lies_in_its_interval(selected) -> None:
    """Also where all groups are alike: the largest observed gap is then pure chance, and 0 must lie inside."""
    part = ConfusionPart(("no", "yes"), 1, 0.5)
    rng = np.random.default_rng(4)
    truth, held = max(selected) - min(selected), 0
    for _ in range(400):
        rates = {}
        for group, (n, share) in enumerate(zip((400, 200, 90, 60), selected, strict=True)):
            hits = int(rng.binomial(n, share))
            table = np.zeros((4, 3), np.int64)
            table[0, :2] = n - hits, hits
            rates[str(group)] = group_rates(
                GroupStates(Confusion(part, table.reshape(-1), np.zeros((0, 2), np.int64))), 1
            )
        gap = spreads(rates)[0].difference
        held += gap.lower <= truth <= gap.upper
    assert held / 400 >= 0.93
