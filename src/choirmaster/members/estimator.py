"""A member that runs a fitted scikit-learn estimator, on one thread, wherever its file was read."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import ThreadpoolController

from choirmaster.errors import ConfigError, MemberError, missing_extra
from choirmaster.members.columns import answer, column, is_number, matrix, numbers
from choirmaster.members.pinned import VERSION_LENGTH, need_features
from choirmaster.schema import class_text


class EstimatorMember:
    """One fitted estimator.

    Parameters
    ----------
    name : str
        The member's name.
    estimator : object
        It has ``predict_proba`` or, without classes, ``predict``.
    digest : str
        The sha256 of the file it was read from.
    where : str
        That file, for messages.
    features : sequence of str, optional
        Feature names in the order of the estimator's columns; taken from the estimator where it knows them.
    threads : int
        Threads of the linear algebra and OpenMP libraries inside one call; set once per calling thread.
    """

    def __init__(
        self, name: str, estimator: Any, digest: str, *, where: str, features: Sequence[str] = (), threads: int = 1
    ) -> None:
        self.name, self.version, self.estimator = name, digest[:VERSION_LENGTH], estimator
        if not hasattr(estimator, "predict"):
            raise MemberError("a model file holds no model", where=where, expected="something that has predict",
                              got=type(estimator).__name__)  # fmt: skip
        classes = getattr(estimator, "classes_", None)
        self.classes = None if classes is None else tuple(class_text(label) for label in np.asarray(classes).tolist())
        if classes is None and hasattr(estimator, "predict_proba"):
            raise MemberError("a model file holds a classifier that was never fitted", where=where,
                              expected="classes_", got=type(estimator).__name__)  # fmt: skip
        if classes is not None and not hasattr(estimator, "predict_proba"):
            raise ConfigError("a classifier gives no probabilities", where=where, expected="predict_proba")
        self._takes_table = encoder_of(estimator) is not None
        self.features = need_features(tuple(features) or _feature_names(estimator), where)
        self._threads, self._seen = threads, threading.local()
        self._pools = ThreadpoolController()

    def predict(self, features: pa.Table) -> np.ndarray:
        """Answer for each row: (n, n_classes) probabilities, or (n,) numbers."""
        self._calm()
        rows = self._rows(features)
        try:
            raw = self.estimator.predict(rows) if self.classes is None else self.estimator.predict_proba(rows)
        except Exception as error:  # an estimator may raise anything; one bad member never stops the rest
            raise MemberError("a model failed", where=f'member "{self.name}"', got=f"{error}") from error
        return answer(raw, features.num_rows, self.classes, self.name)

    def _calm(self) -> None:
        # OpenMP keeps its number of threads per calling thread, so each thread sets it once; setting costs too much
        # to be done and undone around every call.
        if not getattr(self._seen, "done", False):
            self._pools.limit(limits=self._threads)
            self._seen.done = True

    def _rows(self, features: pa.Table) -> Any:
        if self._takes_table:
            for name in self.features:
                column(features, name, self.name)
            return features
        kinds = [column(features, name, self.name).type for name in self.features]
        known = getattr(self.estimator, "feature_names_in_", None)
        if all(is_number(kind) for kind in kinds) and known is None:
            return np.ascontiguousarray(matrix(features, self.features, self.name))
        try:
            import pandas as pd
        except ImportError:
            raise missing_extra("pandas", "all", purpose=f'member "{self.name}", fitted on named columns,') from None
        columns = self.features if known is None else tuple(known)
        return pd.DataFrame({
            own: numbers(features, name, self.name) if is_number(kind) else features.column(name).to_pandas()
            for own, name, kind in zip(columns, self.features, kinds, strict=True)
        })  # fmt: skip


def encoder_of(estimator: Any) -> Any:
    """Return the pipeline's first step where it is one that takes a table of named columns."""
    first = estimator.steps[0][1] if hasattr(estimator, "steps") else estimator
    return first if hasattr(first, "levels_") and hasattr(first, "categorical") else None


def _feature_names(estimator: Any) -> tuple[str, ...]:
    encoder = encoder_of(estimator)
    if encoder is not None:
        return (*encoder.numeric, *encoder.categorical)
    return tuple(str(name) for name in getattr(estimator, "feature_names_in_", ()))
