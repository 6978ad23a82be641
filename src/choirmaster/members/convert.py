"""Write a fitted pipeline as an ONNX file where that gives the same answers, else as a skops file."""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from skops.io import dumps, get_untrusted_types

from choirmaster.errors import MemberError
from choirmaster.members.columns import answer, is_number
from choirmaster.schema import class_text

if TYPE_CHECKING:
    from choirmaster.members.estimator import EstimatorMember
    from choirmaster.members.onnx import OnnxMember

TOLERANCE = 1e-5
"""Largest difference of any probability, or relative difference of any number, for a conversion to be taken."""
MATRIX = "choirmaster_matrix"
_OPSET = {"": 17, "ai.onnx.ml": 3}


@dataclass(frozen=True, slots=True)
class Written:
    """A model file: where it lies, its hash, and how far its answers are from the estimator's.

    ``note`` says why a file is not ONNX. ``trusted_types`` are the types a skops file holds beside those skops trusts.
    """

    file: Path
    sha256: str
    format: str
    features: tuple[str, ...]
    classes: tuple[str, ...] | None
    largest_difference: float = 0.0
    note: str = ""
    trusted_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two models' answers are apart: the largest difference, and rows whose class changes beyond a tie."""

    largest: float
    flips: int

    @property
    def holds(self) -> bool:
        """Whether the one may stand for the other."""
        return self.largest <= TOLERANCE and self.flips == 0

    def told(self, rows: int) -> str:
        """Say how far they are apart."""
        return f"ONNX differs by up to {self.largest:.2g} on {rows} rows, {self.flips} flips"


def write_model(estimator: Any, name: str, folder: str | Path, sample: pa.Table, *, prefer: str = "onnx") -> Written:
    """Write a fitted pipeline into a folder and return what was written.

    With ``prefer="onnx"`` the pipeline is converted and both answer the sample rows; the conversion is taken where no
    answer is further than 1e-5 from the estimator's and no row changes its class beyond a tie.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    note = "skops was asked for"
    if prefer == "onnx":
        try:
            data = to_onnx(estimator)
            agreement = compare(estimator, data, sample, name)
            if agreement.holds:
                return _write(estimator, folder / f"{name}.onnx", data, agreement.largest)
            note = agreement.told(sample.num_rows)
        except Exception as error:  # a converter may fail in any way; the native file always remains
            note = _unconverted(error)
    data = dumps(estimator)
    trusted = tuple(sorted(get_untrusted_types(data=data)))
    return _write(estimator, folder / f"{name}.skops", data, 0.0, note, trusted)


def as_onnx(member: EstimatorMember, sample: pa.Table | None) -> tuple[OnnxMember | None, str]:
    """Return a scikit-learn member as an ONNX member, and how well they agree; None, and why, where it stays native.

    Both answer the sample rows as they would be served. The conversion is taken where no answer is further than 1e-5
    from the member's and no row changes its class beyond a tie.
    """
    from choirmaster.members.onnx import OnnxMember

    if sample is None:
        return None, "there are no reference rows on which both could be compared"
    try:
        data = to_onnx(member.estimator, member.features, _text_columns(sample))
        with tempfile.TemporaryDirectory(prefix="choirmaster-convert-") as folder:
            file = Path(folder) / "model.onnx"
            file.write_bytes(data)
            made = OnnxMember(member.name, file)
        agreement = agreement_of(member.predict(sample), made.predict(sample))
    except Exception as error:  # a converter may fail in any way; the native model always remains
        return None, _unconverted(error)
    if not agreement.holds:
        return None, agreement.told(sample.num_rows)
    made.version = f"{member.version}-onnx"
    return made, f"within {agreement.largest:.2g} on {sample.num_rows} rows"


def _unconverted(error: Exception) -> str:
    return f"cannot be converted to ONNX: {str(error).splitlines()[0] if str(error) else type(error).__name__}"


def _text_columns(sample: pa.Table) -> frozenset[str]:
    return frozenset(field.name for field in sample.schema if not is_number(field.type))


def _write(
    estimator: Any, file: Path, data: bytes, largest: float, note: str = "", trusted_types: tuple[str, ...] = ()
) -> Written:
    file.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    features, classes = tuple(_inputs(estimator)), _classes(estimator)
    return Written(file, digest, file.suffix[1:], features, classes, largest, note, trusted_types)


def to_onnx(estimator: Any, features: Sequence[str] = (), texts: Collection[str] = ()) -> bytes:
    """Return a fitted pipeline as the bytes of an ONNX model with one input [n, 1] per feature.

    A pipeline whose first step encodes a table (it has ``numeric``, ``categorical`` and ``levels_``) gets text inputs
    for its categories. Any other one that was fitted on named columns gets text inputs for those in ``texts``, and must
    encode them itself. Class names and features stand in the metadata; ``features`` are the names of the estimator's
    columns where it does not know them.
    """
    from onnx import checker
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    inputs = _inputs(estimator, features)
    inner = _without_encoder(estimator)
    last = inner.steps[-1][1] if hasattr(inner, "steps") else inner
    options = {id(last): {"zipmap": False}} if _classes(estimator) else None
    apart = not _has_encoder(estimator) and any(name in texts for name in inputs)
    types = (
        [(name, (StringTensorType if name in texts else FloatTensorType)([None, 1])) for name in inputs]
        if apart
        else [(MATRIX, FloatTensorType([None, len(inputs)]))]
    )
    with warnings.catch_warnings():
        # The converter's own deprecations; whether its result is right is measured, not presumed.
        warnings.simplefilter("ignore")
        model = convert_sklearn(inner, initial_types=types, options=options, target_opset=_OPSET)
    _need_opset(model, "ai.onnx.ml", _OPSET["ai.onnx.ml"])
    if not apart:
        _put_inputs_in_front(model.graph, inputs)
    _keep_one_output(model.graph)
    classes = _classes(estimator)
    for key, value in {"choirmaster.classes": classes, "choirmaster.features": list(inputs)}.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def compare(estimator: Any, data: bytes, sample: pa.Table, name: str) -> Agreement:
    """Return how far the ONNX bytes answer from the estimator on the sample rows."""
    from choirmaster.members.onnx import session

    run = session(data, where=name)
    feeds = {}
    for item in run.get_inputs():
        column = sample.column(item.name)
        if item.type == "tensor(string)":
            text = column.cast(pa.string()).to_pylist()
            feeds[item.name] = np.array([value or "" for value in text], dtype=object).reshape(-1, 1)
        else:
            number = np.array(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
            number[~np.isfinite(number)] = np.nan
            feeds[item.name] = number.astype(np.float32).reshape(-1, 1)
    classes = _classes(estimator)
    theirs = answer(run.run(None, feeds)[0], sample.num_rows, classes, name)
    rows = sample if _has_encoder(estimator) else np.hstack([feeds[key] for key in _inputs(estimator)])
    native = estimator.predict_proba(rows) if classes else estimator.predict(rows)
    return agreement_of(answer(native, sample.num_rows, classes, name), theirs)


def agreement_of(ours: np.ndarray, theirs: np.ndarray) -> Agreement:
    """Return the largest difference and the number of flips beyond a tie.

    >>> agreement_of(np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([[0.4999999, 0.5000001], [0.9, 0.1]])).flips
    0
    """
    if not len(ours):
        raise MemberError("cannot compare two models", where="sample", expected="at least one row", got="none")
    if ours.ndim == 1:
        scale = np.maximum(1.0, np.abs(ours))
        return Agreement(float(np.max(np.abs(ours - theirs) / scale)), 0)
    rows = np.arange(len(ours))
    first, second = ours.argmax(axis=1), theirs.argmax(axis=1)
    apart = np.abs(ours[rows, first] - ours[rows, second]) > 2 * TOLERANCE
    return Agreement(float(np.max(np.abs(ours - theirs))), int(((first != second) & apart).sum()))


def _has_encoder(estimator: Any) -> bool:
    first = estimator.steps[0][1] if hasattr(estimator, "steps") else estimator
    return hasattr(first, "levels_") and hasattr(first, "categorical")


def _without_encoder(estimator: Any) -> Any:
    return estimator[1:] if _has_encoder(estimator) else estimator


def _inputs(estimator: Any, features: Sequence[str] = ()) -> dict[str, tuple[str, ...] | None]:
    """Return each feature with its levels, None for a number."""
    if _has_encoder(estimator):
        encoder = estimator.steps[0][1]
        return {**dict.fromkeys(encoder.numeric), **{name: encoder.levels_[name] for name in encoder.categorical}}
    names = features or getattr(estimator, "feature_names_in_", None)
    if names is None or not len(names):
        names = [f"x{place}" for place in range(estimator.n_features_in_)]
    return dict.fromkeys(str(name) for name in names)


def _classes(estimator: Any) -> tuple[str, ...] | None:
    classes = getattr(estimator, "classes_", None)
    return None if classes is None else tuple(class_text(label) for label in np.asarray(classes).tolist())


def _put_inputs_in_front(graph: Any, inputs: Mapping[str, tuple[str, ...] | None]) -> None:
    from onnx import TensorProto, helper

    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    clash = sorted(taken & set(inputs))
    if clash:
        raise MemberError("a feature has the name of an inner tensor", where="features", got=", ".join(clash))
    nodes: list[Any] = []
    parts: list[str] = []
    fronts: list[Any] = []
    for name, levels in inputs.items():
        kind = TensorProto.FLOAT if levels is None else TensorProto.STRING
        fronts.append(helper.make_tensor_value_info(name, kind, [None, 1]))
        parts.append(name if levels is None else f"{MATRIX}_{len(parts)}")
        if levels is not None:
            nodes.append(helper.make_node(
                "LabelEncoder", [name], [parts[-1]], domain="ai.onnx.ml", default_float=-1.0,
                keys_strings=[*levels, ""], values_floats=[*map(float, range(len(levels))), -1.0],
            ))  # fmt: skip
    nodes.append(helper.make_node("Concat", parts, [MATRIX], axis=1))
    rest = list(graph.node)
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes + rest)
    graph.input.extend(fronts)


def _need_opset(model: Any, domain: str, version: int) -> None:
    # The converter declares the oldest version its own operators need; the label encoder in front needs a later one.
    for item in model.opset_import:
        if item.domain == domain:
            item.version = max(item.version, version)
            return
    item = model.opset_import.add()
    item.domain, item.version = domain, version


def _keep_one_output(graph: Any) -> None:
    kept = next((item for item in graph.output if "prob" in item.name), graph.output[-1])
    for item in list(graph.output):
        if item is not kept and item.name != kept.name:
            graph.output.remove(item)
