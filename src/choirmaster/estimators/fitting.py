"""Fit one member, with row weights where it takes them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import has_fit_parameter

from choirmaster.errors import DataError


class OneClassOnly(DataError, ValueError):
    """A classifier was to be fitted on rows of a single class; a ValueError too, as scikit-learn's callers expect."""

    code = "one_class_only"


class SampleWeightIgnored(UserWarning):
    """Some members were fitted without the row weights that were given.

    Example: with weights that make one class count ten times, nearest neighbours still count each row once. Leave such
    members out, or filter this warning, to accept it.
    """


def default_members() -> dict[str, Any]:
    """Return the members of an ensemble that was given none."""
    return {
        "logit": LogisticRegression(max_iter=1000),
        "tree": DecisionTreeClassifier(max_depth=5, random_state=0),
        "naive_bayes": GaussianNB(),
    }


def need_two_classes(y: Any, sample_weight: Any = None) -> None:
    """Raise ``OneClassOnly`` where the rows that count are all of one class."""
    y = np.asarray(y)
    counts = y if sample_weight is None else y[np.broadcast_to(np.asarray(sample_weight) != 0, y.shape)]
    classes = np.unique(counts)
    if len(classes) < 2:
        raise OneClassOnly(
            "cannot fit a classifier", where="y", expected="at least two classes with a weight above zero",
            got=f"{len(classes)} class",
        )  # fmt: skip


def fit_member(name: str, member: Any, X: Any, y: Any, sample_weight: Any = None) -> Any:
    """Fit a member and return it; weights go to it, or to the steps of a pipeline that take them."""
    if sample_weight is None:
        return member.fit(X, y)
    if isinstance(member, Pipeline):
        keys = [f"{step}__sample_weight" for step, part in member.steps if has_fit_parameter(part, "sample_weight")]
        if keys and has_fit_parameter(member.steps[-1][1], "sample_weight"):
            return member.fit(X, y, **dict.fromkeys(keys, sample_weight))
    elif has_fit_parameter(member, "sample_weight"):
        return member.fit(X, y, sample_weight=sample_weight)
    warnings.warn(f'member "{name}" takes no sample_weight and is fitted without', SampleWeightIgnored, stacklevel=3)
    return member.fit(X, y)
