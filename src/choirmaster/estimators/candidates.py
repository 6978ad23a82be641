"""Candidates by name: scikit-learn pipelines of different kinds, built from a description of the features."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import BayesianRidge, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from choirmaster.errors import unknown
from choirmaster.estimators.table_encoder import TableEncoder


@dataclass(frozen=True)
class Kind:
    """One kind of candidate.

    ``prepare`` is ``one_hot`` (a column per level, numbers scaled: for what measures distances or sums) or ``ordinal``
    (levels as numbers: for trees). ``grid`` holds the settings to choose from, the first being the usual one.
    """

    name: str
    about: str
    prepare: str
    classifier: Callable[..., Any]
    regressor: Callable[..., Any]
    grid: tuple[Mapping[str, Any], ...] = ({},)


@dataclass(frozen=True)
class Candidate:
    """A named candidate for one task and one set of features; ``build`` makes a new, unfitted pipeline.

    ``build(n_rows=None, **settings)``: the number of rows it will be fitted on bounds the number of neighbours; the
    settings are those of one entry of ``grid``.
    """

    name: str
    about: str
    grid: tuple[Mapping[str, Any], ...]
    build: Callable[..., Any]


def _net(model: Callable[..., Any]) -> Callable[..., Any]:
    # Few passes on purpose: stopping early keeps the net from learning its rows by heart, and scikit-learn's
    # ConvergenceWarning says no more than that.
    def build(seed: int, passes: int = 12, **settings: Any) -> Any:
        return model(
            hidden_layer_sizes=(32,), max_iter=passes, random_state=seed, **{"alpha": 0.1, **settings}
        )  # fmt: skip

    return build


def _boost(model: Callable[..., Any]) -> Callable[..., Any]:
    def build(seed: int, **settings: Any) -> Any:
        return model(learning_rate=0.06, max_leaf_nodes=15, min_samples_leaf=50, l2_regularization=1.0,
                     early_stopping=False, random_state=seed, **settings)  # fmt: skip

    return build


KINDS: tuple[Kind, ...] = (
    Kind(
        "logit", "logistic regression; ridge regression", "one_hot",
        lambda seed, C=0.1: LogisticRegression(C=C, max_iter=300, random_state=seed),
        lambda seed, C=0.1: Ridge(alpha=1.0 / C, random_state=seed),
        ({"C": 0.1}, {"C": 0.01}, {"C": 1.0}),
    ),
    Kind(
        "forest", "random forest", "ordinal",
        lambda seed, leaf=10: RandomForestClassifier(60, min_samples_leaf=leaf, random_state=seed, n_jobs=1),
        lambda seed, leaf=10: RandomForestRegressor(60, min_samples_leaf=leaf, random_state=seed, n_jobs=1),
    ),
    Kind(
        "boost", "gradient boosting on histograms", "ordinal",
        _boost(HistGradientBoostingClassifier), _boost(HistGradientBoostingRegressor),
    ),
    Kind("mlp", "neural net with one hidden layer", "one_hot", _net(MLPClassifier), _net(MLPRegressor)),
    Kind(
        "knn", "nearest neighbours", "one_hot",
        lambda seed, k=100: KNeighborsClassifier(k),  # noqa: ARG005  every kind takes a seed
        lambda seed, k=100: KNeighborsRegressor(k),  # noqa: ARG005
    ),
    Kind(
        "naive_bayes", "naive Bayes; Bayesian ridge regression", "one_hot",
        lambda seed: GaussianNB(), lambda seed: BayesianRidge(),  # noqa: ARG005
    ),
    Kind(
        "tree", "one tree, grown without limit", "ordinal",
        lambda seed: DecisionTreeClassifier(random_state=seed), lambda seed: DecisionTreeRegressor(random_state=seed),
    ),
    Kind(
        "constant", "the share of each class, or the mean, whatever the features", "ordinal",
        lambda seed: DummyClassifier(strategy="prior"), lambda seed: DummyRegressor(),  # noqa: ARG005
    ),
)  # fmt: skip

DEFAULT_NAMES = ("logit", "forest", "boost", "mlp", "knn", "naive_bayes")
_MIN_SHARE = {"one_hot": 0.01, "ordinal": 0.001}
_KINDS = {kind.name: kind for kind in KINDS}


def candidates(
    numeric: Sequence[str],
    categorical: Sequence[str],
    *,
    task: str = "binary",
    names: Sequence[str] = DEFAULT_NAMES,
    seed: int = 0,
    min_share: float | None = None,
) -> dict[str, Candidate]:
    """Return the named candidates for these features.

    Each is a pipeline of ``TableEncoder``, preparation and model. It takes an Arrow, pandas or polars table or a dict
    of columns; missing numbers become the median, missing, rare and unseen categories are one group. Rare is a level
    below ``min_share`` of the rows: by default 1 % where each level takes a column of its own, else 0.1 %.

    Examples
    --------
    >>> pipe = candidates(["x"], ["c"], names=["logit"])["logit"].build()
    >>> rows = {"x": [0.0, 1.0, 2.0, None], "c": ["a", "a", "b", "b"]}
    >>> pipe.fit(rows, ["no", "no", "yes", "yes"]).predict({"x": [9.0], "c": ["b"]}).tolist()
    ['yes']
    """
    for name in names:
        if name not in _KINDS:
            raise unknown("candidate", name, _KINDS)

    def one(kind: Kind) -> Candidate:
        model = kind.regressor if task == "regression" else kind.classifier

        def build(n_rows: int | None = None, **settings: Any) -> Pipeline:
            settings = {**_by_rows(kind.name, n_rows), **settings}
            share = _MIN_SHARE[kind.prepare] if min_share is None else min_share
            encoder = TableEncoder(list(numeric), list(categorical), min_share=share)
            prepare = _PREPARE[kind.prepare](len(numeric), len(categorical))
            return Pipeline([("encode", encoder), ("prepare", prepare), ("model", model(seed, **settings))])

        return Candidate(kind.name, kind.about, kind.grid, build)

    return {name: one(_KINDS[name]) for name in names}


def _by_rows(name: str, n_rows: int | None) -> dict[str, Any]:
    """Return settings that follow the number of rows: fewer neighbours and more passes where rows are few."""
    if n_rows is None:
        return {}
    if name == "knn":
        return {"k": max(1, min(100, math.isqrt(n_rows)))}
    return {"passes": max(12, min(200, math.ceil(120_000 / n_rows)))} if name == "mlp" else {}


def _places(start: int, count: int) -> list[int]:
    return list(range(start, start + count))


def _one_hot(n_numeric: int, n_categorical: int) -> ColumnTransformer:
    numeric = Pipeline(
        [("impute", SimpleImputer(strategy="median", keep_empty_features=True)), ("scale", StandardScaler())]
    )
    levels = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return _columns(("numeric", numeric, _places(0, n_numeric)), ("levels", levels, _places(n_numeric, n_categorical)))


def _ordinal(n_numeric: int, n_categorical: int) -> ColumnTransformer:
    numeric = SimpleImputer(strategy="median", keep_empty_features=True)
    places = _places(n_numeric, n_categorical)
    return _columns(("numeric", numeric, _places(0, n_numeric)), ("levels", "passthrough", places))


def _columns(*parts: tuple[str, Any, list[int]]) -> ColumnTransformer:
    return ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0)


_PREPARE = {"one_hot": _one_hot, "ordinal": _ordinal}
