"""Candidates: every kind fits, answers every kind of table alike, and treats bad input as declared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from choirmaster.errors import DataError, UnknownName
from choirmaster.estimators.candidates import KINDS, candidates
from choirmaster.estimators.ensemble import Ensemble
from choirmaster.estimators.table_encoder import TableEncoder

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # the net stops early on purpose

RNG = np.random.default_rng(1)
N = 1500
COLUMNS = {
    "x": RNG.normal(size=N),
    "gap": [None if u < 0.2 else float(u) for u in RNG.random(N)],
    "level": RNG.choice(["a", "b", "c", "rare"], N, p=[0.5, 0.3, 0.199, 0.001]).tolist(),
}
Y = np.where(COLUMNS["x"] + (np.array(COLUMNS["level"]) == "a") + RNG.normal(size=N) > 0.5, "yes", "no")
TABLE = pa.table(COLUMNS)
NAMES = [kind.name for kind in KINDS]


def build(name, task="binary"):
    return candidates(["x", "gap"], ["level"], task=task, names=[name])[name].build(N)


@pytest.mark.parametrize("name", NAMES)
def test_every_candidate_fits_and_takes_every_kind_of_table(name):
    model = build(name).fit(TABLE, Y)
    wanted = model.predict_proba(TABLE)
    assert wanted.shape == (N, 2) and model.classes_.tolist() == ["no", "yes"]
    for table in (pd.DataFrame(COLUMNS), pl.DataFrame(COLUMNS), COLUMNS, TABLE.to_batches()[0]):
        assert (model.predict_proba(table) == wanted).all()
    odd = {"x": [None, float("inf")], "gap": [None, None], "level": [None, "unseen"]}
    assert np.isfinite(model.predict_proba(odd)).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_candidate_has_a_regressor(name):
    model = build(name, "regression").fit(TABLE, COLUMNS["x"])
    assert np.isfinite(model.predict(TABLE)).all()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_setting_of_the_grid_can_be_built(kind):
    for settings in kind.grid:
        made = candidates(["x"], [], names=[kind.name])[kind.name].build(10, **settings)
        assert all(value in made.steps[-1][1].get_params().values() for value in settings.values())


def test_codes_by_hand():
    encoder = TableEncoder(["n"], ["c"], min_share=0.3)
    rows = {"n": [1.5, None, float("inf"), 0.1], "c": ["b", "b", "a", None]}
    matrix = encoder.fit_transform(rows)
    assert encoder.levels_ == {"c": ("b",)}  # one of four rows is a share of 0.25
    assert matrix[:, 1].tolist() == [0.0, 0.0, -1.0, -1.0]
    assert matrix[0, 0] == 1.5 and np.isnan(matrix[1:3, 0]).all() and matrix[3, 0] == float(np.float32(0.1))


def test_rare_unseen_and_missing_levels_are_one_group():
    model = candidates(["x"], ["level"], names=["logit"], min_share=0.01)["logit"].build(N).fit(TABLE, Y)
    proba = model.predict_proba({"x": [0.0] * 3, "level": ["rare", "unseen", None]})
    assert (proba == proba[0]).all()


def test_a_matrix_and_its_refusals():
    encoder = TableEncoder(["x"], ["c"]).fit({"x": [1], "c": ["a"]})
    assert encoder.transform(np.array([[2, "a"]], dtype=object)).tolist() == [[2.0, 0.0]]
    for bad in (np.zeros((2, 3)), {"x": [1.0]}, {"x": ["text"], "c": ["a"]}):
        with pytest.raises(DataError):
            encoder.transform(bad)


def test_an_unknown_candidate_names_the_nearest():
    with pytest.raises(UnknownName, match='did you mean "forest"'):
        candidates(["x"], [], names=["forrest"])


def test_candidates_are_members_of_an_ensemble():
    members = {name: build(name) for name in ("logit", "forest")}
    ens = Ensemble(members).fit(TABLE, Y)
    one = [member.predict_proba(TABLE) for member in ens.members_.values()]
    np.testing.assert_allclose(ens.predict_proba(TABLE), (one[0] + one[1]) / 2, atol=1e-15)
    assert ens.explain(TABLE.slice(0, 1)).members == ("logit", "forest")
