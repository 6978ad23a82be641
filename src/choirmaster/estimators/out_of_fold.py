"""What members say about rows that they were not fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.base import clone
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import _safe_indexing

from choirmaster.errors import DataError
from choirmaster.estimators.align import aligned_output
from choirmaster.estimators.fitting import fit_member

FOLDS = 5


def out_of_fold(
    members: Mapping[str, Any], X: Any, y: Any, sample_weight: Any = None, classes: np.ndarray | None = None
) -> np.ndarray:
    """Return the outputs of each member, cloned and fitted on the other folds.

    Parameters
    ----------
    members : dict of str to estimator
    classes : (n_classes,) array, optional
        Every class, sorted; None for regressors.

    Returns
    -------
    (n_samples, n_members, n_classes) or (n_samples, n_members) float64
        Five folds in the order of the rows, by class where there are classes, as scikit-learn's stacking takes them.
    """
    target = np.asarray(y)
    fewest = len(target) if classes is None else int(np.unique(target, return_counts=True)[1].min())
    if fewest < 2:
        raise DataError("cannot learn a fusion", where="y", expected="at least two rows of each class",
                        got=f"{fewest} of one")  # fmt: skip
    folds = min(FOLDS, fewest)
    splitter: Any = KFold(folds) if classes is None else StratifiedKFold(folds)
    out: np.ndarray = np.empty((len(target), len(members)) + (() if classes is None else (len(classes),)))
    for train, test in splitter.split(np.zeros(len(target)), target):
        weight = None if sample_weight is None else np.asarray(sample_weight)[train]
        seen, asked = _rows(X, train), _rows(X, test)
        for place, (name, member) in enumerate(members.items()):
            one = fit_member(name, clone(member), seen, target[train], weight)
            if classes is None:
                out[test, place] = np.asarray(one.predict(asked), dtype=np.float64).reshape(-1)
            else:
                out[test, place] = aligned_output(name, one, asked, classes, hard=False)
    return out


def _rows(X: Any, rows: np.ndarray) -> Any:
    return X.take(pa.array(rows)) if isinstance(X, pa.Table) else _safe_indexing(X, rows)
