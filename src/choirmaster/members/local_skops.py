"""A member that runs a fitted scikit-learn estimator from a skops file: no code in the file, types by allow-list."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from skops.io import get_untrusted_types, loads
from threadpoolctl import ThreadpoolController

from choirmaster.errors import ConfigError, MemberError, missing_extra
from choirmaster.members.columns import answer, column, is_number, numbers
from choirmaster.members.pinned import VERSION_LENGTH, need_features, read_pinned
from choirmaster.schema import class_text

_ZIP = b"PK\x03\x04"


class SkopsMember:
    """One estimator from a skops file.

    Parameters
    ----------
    name : str
        The member's name.
    path : path
        The file; told by its content, never by its ending.
    sha256 : str, optional
        Refuse the file if its hash is another.
    trusted : sequence of str
        Types, by their full name, that the file may hold beside those skops trusts. They come from the operator's
        configuration, never from the file.
    features : sequence of str, optional
        Feature names in the order of the estimator's columns; taken from the estimator where it knows them.
    threads : int
        Threads of the linear algebra and OpenMP libraries inside one call; set once per calling thread.
    """

    def __init__(
        self,
        name: str,
        path: str | Path,
        *,
        sha256: str | None = None,
        trusted: Sequence[str] = (),
        features: tuple[str, ...] = (),
        threads: int = 1,
    ) -> None:
        data, digest = read_pinned(path, sha256)
        self.name, self.version = name, digest[:VERSION_LENGTH]
        self._estimator = load_estimator(data, trusted, str(path))
        classes = getattr(self._estimator, "classes_", None)
        self.classes = None if classes is None else tuple(class_text(label) for label in np.asarray(classes).tolist())
        if classes is not None and not hasattr(self._estimator, "predict_proba"):
            raise ConfigError("a classifier gives no probabilities", where=str(path), expected="predict_proba")
        self._takes_table = _encoder(self._estimator) is not None
        self.features = need_features(tuple(features) or _feature_names(self._estimator), str(path))
        self._threads, self._seen = threads, threading.local()
        self._pools = ThreadpoolController()

    def predict(self, features: pa.Table) -> np.ndarray:
        """Answer for each row: (n, n_classes) probabilities, or (n,) numbers."""
        self._calm()
        rows = self._rows(features)
        try:
            raw = self._estimator.predict(rows) if self.classes is None else self._estimator.predict_proba(rows)
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
        if all(is_number(kind) for kind in kinds) and not hasattr(self._estimator, "feature_names_in_"):
            return np.stack([numbers(features, name, self.name) for name in self.features], axis=1)
        try:
            import pandas as pd
        except ImportError:
            raise missing_extra("pandas", "all", purpose=f'member "{self.name}", fitted on named columns,') from None
        return pd.DataFrame({name: features.column(name).to_pandas() for name in self.features})


def load_estimator(data: bytes, trusted: Sequence[str], where: str) -> Any:
    """Return the estimator in the bytes of a skops file, or say which types must be trusted first."""
    if not data.startswith(_ZIP):
        raise MemberError("cannot read a model file", where=where, expected="a skops file", got="other bytes")
    try:
        unknown = sorted(set(get_untrusted_types(data=data)) - set(trusted))
        if unknown:
            raise MemberError(
                "a model file holds types that nobody trusts", where=where, expected=f"among {sorted(trusted)}",
                got=", ".join(unknown),
                fix="look at them, and add those that are meant to the member's `trusted_types`",
            )  # fmt: skip
        return loads(data, trusted=list(trusted))
    except MemberError:
        raise
    except Exception as error:  # a damaged archive may fail anywhere
        raise MemberError("cannot load a skops file", where=where, got=f"{type(error).__name__}: {error}") from None


def _encoder(estimator: Any) -> Any:
    """Return the pipeline's first step where it is one that takes a table of named columns."""
    first = estimator.steps[0][1] if hasattr(estimator, "steps") else estimator
    return first if hasattr(first, "levels_") and hasattr(first, "categorical") else None


def _feature_names(estimator: Any) -> tuple[str, ...]:
    encoder = _encoder(estimator)
    if encoder is not None:
        return (*encoder.numeric, *encoder.categorical)
    return tuple(str(name) for name in getattr(estimator, "feature_names_in_", ()))
