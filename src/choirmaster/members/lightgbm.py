"""A member that runs a LightGBM text file, on one thread."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa

from choirmaster.errors import ConfigError, MemberError
from choirmaster.members.columns import answer, is_number, numbers, texts
from choirmaster.members.content import Kind, need_kind
from choirmaster.members.pinned import VERSION_LENGTH, class_names, need_features, read_pinned
from choirmaster.schema import class_text

_SHARES = ("binary", "cross_entropy", "multiclass", "multiclassova")
_CATEGORIES = "\npandas_categorical:"


class LightgbmMember:
    """One booster as ``Booster.save_model`` writes it.

    Objective, number of classes, feature names and the levels of categories stand in the file; the names of the classes
    do not, so they are declared in the order of the labels the model was fitted on (else 0, 1, 2 ...). Shares of
    one-against-all models are divided by their sum.

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
        self.name, self.version, self._threads, where = name, digest[:VERSION_LENGTH], threads, str(path)
        text = _whole(data, where)
        head = header(text)
        objective = head.get("objective", "custom").split(" ")[0]
        self.classes = _classes(objective, head, classes, where)
        self._apart = objective == "multiclassova"
        own = tuple(head.get("feature_names", "").split(" "))
        self.features = need_features(tuple(features) or _named(own), where)
        if len(self.features) != len(own):
            raise ConfigError("a model takes another number of features", where=where, expected=str(len(own)),
                              got=str(len(self.features)))  # fmt: skip
        self._levels = _levels(text, head, self.features, where)
        try:
            self._booster = lightgbm.Booster(model_str=text)
        except Exception as error:  # its own error, and those of the numbers it reads
            raise MemberError("cannot load a LightGBM file", where=where, got=str(error)[:200]) from None

    def predict(self, features: pa.Table) -> np.ndarray:
        """Answer for each row: (n, n_classes) probabilities, or (n,) numbers."""
        rows = np.stack([self._column(features, name) for name in self.features], axis=1)
        try:
            raw = self._booster.predict(rows, num_threads=self._threads)
        except Exception as error:
            raise MemberError("a model failed", where=f'member "{self.name}"', got=str(error)[:200]) from error
        if self._apart:
            raw = np.asarray(raw)
            raw = raw / raw.sum(axis=1, keepdims=True)
        return answer(raw, features.num_rows, self.classes, self.name)

    def _column(self, features: pa.Table, name: str) -> np.ndarray:
        levels = self._levels.get(name)
        if levels is None:
            return numbers(features, name, self.name)
        if name in features.column_names and is_number(features.schema.field(name).type):
            found = [class_text(one) if np.isfinite(one) else "" for one in numbers(features, name, self.name).tolist()]
        else:
            found = texts(features, name, self.name).tolist()
        return np.array([levels.get(one, np.nan) for one in found], dtype=np.float64)


def header(text: str) -> dict[str, str]:
    r"""Return the ``key=value`` lines before the first tree.

    >>> header("tree\nversion=v4\nobjective=binary sigmoid:1\n\nTree=0\nnum_leaves=3")["objective"]
    'binary sigmoid:1'
    """
    lines = text.partition("\nTree=0")[0].splitlines()
    return {key: value for key, mark, value in (line.partition("=") for line in lines) if mark}


def _whole(data: bytes, where: str) -> str:
    """Return the text, each tree of it where the file says: the library itself reads past the end of a cut one."""
    need_kind(data, Kind.LIGHTGBM, where)
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    start = text.find("\nTree=0\n") + 1
    sizes = header(text).get("tree_sizes", "").split()
    at = len(text[:start].encode())
    body = text.encode()
    for place, size in enumerate(sizes):
        if not start or not size.isdecimal() or not body.startswith(f"Tree={place}\n".encode(), at):
            raise _damaged(where, f"tree {place} is not where the file says")
        at += int(size)
    if not sizes or not body.startswith(b"end of trees", at):
        raise _damaged(where, "the end of the trees is missing")
    return text


def _damaged(where: str, got: str) -> MemberError:
    return MemberError("cannot read a model file", where=where, expected="a whole LightGBM text file", got=got)


def _classes(objective: str, head: Mapping[str, str], classes: Sequence[str], where: str) -> tuple[str, ...] | None:
    if objective in _SHARES:
        return class_names(classes, max(2, int(head.get("num_class", "1"))), where)
    if classes:
        raise ConfigError("a model gives no probabilities", where=where, got=f"objective {objective}",
                          expected=f"one of {', '.join(_SHARES)}")  # fmt: skip
    return None


def _named(own: tuple[str, ...]) -> tuple[str, ...]:
    """Return the file's feature names unless they are only numbered."""
    return () if all(name == f"Column_{place}" for place, name in enumerate(own)) else own


def _levels(
    text: str, head: Mapping[str, str], features: tuple[str, ...], where: str
) -> dict[str, dict[str, float]]:  # fmt: skip
    """Return the code of each level of each category, by feature, as a data frame's categories were coded."""
    line = text.rpartition(_CATEGORIES)[2].splitlines()[:1] if _CATEGORIES in text else []
    levels: Any = json.loads(line[0]) if line else None
    if not levels:
        return {}
    infos = head.get("feature_infos", "").split(" ")
    found = [name for name, info in zip(features, infos, strict=False) if info[:1] not in {"[", ""} and info != "none"]
    if len(found) != len(levels):
        raise ConfigError("cannot tell which features are categories", where=where, expected=f"{len(levels)} of them",
                          got=", ".join(found), fix="leave features that never vary out when fitting")  # fmt: skip
    return {name: {class_text(one): float(code) for code, one in enumerate(of)}
            for name, of in zip(found, levels, strict=True)}  # fmt: skip
