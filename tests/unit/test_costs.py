"""Declared costs: what is read, and what is refused with its place."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

import choirmaster as cm
from choirmaster.app.ensembles import layout_of
from choirmaster.app.frames import measure
from choirmaster.config import Ensemble, Member
from choirmaster.config.checks import check
from choirmaster.config.model import Config
from choirmaster.config.schema_file import dump_schema, load_schema
from choirmaster.costs import flat_costs
from choirmaster.errors import ChoirmasterError
from choirmaster.schema import Schema
from choirmaster.states import BY_KIND
from choirmaster.states.reference import from_bytes, to_bytes, with_costs


def test_class_names_are_read_as_everywhere_else() -> None:
    schema = Schema("binary", prediction="p", label="y", costs={1: {0.0: 50}, "0": {"1": 2.5}})
    assert schema.costs == {"1": {"0": 50.0}, "0": {"1": 2.5}}
    assert flat_costs(schema.costs, ["0", "1"]) == (0.0, 2.5, 50.0, 0.0)
    assert load_schema(dump_schema(schema)) == schema


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"costs": 5}, "$.costs: expected {actual class: {predicted class: cost}}, got int"),
        ({"costs": {"1": 3}}, "$.costs.1: expected {predicted class: cost}, got int"),
        ({"costs": {"1": {"0": "x"}}}, "$.costs.1.0"),
        ({"costs": {"1": {"0": float("nan")}}}, "a cost must be a finite number"),
        ({"costs": {"1": {"0": True}}}, "a cost must be a finite number"),
        ({"costs": {"1": {"2": 1}}, "classes": ["0", "1"]}, "$.costs.1"),
        ({"costs": {"yes": {"0": 1}}, "classes": ["0", "1"]}, '"yes"'),
    ],
)
def test_what_is_no_matrix_is_refused(more: dict, message: str) -> None:
    with pytest.raises(ChoirmasterError) as caught:
        Schema("binary", prediction="p", label="y", **more)
    assert message in str(caught.value)


def test_a_regression_and_a_class_the_data_does_not_have_are_refused() -> None:
    with pytest.raises(ChoirmasterError, match="costs are of classes"):
        Schema("regression", prediction="p", label="y", costs={"1": {"0": 1}})
    frame = pa.table({"y": [0, 1, 1], "p": [0.2, 0.7, 0.4]})
    with pytest.raises(ChoirmasterError, match="unknown class"):
        cm.monitor(frame, schema=Schema("binary", label="y", prediction="p", costs={"2": {"0": 1}}))


def test_a_frame_is_measured_under_its_costs() -> None:
    frame = pa.table({"y": [0, 1, 1, 0], "p": [0.2, 0.7, 0.4, 0.9]})
    schema = Schema("binary", label="y", prediction="p", costs={1: {0: 50}, 0: {1: 2.5}})
    found = {row["metric"]: row["value"] for row in cm.monitor(frame, schema=schema).table.to_pylist()}
    assert (found["cost"], found["total_cost"]) == (52.5 / 4, 52.5)
    plain = cm.monitor(frame, schema=Schema("binary", label="y", prediction="p"))
    assert "cost" not in plain.table["metric"].to_pylist()


def ensemble(**more: object) -> Ensemble:
    return Ensemble(task="binary", members={"a": Member(callable="x:y")}, classes=("no", "yes"), **more)


def test_the_configuration_carries_them() -> None:
    good = ensemble(costs={"yes": {"no": 100.0}})
    assert not check(Config(ensembles={"e": good}))
    assert layout_of(good).costs == (0.0, 0.0, 100.0, 0.0)
    assert layout_of(ensemble()).costs == ()
    bad = check(Config(ensembles={"e": ensemble(costs={"yes": {"nope": 1.0}})}))
    assert ["$.ensembles.e.costs.yes" in str(one) for one in bad] == [True]


def test_a_stored_reference_is_read_under_the_costs_of_now() -> None:
    frame = pa.table({"y": [0, 1, 1, 0], "p": [0.2, 0.7, 0.4, 0.9]})
    schema = Schema("binary", label="y", prediction="p", costs={1: {0: 50}})
    old = measure(frame, reference=frame, schema=schema).reference
    kept = from_bytes(to_bytes(old), BY_KIND)
    assert kept.layout == old.layout
    assert kept.id == old.id
    again = with_costs(kept, dataclasses.replace(kept.layout, costs=(0.0, 1.0, 2.0, 0.0)))
    assert again.id == old.id
    parts = [one.costs for key, one in again.parts.items() if key.kind == "confusion/1"]
    assert parts == [(0.0, 1.0, 2.0, 0.0)]
    assert all(one.part is again.parts[key] for key, one in again.states.items())


@pytest.mark.parametrize("costs", [{"yes": {"no": 4.0}, "no": {"yes": 1.0}}, {"yes": {"no": 1.0}, "no": {"yes": 9.0}},
                                   {"yes": {"no": 1.0, "yes": -1.0}, "no": {"yes": 50.0}}])  # fmt: skip
def test_an_automatic_cutoff_is_the_one_of_least_cost(costs) -> None:
    rng = np.random.default_rng(3)
    p = np.round(rng.random(3000), 2)
    yes = rng.random(3000) < p**2
    rows = {"y": np.where(yes, "yes", "no"), "p": p}
    schema = Schema("binary", prediction="p", label="y", classes=["no", "yes"], costs=costs, cutoff="auto", features=[])
    result = cm.monitor(rows, schema=schema, reference=rows)
    told = {one["metric"]: one["value"] for one in result.table.to_pylist()}
    no_yes, yes_no = costs["no"]["yes"], costs["yes"]["no"]

    def cost(cutoff: float) -> float:
        called = p >= cutoff
        hit = costs["yes"].get("yes", 0.0) * (called & yes).sum()
        return float((no_yes * (called & ~yes).sum() + yes_no * (~called & yes).sum() + hit) / len(p))

    assert told["cost"] == pytest.approx(min(cost(at) for at in [*np.unique(p), 2.0]), rel=1e-9)
