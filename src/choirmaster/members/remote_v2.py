"""A member behind the Open Inference Protocol V2 over HTTP: pooled connections, and an end at the deadline."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from choirmaster.errors import ConfigError, MemberError
from choirmaster.members import remote_tensors as wire
from choirmaster.members.columns import answer, column, is_number, matrix, numbers
from choirmaster.members.remote_http import Link, Reply

DEFAULT_SECONDS = 10.0
META_SECONDS = 5.0
TOGETHER = "*"
_SPARE_BYTES, _ROW_BYTES = 2**20, 64  # an answer may be this long, and this much longer for each number in it
_BINARY = frozenset({"binary_tensor_data", "binary_data"})
OURS = "choirmaster"


class TensorSpec(msgspec.Struct):
    """Name, type and shape of a tensor; -1 is a variable dimension."""

    name: str
    datatype: str
    shape: list[int]


class Facts(msgspec.Struct):
    """What a model says of itself."""

    inputs: list[TensorSpec] = []
    outputs: list[TensorSpec] = []
    versions: list[str] = []
    platform: str = ""
    parameters: dict[str, Any] = {}


class _ServerFacts(msgspec.Struct):
    extensions: list[str] = []


class RemoteV2Member:
    """One model of a V2 server.

    The server is asked what the model takes and gives when the member is made. Where that cannot be had then, the
    member is made from what is declared, and asks again before its first answer.

    Parameters
    ----------
    name : str
        The member's name.
    url : str
        ``http(s)://host[:port]/v2/models/NAME[/versions/VERSION]``, from the operator's configuration.
    inputs : mapping
        ``{tensor: feature}``; the feature ``*`` stands for all features together as one matrix. Without it each tensor
        takes the feature of its name.
    classes : sequence of str or None
        In the order of the answer's columns; taken from the metadata's parameter ``classes`` where not given.
    features : sequence of str
        The features it takes, where the metadata does not name them, or in the order of a matrix.
    tensor : str
        The output that holds the answer; found by its name and type where not given.
    headers : mapping
        Sent with each request, such as an authorisation.
    ca : str
        A file of certificates to trust in place of the usual ones.
    concurrency : int
        Connections that may be open at the same time.
    seconds : float
        How long one answer is waited for where the caller sets no limit.
    classifies : bool
        Whether classes are needed.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        inputs: Mapping[str, str] | None = None,
        classes: Sequence[str] | None = None,
        features: Sequence[str] = (),
        tensor: str = "",
        headers: Mapping[str, str] | None = None,
        ca: str = "",
        concurrency: int = 4,
        seconds: float = DEFAULT_SECONDS,
        classifies: bool = False,
    ) -> None:
        self.name, self._where = name, f'member "{name}"'
        self._declared, self._tensor, self._seconds = dict(inputs or {}), tensor, seconds
        self._link = Link(url, headers or {}, ca=ca, concurrency=concurrency, where=self._where)
        self._facts: Facts | None = None
        self._binary, self._learning = False, threading.Lock()
        self.version = "remote"
        try:
            self._learn_or_presume(bool(classes) or not classifies, bool(features or self._declared))
            self.classes = tuple(classes) if classes else self._told("classes")
            self.features = self._features(tuple(features))
        except BaseException:
            self.close()
            raise

    def predict(self, features: pa.Table) -> np.ndarray:
        """Answer for each row: (n, n_classes) probabilities, or (n,) numbers."""
        return self.predict_within(features, self._seconds)

    def predict_within(self, features: pa.Table, seconds: float) -> np.ndarray:
        """Answer for each row within so many seconds; the request is cancelled when they are over."""
        if self._facts is None:
            self._learn(seconds)
        rows = features.num_rows
        inputs = self._inputs(features)
        binary = self._binary and not (self._ours and _has_missing_text(inputs))
        output = self._output()
        body, headers = wire.request(inputs, output, binary=binary, timeout_us=max(1, round(seconds * 1e6)))
        most = _SPARE_BYTES + rows * max(1, len(self.classes or ())) * _ROW_BYTES
        reply = self._link.post("/infer", body, headers, seconds=seconds, most=most)
        raw, version = wire.read_answer(reply.body, reply.headers.get(wire.HEADER), output, self._where)
        if version and version != self.version:
            self.version = version[:64]
        return answer(raw, rows, self.classes, self.name)

    def close(self) -> None:
        """Close its connections."""
        self._link.close()

    # -- what the model says of itself --------------------------------------------------------------------------
    def _learn_or_presume(self, *enough: bool) -> None:
        try:
            self._learn(META_SECONDS)
        except MemberError:
            if not all(enough):
                raise

    def _learn(self, seconds: float) -> None:
        with self._learning:
            if self._facts is not None:
                return
            facts = self._decoded(self._link.get("", seconds=seconds), Facts)
            self._binary = self._takes_binary(seconds)
            self.version = facts.versions[-1][:64] if facts.versions else self.version
            self._facts = facts

    def _takes_binary(self, seconds: float) -> bool:
        try:
            said = self._decoded(self._link.get_root(seconds=seconds), _ServerFacts)
        except MemberError:
            return False
        return bool(_BINARY & set(said.extensions))

    def _decoded(self, reply: Reply, kind: type[Any]) -> Any:
        try:
            return msgspec.json.decode(reply.body, type=kind)
        except msgspec.MsgspecError as error:
            raise MemberError("a remote model's metadata cannot be read", where=self._where, got=str(error)[:200],
                              expected="the protocol's metadata") from None  # fmt: skip

    @property
    def _ours(self) -> bool:
        return self._facts is not None and self._facts.platform == OURS

    def _told(self, parameter: str) -> tuple[str, ...] | None:
        said = self._facts.parameters.get(parameter) if self._facts is not None else None
        try:
            names = json.loads(said) if isinstance(said, str) else said
        except ValueError:
            return None
        return tuple(str(one) for one in names) if isinstance(names, list) and names else None

    # -- inputs -------------------------------------------------------------------------------------------------
    def _features(self, declared: tuple[str, ...]) -> tuple[str, ...]:
        mapped = tuple(one for one in self._declared.values() if one != TOGETHER)
        listed = () if self._facts is None else tuple(one.name for one in self._facts.inputs)
        found = declared or mapped or self._told("features") or listed
        if not found or (self._matrix_wanted(listed) and not (declared or self._told("features"))):
            raise ConfigError("a remote model does not say which features it takes", where=self._where,
                              expected="features, in the order of the model's columns")  # fmt: skip
        return found

    def _matrix_wanted(self, listed: tuple[str, ...]) -> bool:
        if self._declared:
            return TOGETHER in self._declared.values()
        return len(listed) == 1 and self._facts is not None and _is_wide(self._facts.inputs[0])

    def _inputs(self, features: pa.Table) -> list[wire.Input]:
        kinds = {one.name: one for one in self._facts.inputs} if self._facts is not None else {}
        if self._declared:
            pairs = list(self._declared.items())
        elif len(kinds) == 1 and _is_wide(next(iter(kinds.values()))):
            pairs = [(next(iter(kinds)), TOGETHER)]
        else:
            pairs = [(name, name) for name in self.features]
        return [self._input(features, tensor, feature, kinds.get(tensor)) for tensor, feature in pairs]

    def _input(self, features: pa.Table, tensor: str, feature: str, spec: TensorSpec | None) -> wire.Input:
        if feature == TOGETHER:
            values = np.ascontiguousarray(matrix(features, self.features, self.name))
            return wire.as_input(tensor, spec.datatype if spec else "FP64", values, self.name)
        found = column(features, feature, self.name)
        if is_number(found.type):
            values, usual = numbers(features, feature, self.name), "FP64"
        else:
            values, usual = _words(found, keep_missing=self._ours), wire.BYTES
        if spec is not None and len(spec.shape) == 2:
            values = values.reshape(-1, 1)
        return wire.as_input(tensor, spec.datatype if spec else usual, values, self.name)

    # -- the output ---------------------------------------------------------------------------------------------
    def _output(self) -> str:
        if self._tensor:
            return self._tensor
        outputs = [one for one in (self._facts.outputs if self._facts is not None else []) if _is_answer(one)]
        likely = [one for one in outputs if "prob" in one.name.lower()] if self.classes else []
        for some in (likely, outputs):
            if len(some) == 1:
                return some[0].name
        usual = "predict_proba" if self.classes else "predict"
        if not outputs or any(one.name == usual for one in outputs):
            return usual
        raise MemberError("cannot tell which output is the answer", where=self._where, fix="declare it as tensor",
                          got=", ".join(one.name for one in outputs))  # fmt: skip


def _is_wide(spec: TensorSpec) -> bool:
    return len(spec.shape) == 2 and spec.shape[1] != 1


def _is_answer(spec: TensorSpec) -> bool:
    return spec.datatype in wire.NUMBERS and not spec.name.startswith("member.")


def _words(values: pa.ChunkedArray, *, keep_missing: bool) -> np.ndarray:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    words = values.cast(pa.string()).to_pylist()
    return np.array(words if keep_missing else [word or "" for word in words], dtype=object)


def _has_missing_text(inputs: Sequence[wire.Input]) -> bool:
    return any(one.datatype == wire.BYTES and None in one.values.ravel().tolist() for one in inputs)
