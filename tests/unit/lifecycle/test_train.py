"""Training with candidates made of numpy: what is judged, counted, picked, kept and written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from types import SimpleNamespace

import msgspec
import numpy as np
import pyarrow as pa
import pytest
import yaml

from choirmaster.config.model import Ensemble, Member
from choirmaster.errors import ConfigError, DataError, MemberError, SchemaError
from choirmaster.layout import Task
from choirmaster.lifecycle.recipe import read_recipe, verify
from choirmaster.lifecycle.rows import Question
from choirmaster.lifecycle.score import row_losses
from choirmaster.lifecycle.train import Plan, Ports, train

N = 3000
RNG = np.random.default_rng(2)
X, Z = RNG.normal(size=N), RNG.normal(size=N)
LATE = RNG.random(N) < 1 / (1 + np.exp(-(X + Z)))
TABLE = pa.table({
    "x": X, "z": Z, "c": RNG.choice(["u", "v"], N), "y": np.where(LATE, "late", "ok"),
    "t": pa.array(np.arange(N) * 60_000_000, pa.timestamp("us", "UTC")), "key": [f"k{i}" for i in range(N)],
})  # fmt: skip
ASK = Question(Task.BINARY, "y", ("x", "z"), ("c",), positive="late", time="t", id="key")


class Bins:
    """The share of each class in bins of some columns: an estimator in ten lines."""

    def __init__(self, columns, bins):
        self.columns, self.bins = columns, bins

    def _cells(self, table):
        return [tuple(np.floor(table[c].to_numpy()[i] * self.bins) for c in self.columns) for i in range(len(table))]

    def fit(self, table, y):
        self.classes_ = np.unique(y)
        self.shares, self.prior = {}, np.array([(y == c).mean() for c in self.classes_])
        for cell, label in zip(self._cells(table), y, strict=True):
            self.shares.setdefault(cell, np.zeros(len(self.classes_)))[np.searchsorted(self.classes_, label)] += 1
        return self

    def predict_proba(self, table):
        counts = np.array([self.shares.get(cell, 0 * self.prior) for cell in self._cells(table)])
        return (counts + 1e-9 * self.prior) / (counts.sum(axis=1, keepdims=True) + 1e-9)


@dataclass
class Toy:
    name: str
    columns: tuple = ("x",)
    bins: float = 2.0
    error: str = ""
    grid: tuple = ({},)
    rows: list = field(default_factory=list)

    def build(self, n_rows=None, **settings):
        self.rows.append(n_rows)
        if self.error:
            raise RuntimeError(self.error)
        return Bins(self.columns, settings.get("bins", self.bins))


class Together:
    def __init__(self, members, **options):
        self.members, self.options = members, options


def write(estimator, name, folder, sample):
    data = repr(sorted(estimator.shares)).encode()
    (folder / f"{name}.bin").write_bytes(data)
    return SimpleNamespace(file=folder / f"{name}.bin", sha256=hashlib.sha256(data).hexdigest(), format="bin",
                           features=("x",), classes=("late", "ok"), largest_difference=0.0, note="",
                           trusted_types=("T",), sample=sample)  # fmt: skip


def ports(seen=None):
    ticks = iter(range(10**9))

    def progress(stage, done, total, text=""):
        if seen is not None:
            seen.append((stage, done, total, text))

    return Ports(Together, write, lambda: next(ticks) * 0.001, progress=progress)


CANDIDATES = [
    Toy("x"), Toy("z", ("z",)), Toy("both", ("x", "z"), grid=({"bins": 1.0}, {"bins": 0.5})),
    Toy("overfit", ("x", "z"), 1e6), Toy("constant", ()), Toy("broken", error="boom"),
]  # fmt: skip


@pytest.fixture(scope="module")
def result():
    seen = []
    made = train(TABLE, ASK, CANDIDATES, ports=ports(seen), plan=Plan(at_least=2, source="a test"))
    return made, seen


def test_the_table_says_what_is_wrong_with_whom(result):
    table = {row["candidate"]: row for row in result[0].table.to_pylist()}
    assert set(table) == {"x", "z", "both", "overfit", "constant", "broken"}
    assert table["overfit"]["flag"] == "overfit" and "fitted rows" in table["overfit"]["why"]
    assert table["constant"]["flag"] == "underfit"
    assert {table[name]["flag"] for name in ("x", "z", "both")} == {""}
    assert "boom" in table["broken"]["failed"] and table["broken"]["log_loss"] is None
    assert table["both"]["chosen"] and not table["overfit"]["chosen"] and not table["constant"]["chosen"]
    assert table["both"]["settings"] in ("bins=1.0", "bins=0.5") and table["both"]["row_milliseconds"] > 0


def test_members_are_fitted_on_every_row_and_made_one(result):
    made = result[0]
    assert set(made.members) == set(made.weights) == set(made.ensemble.members)
    chosen = next(one for one in CANDIDATES if one.name == "both")
    assert chosen.rows[-1] == N
    assert made.ensemble.options["cutoff"] == made.cutoff.value
    assert made.ensemble.options["weights"] == made.weights and made.ensemble.options["positive"] == "late"


def test_out_of_fold_rows_are_canonical_and_were_never_seen_by_their_judge(result):
    made = result[0]
    oof = made.oof
    names = set(oof.column_names)
    wanted = {"id", "time", "x.x", "x.c", "m.both.p.late", "y.p.late", "label", "split", "m.both.status"}
    assert wanted <= names and "y.p.ok" not in names
    assert oof.num_rows == N * 4 // 5  # the first of five blocks is never judged
    assert set(oof["split"].to_pylist()) == {"train"} and set(oof["m.both.status"].to_pylist()) == {"ok"}
    last = [int(key[1:]) for key in oof["id"].to_pylist()]
    assert last == sorted(last) and last[0] == N // 5
    labels = np.array(oof["label"].to_pylist())
    assert (labels == np.array(TABLE["y"].to_pylist())[last]).all()
    p = oof["y.p.late"].to_numpy()
    mean = sum(oof[f"m.{name}.p.late"].to_numpy() * weight for name, weight in made.weights.items())
    np.testing.assert_allclose(p, mean, atol=1e-12)
    assert made.loss == pytest.approx(row_losses(np.stack([p, 1 - p], axis=1), (labels == "ok").astype(int)).mean())
    assert made.auc > 0.7 and made.cutoff.n == oof.num_rows and "out-of-fold" in made.cutoff.source


def test_progress_counts_up_to_its_end(result):
    for stage in ("folds", "members"):
        steps = [(done, total) for name, done, total, _ in result[1] if name == stage]
        assert steps == sorted(steps) and steps[0][0] == 0 and steps[-1][0] == steps[-1][1]


def test_files_are_pinned_and_a_swap_is_noticed(result, tmp_path):
    recipe = result[0].save(tmp_path)
    assert verify(tmp_path) == recipe == read_recipe(tmp_path)
    assert recipe["source"] == "a test" and recipe["versions"]["numpy"] == np.__version__
    assert recipe["cutoff"]["value"] == result[0].cutoff.value and recipe["candidates"]["broken"] == {}
    snippet = yaml.safe_load((tmp_path / "members.yaml").read_text())
    name = next(iter(recipe["members"]))
    assert snippet["members"][name] == {
        "file": f"{name}.bin", "sha256": recipe["members"][name]["sha256"], "trusted_types": ["T"],
    }  # fmt: skip
    assert set(snippet) <= {one.name for one in msgspec.structs.fields(Ensemble)}
    assert set(snippet["members"][name]) <= {one.name for one in msgspec.structs.fields(Member)}
    assert snippet["classes"] == ["late", "ok"] and snippet["features"] == {"numeric": ["x", "z"], "categorical": ["c"]}
    (tmp_path / f"{name}.bin").write_bytes(b"other")
    with pytest.raises(MemberError, match="not the one that was trained"):
        verify(tmp_path)
    (tmp_path / f"{name}.bin").unlink()
    with pytest.raises(MemberError, match="no file"):
        verify(tmp_path)


@pytest.mark.parametrize("text", ["format: other", "- a", ": :\n  -", None])
def test_a_recipe_that_is_none_is_refused(text, tmp_path):
    if text is not None:
        (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(ConfigError, match="cannot read a recipe"):
        read_recipe(tmp_path)


def test_rows_that_cannot_serve_are_counted_and_the_rest_is_used():
    label = TABLE["y"].to_pylist()
    label[:100] = [None] * 100
    times = TABLE["t"].to_pylist()
    times[100:130] = [None] * 30
    table = TABLE.set_column(3, "y", pa.array(label)).set_column(4, "t", pa.array(times, TABLE["t"].type))
    made = train(table, ASK, [Toy("x")], ports=ports())
    assert made.dropped == {"no_label": 100, "no_time": 30}
    assert made.oof.num_rows == (N - 130) * 4 // 5


def test_without_a_time_the_folds_are_stratified_and_judge_every_row():
    ask = Question(Task.BINARY, "y", ("x", "z"), ("c",), positive="late")
    made = train(TABLE, ask, [Toy("x"), Toy("z", ("z",))], ports=ports())
    assert made.oof.num_rows == N and made.oof["time"].null_count == N


def test_numbers_and_several_classes():
    numbers = TABLE.append_column("amount", pa.array(X * 3 + 0.1 * Z))

    class Line:
        def fit(self, table, y):
            self.slope = np.polyfit(table["x"].to_numpy(), y, 1)
            return self

        def predict(self, table):
            return np.polyval(self.slope, table["x"].to_numpy())

    class Lines(Toy):
        def build(self, n_rows=None, **settings):
            return Line()

    ask = Question(Task.REGRESSION, "amount", ("x", "z"), (), time="t")
    made = train(numbers, ask, [Lines("line")], ports=ports())
    assert made.table["squared_error"][0].as_py() == pytest.approx(0.01, rel=0.2)
    assert made.cutoff is None and "y.value" in made.oof.column_names and made.plan.fusion == "weighted_mean"
    three = TABLE.append_column("kind", pa.array(np.array(["a", "b", "c"])[np.digitize(X, [-0.5, 0.5])]))
    ask = Question(Task.MULTICLASS, "kind", ("x", "z"), (), time="t")
    made = train(three, ask, [Toy("x"), Toy("fine", ("x",), 8.0)], ports=ports())
    assert {"y.p.a", "y.p.b", "y.p.c"} <= set(made.oof.column_names) and made.cutoff is None


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"label": "nothing"}, SchemaError, "columns are missing"),
        ({"positive": "soon"}, SchemaError, "positive"),
        ({"label": "c", "positive": "u", "time": "y"}, SchemaError, "order the rows"),
        ({"label": "key"}, DataError, "two classes"),
    ],
)
def test_a_question_that_cannot_be_asked(change, error, match):
    ask = {"task": Task.BINARY, "label": "y", "numeric": ("x",), "categorical": (), "positive": "late", "time": "t"}
    with pytest.raises(error, match=match):
        train(TABLE, Question(**{**ask, **change}), [Toy("x")], ports=ports())


def test_only_failing_candidates_and_no_labels_are_said():
    with pytest.raises(DataError, match="boom"):
        train(TABLE, ASK, [Toy("x", error="boom")], ports=ports())
    empty = TABLE.set_column(3, "y", pa.nulls(N, pa.string()))
    with pytest.raises(DataError, match="nothing to learn"):
        train(empty, ASK, [Toy("x")], ports=ports())
