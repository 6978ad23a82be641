"""What a model takes and gives, as metadata and in the form of Triton's model configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from choirmaster.http.oip.messages import PLATFORM, ModelMetadata, TensorSpec
from choirmaster.http.oip.reading import ID, SEGMENT, TIME, VALUE
from choirmaster.layout import Layout


def metadata(name: str, version: str, layout: Layout, members: Sequence[str] = ()) -> ModelMetadata:
    """Return what a model takes and gives; the optional inputs and the class names stand in the parameters."""
    inputs = [TensorSpec(one, "FP64", [-1]) for one in layout.numeric]
    inputs += [TensorSpec(one, "BYTES", [-1]) for one in layout.categorical]
    outputs = [TensorSpec(one, kind, shape) for one, kind, shape in _output_specs(layout, members)]
    parameters: dict[str, Any] = {"task": str(layout.task), "features": _json(layout.features)}
    parameters["optional_inputs"] = _json(
        [ID, TIME, *([VALUE] if layout.value else ()), *(f"{SEGMENT}{tag}" for tag in layout.tags)]
    )
    if members:
        parameters["optional_outputs"] = _json(share_output(one) for one in members)
    if layout.classes:
        parameters["classes"] = _json(layout.classes)
    if layout.positive:
        parameters["positive"] = layout.positive
    return ModelMetadata(name, [version], PLATFORM, inputs, outputs, parameters)


def configuration(found: ModelMetadata) -> dict[str, Any]:
    """Return the metadata in the words of Triton's model configuration; clients that load a server ask for it."""

    def tensors(specs: Sequence[TensorSpec]) -> list[dict[str, Any]]:
        return [{"name": one.name, "data_type": _triton(one.datatype), "dims": one.shape} for one in specs]

    return {
        "name": found.name, "platform": found.platform, "backend": found.platform,
        "version_policy": {"latest": {"num_versions": 1}}, "max_batch_size": 0,
        "input": tensors(found.inputs), "output": tensors(found.outputs),
        "parameters": {name: {"string_value": str(value)} for name, value in found.parameters.items()},
    }  # fmt: skip


def _triton(datatype: str) -> str:
    return "TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}"


def _json(names: Iterable[str]) -> str:
    return msgspec.json.encode(list(names)).decode()


def _output_specs(layout: Layout, members: Sequence[str]) -> list[tuple[str, str, list[int]]]:
    k = len(layout.classes)
    specs = [("predict", "BYTES" if k else "FP64", [-1])]
    if k:
        specs.append(("predict_proba", "FP64", [-1, k]))
    specs.append((ID, "BYTES", [-1]))
    specs += [(member_output(layout, one), "FP64", [-1, k] if k else [-1]) for one in members]
    return specs


def member_output(layout: Layout, member: str) -> str:
    """Return the name of a member's own output."""
    return f"member.{member}.{'predict_proba' if layout.classes else 'predict'}"


def share_output(member: str) -> str:
    """Return the name of a member's share in the answer."""
    return f"member.{member}.share"
