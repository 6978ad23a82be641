"""A member that runs an XGBoost file (JSON or UBJSON), on one thread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xgboost

from choirmaster.errors import ConfigError, MemberError
from choirmaster.members.columns import answer, matrix
from choirmaster.members.content import Kind, need_kind
from choirmaster.members.pinned import VERSION_LENGTH, class_names, need_features, read_pinned

_TWO = ("binary:logistic", "binary:logitraw", "reg:logistic")
_MANY = ("multi:softprob", "multi:softmax")
_MARGIN = ("multi:softmax", "binary:logitraw")


class XgboostMember:
    """One booster as ``save_model`` writes it to ``.json`` or ``.ubj``.

    Objective, number of classes, feature names and the best iteration stand in the file; the names of the classes do
    not, so they are declared in the order of the labels the model was fitted on (else 0, 1, 2 ...). Margins of
    ``multi:softmax`` and ``binary:logitraw`` become probabilities. A category is given as its code, a number.

    Parameters
    ----------
    name : str
        The member's name.
    path : path
        The file.
    sha256 : str, optional
        Refuse the file if its hash is another.
    classes, features : sequence of str, optional
        In the order of the model's own columns.
    threads : int
        Threads inside one call.
    """

    def __init__(
        self,
        name: str,
        path: str | Path,
        *,
        sha256: str | None = None,
        classes: Sequence[str] = (),
        features: Sequence[str] = (),
        threads: int = 1,
    ) -> None:
        data, digest = read_pinned(path, sha256)
        self.name, self.version, where = name, digest[:VERSION_LENGTH], str(path)
        self._booster = _booster(data, threads, where)
        learner = json.loads(self._booster.save_config())["learner"]
        self._objective = str(learner["objective"]["name"])
        self.classes = self._classes(int(learner["learner_model_param"]["num_class"]), classes, where)
        self._linear = learner["gradient_booster"]["name"] == "gblinear"
        best = self._booster.attr("best_iteration")
        self._rounds = (0, int(best) + 1) if best and best.isdecimal() else (0, 0)
        self.features = need_features(tuple(features) or tuple(self._booster.feature_names or ()), where)
        if len(self.features) != self._booster.num_features():
            raise ConfigError("a model takes another number of features", where=where, got=str(len(self.features)),
                              expected=str(self._booster.num_features()))  # fmt: skip
        self._threads = threads

    def predict(self, features: pa.Table) -> np.ndarray:
        """Answer for each row: (n, n_classes) probabilities, or (n,) numbers."""
        rows = np.ascontiguousarray(matrix(features, self.features, self.name))
        try:
            raw = self._asked(rows)
        except Exception as error:
            raise MemberError("a model failed", where=f'member "{self.name}"', got=_first(error)) from error
        return answer(self._shares(raw), features.num_rows, self.classes, self.name)

    def _asked(self, rows: np.ndarray) -> np.ndarray:
        margin = self.classes is not None and self._objective in _MARGIN
        if self._linear:  # the one booster that cannot predict in place
            matrix = xgboost.DMatrix(rows, nthread=self._threads)
            raw = self._booster.predict(matrix, output_margin=margin, validate_features=False)
        else:
            raw = self._booster.inplace_predict(
                rows,
                iteration_range=self._rounds,
                predict_type="margin" if margin else "value",
                validate_features=False,
            )
        return np.asarray(raw)

    def _shares(self, raw: np.ndarray) -> np.ndarray:
        if self.classes is None or self._objective not in _MARGIN:
            return raw
        if raw.ndim == 1:
            return np.asarray(1 / (1 + np.exp(-raw.astype(np.float64))))
        powers = np.exp(raw - raw.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)

    def _classes(self, count: int, classes: Sequence[str], where: str) -> tuple[str, ...] | None:
        if self._objective in _MANY:
            return class_names(classes, count, where)
        if self._objective in _TWO and (self._objective != "reg:logistic" or classes):
            return class_names(classes, 2, where)
        if classes:
            raise ConfigError("a model gives no probabilities", where=where, got=f"objective {self._objective}",
                              expected=f"one of {', '.join(_TWO + _MANY)}")  # fmt: skip
        return None


def _booster(data: bytes, threads: int, where: str) -> Any:
    need_kind(data, Kind.XGBOOST, where)
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(data))
        booster.set_param({"nthread": threads, "verbosity": 0})
    except Exception as error:  # its own error, and those of the numbers it reads
        raise MemberError("cannot load an XGBoost file", where=where, got=_first(error)) from None
    return booster


def _first(error: Exception) -> str:
    """Return the line of an XGBoost message that says what is wrong; the rest is its own stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0].rpartition(": ")[2] or lines[0])[:200] if lines else type(error).__name__
