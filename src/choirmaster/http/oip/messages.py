"""The messages of the Open Inference Protocol V2, as they stand in JSON."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

PLATFORM = "choirmaster"
EXTENSIONS = (
    "binary_tensor_data", "classification", "model_configuration", "model_repository", "parameters", "statistics",
)  # fmt: skip
BINARY_HEADER = "Inference-Header-Content-Length"
BINARY_SIZE, BINARY_OUTPUT, BINARY_ALL = "binary_data_size", "binary_data", "binary_data_output"
CLASSIFICATION, TIMEOUT, EXPLAIN = "classification", "timeout", "explain"


class Tensor(msgspec.Struct):
    """One input tensor; its data stands here, or behind the JSON where ``parameters.binary_data_size`` says so."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] | None = None


class WantedOutput(msgspec.Struct):
    """The name of an output to send back."""

    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(msgspec.Struct):
    """The body of ``/infer``; unknown fields are ignored, as the protocol asks."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[WantedOutput] | None = None


class TensorSpec(msgspec.Struct):
    """Name, type and shape of a tensor; -1 is a variable dimension."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct, omit_defaults=True):
    """What a model takes and gives. ``parameters`` holds lists as JSON text, since the protocol has only scalars."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    parameters: dict[str, Any] = {}


class OutputTensor(msgspec.Struct):
    """One output tensor, row-major; null is "not answered". Without ``data`` it stands behind the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] | UnsetType = UNSET
    data: list[Any] | UnsetType = UNSET


class InferResponse(msgspec.Struct, omit_defaults=True):
    """The answer of ``/infer``."""

    model_name: str
    outputs: list[OutputTensor]
    model_version: str = ""
    id: str | None = None
    parameters: dict[str, Any] = {}


class IndexRequest(msgspec.Struct):
    """The body of the repository index; it may be empty."""

    ready: bool = False


class IndexEntry(msgspec.Struct):
    """One model that this server knows."""

    name: str
    version: str
    state: str
    reason: str


DECODER = msgspec.json.Decoder(InferRequest)
INDEX_DECODER = msgspec.json.Decoder(IndexRequest)
