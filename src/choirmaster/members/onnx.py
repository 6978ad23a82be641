"""A member that runs an ONNX file through ONNX Runtime, on one thread."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pyarrow as pa

from choirmaster.errors import ConfigError, MemberError
from choirmaster.members.columns import answer, matrix, texts
from choirmaster.members.pinned import VERSION_LENGTH, need_features, read_pinned

CLASSES_KEY, FEATURES_KEY = "choirmaster.classes", "choirmaster.features"
_NUMBERS: dict[str, type[np.number[Any]]] = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)": np.int32,
}  # fmt: skip
_WHOLE = ("tensor(int64)", "tensor(int32)")
_QUIET = 3


class OnnxMember:
    """One ONNX model.

    Inputs are either one tensor [n] or [n, 1] per feature, named as the feature (text or number), or one matrix
    [n, n_features] with the features in their declared order. Files that keep tensors outside are refused.

    Parameters
    ----------
    name : str
        The member's name.
    path : path
        The file.
    sha256 : str, optional
        Refuse the file if its hash is another.
    classes, features : sequence of str, optional
        Taken from the file's metadata where not given.
    threads : int
        Threads inside one call (intra-op).
    """

    def __init__(
        self,
        name: str,
        path: str | Path,
        *,
        sha256: str | None = None,
        classes: tuple[str, ...] | None = None,
        features: tuple[str, ...] = (),
        threads: int = 1,
    ) -> None:
        data, digest = read_pinned(path, sha256)
        self.name, self.version, self._where = name, digest[:VERSION_LENGTH], str(path)
        self._session = session(data, where=str(path), threads=threads)
        known = self._session.get_modelmeta().custom_metadata_map
        self.classes = _named(classes, known.get(CLASSES_KEY))
        self._inputs = self._session.get_inputs()
        self._matrix = len(self._inputs) == 1 and _width(self._inputs[0]) != 1
        given = _named(features or None, known.get(FEATURES_KEY)) or ()
        self.features = need_features(given, str(path)) if self._matrix else tuple(item.name for item in self._inputs)
        self._output = self._answering()
        self._by_kind: dict[str, list[Any]] = {}
        for item in self._inputs:
            self._by_kind.setdefault(item.type, []).append(item)

    def predict(self, features: pa.Table) -> np.ndarray:
        """Answer for each row: (n, n_classes) probabilities, or (n,) numbers."""
        try:
            raw = self._session.run([self._output], self._feeds(features))[0]
        except MemberError:
            raise
        except Exception as error:  # ONNX Runtime has one class per status and no common base
            raise MemberError("a model failed", where=f'member "{self.name}"', got=str(error).splitlines()[0]) from None
        return answer(raw, features.num_rows, self.classes, self.name)

    def _feeds(self, features: pa.Table) -> dict[str, np.ndarray]:
        if self._matrix:
            item = self._inputs[0]
            whole = self._narrow(matrix(features, self.features, self.name), item.type, self.features)
            return {item.name: np.ascontiguousarray(whole)}
        feeds = {}
        for kind, items in self._by_kind.items():
            names = [item.name for item in items]
            if kind == "tensor(string)":
                columns = [texts(features, name, self.name).astype(object) for name in names]
            else:
                columns = list(self._narrow(matrix(features, names, self.name), kind, names).T)
            for item, array in zip(items, columns, strict=True):
                feeds[item.name] = array if len(item.shape) == 1 else array.reshape(-1, 1)
        return feeds

    def _narrow(self, columns: np.ndarray, kind: str, names: Sequence[str]) -> np.ndarray:
        """Return columns in the type of an input; what is beyond it is missing."""
        if kind in _WHOLE:
            missing = np.isnan(columns).any(axis=0)
            if missing.any():
                where = f'member "{self.name}", column "{names[int(missing.argmax())]}"'
                raise MemberError("a whole number is missing", where=where, expected="a value in every row")
        with np.errstate(over="ignore"):
            narrow: np.ndarray = columns.astype(_NUMBERS[kind])
        if kind not in _WHOLE:
            narrow[np.isinf(narrow)] = np.nan
        return narrow

    def _answering(self) -> str:
        outputs = self._session.get_outputs()
        for item in self._inputs:
            if item.type not in _NUMBERS and item.type != "tensor(string)":
                raise ConfigError("an input is of a kind no feature has", where=f'{self._where}, input "{item.name}"',
                                  expected="float, double, int64, int32 or string", got=item.type)  # fmt: skip
        numeric = [item for item in outputs if item.type in ("tensor(float)", "tensor(double)")]
        if not numeric:
            raise ConfigError("no output is a tensor of numbers", where=self._where,
                              got=", ".join(f"{item.name}: {item.type}" for item in outputs),
                              fix="convert with zipmap switched off")  # fmt: skip
        return next((item.name for item in numeric if "prob" in item.name.lower()), numeric[-1].name)


def session(data: bytes, *, where: str, threads: int = 1) -> ort.InferenceSession:
    """Return a quiet session for the bytes of a model whose every tensor lies inside them."""
    refuse_outside(data, where)
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, _QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has one class per status and no common base
        raise MemberError("cannot load an ONNX model", where=where, got=str(error).splitlines()[0]) from None


def refuse_outside(data: bytes, where: str) -> None:
    """Raise ``MemberError`` for bytes that are no ONNX model, or that keep any tensor in another file."""
    try:
        model = onnx.load_model_from_string(data)
    except Exception:
        raise MemberError(
            "cannot read a model file", where=where, expected="an ONNX model", got="other bytes"
        ) from None
    if not model.graph.node and not model.graph.output:
        raise MemberError("cannot read a model file", where=where, expected="an ONNX model", got="an empty graph")
    if any(t.data_location == onnx.TensorProto.EXTERNAL or t.external_data for t in _tensors(model)):
        raise MemberError("an ONNX model keeps tensors in other files", where=where, expected="one file",
                          fix="save it as one file without external data")  # fmt: skip


def _no_model(where: str, got: str) -> MemberError:
    return MemberError("cannot read a model file", where=where, expected="an ONNX model", got=got)


def _tensors(message: Any) -> Iterator[Any]:
    """Yield every tensor at any depth: initialisers, attributes, sparse ones, subgraphs, functions."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            many = hasattr(value, "__len__") and not hasattr(value, "ListFields")
            for item in value if many else (value,):
                if hasattr(item, "ListFields"):
                    yield from _tensors(item)


def _width(item: Any) -> Any:
    return item.shape[1] if len(item.shape) == 2 else 1


def _named(given: Any, stored: str | None) -> tuple[str, ...] | None:
    if given is not None:
        return tuple(given)
    if not stored:
        return None
    found = json.loads(stored)
    return None if found is None else tuple(str(name) for name in found)
