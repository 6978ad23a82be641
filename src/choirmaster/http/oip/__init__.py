"""Open Inference Protocol V2: tensors in, tensors out, as JSON or as bytes. Pure functions on its messages."""

from choirmaster.http.oip.answers import Written, member_response, response
from choirmaster.http.oip.messages import (
    BINARY_HEADER,
    DECODER,
    EXTENSIONS,
    INDEX_DECODER,
    IndexEntry,
    IndexRequest,
    InferRequest,
    InferResponse,
    ModelMetadata,
    Tensor,
)
from choirmaster.http.oip.metadata import configuration, metadata
from choirmaster.http.oip.reading import member_layout, parse, raw_body, split

__all__ = [
    "BINARY_HEADER",
    "DECODER",
    "EXTENSIONS",
    "INDEX_DECODER",
    "IndexEntry",
    "IndexRequest",
    "InferRequest",
    "InferResponse",
    "ModelMetadata",
    "Tensor",
    "Written",
    "configuration",
    "member_layout",
    "member_response",
    "metadata",
    "parse",
    "raw_body",
    "response",
    "split",
]
