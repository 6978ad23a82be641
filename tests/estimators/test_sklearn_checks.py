"""scikit-learn's own estimator checks, with classifiers and with regressors as members."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn")

from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from choirmaster.estimators.ensemble import Ensemble

CASES = [
    Ensemble(),
    Ensemble(
        {"logit": LogisticRegression(), "tree": DecisionTreeClassifier(max_depth=4, random_state=0)},
        fusion="soft_vote",
        weights=[2, 1],
    ),
    Ensemble(
        {
            "svc": LinearSVC(random_state=0),
            "logit": LogisticRegression(),
            "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
        },
        fusion="hard_vote",
    ),
    Ensemble(
        {"ridge": Ridge(), "linear": LinearRegression(), "tree": DecisionTreeRegressor(max_depth=4, random_state=0)}
    ),
    Ensemble(
        {"ridge": Ridge(), "linear": LinearRegression(), "tree": DecisionTreeRegressor(max_depth=4, random_state=0)},
        fusion="median",
    ),
]


@parametrize_with_checks(CASES)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)
