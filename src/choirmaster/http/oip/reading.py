"""From an infer request to validated rows (D20). Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from choirmaster.errors import RequestError
from choirmaster.http.oip.messages import EXPLAIN, TIMEOUT, InferRequest, Tensor
from choirmaster.http.oip.tensors import elements, place, raw_request, share_out, short_shape, split
from choirmaster.layout import Layout
from choirmaster.serve.request import (
    PredictRequest,
    check_rows,
    features_table,
    identities,
    instants,
    numbers,
    texts,
    unknown_input,
)

ALL_FEATURES = "x"
ID, TIME, VALUE, SEGMENT = "_id", "_time", "_value", "_segment."
_MOST_INPUTS = 5_000

__all__ = ["ALL_FEATURES", "ID", "SEGMENT", "TIME", "VALUE", "explains", "member_layout", "parse", "raw_body", "split"]


def member_layout(layout: Layout, features: Sequence[str]) -> Layout:
    """Return the layout as one member sees it: only the features it takes."""
    return replace(
        layout,
        numeric=tuple(one for one in layout.numeric if one in features),
        categorical=tuple(one for one in layout.categorical if one in features),
        segments=layout.tags,
    )


def raw_body(layout: Layout, tail: memoryview) -> InferRequest:
    """Return the request of a body that is one tensor and no JSON.

    Raises
    ------
    RequestError
        The model takes more than one feature.
    """
    if len(layout.features) != 1:
        raise RequestError("a body without JSON fits a model of one input only", expected="JSON before the tensors",
                           got=f"a model of {len(layout.features)} inputs")  # fmt: skip
    (feature,) = layout.features
    return raw_request(feature, text=feature in layout.categorical, tail=tail)


def parse(
    layout: Layout, body: InferRequest, tail: memoryview | None = None, *, now: int, max_rows: int
) -> PredictRequest:
    """Turn an infer request into validated rows.

    Parameters
    ----------
    tail : memoryview, optional
        The bytes behind the JSON.

    Raises
    ------
    RequestError, DataError, TooLarge
        Naming the input, and the row where one row is wrong.
    """
    if not body.inputs:
        raise RequestError("a request needs inputs", where="$.inputs")
    if len(body.inputs) > _MOST_INPUTS:
        raise RequestError("too many inputs", where="$.inputs", expected=f"at most {_MOST_INPUTS}")
    rows = _rows(body.inputs[0])
    check_rows(rows, max_rows)
    columns: dict[str, Any] = {}
    for tensor, raw in zip(body.inputs, share_out(body, tail), strict=True):
        if _rows(tensor) != rows:
            raise RequestError(f"{place(tensor)} has a wrong length", expected=f"{rows} rows",
                               got=f"shape {short_shape(tensor)}")  # fmt: skip
        for name, values in _columns(layout, tensor, raw):
            if name in columns:
                raise RequestError(f'input "{name[:100]}" is given twice')
            columns[name] = values
    return _request(layout, columns, rows, body, now)


def _request(layout: Layout, columns: dict[str, Any], rows: int, body: InferRequest, now: int) -> PredictRequest:
    features = {name: values for name, values in columns.items() if name in layout.features}
    if not features:
        raise RequestError("no input is a feature", allowed=layout.features)
    tags = {tag: texts(f"{SEGMENT}{tag}", columns[f"{SEGMENT}{tag}"]).to_pylist()
            for tag in layout.tags if f"{SEGMENT}{tag}" in columns}  # fmt: skip
    return PredictRequest(
        features_table(layout, features, rows),
        ids=identities(_listed(columns[ID])) if ID in columns else None,
        times=instants(_listed(columns[TIME]), now=now) if TIME in columns else None,
        tags=tags,
        value=numbers(VALUE, columns[VALUE]).to_pylist() if VALUE in columns else None,
        request_id=request_id(body),
        timeout_seconds=_timeout(body.parameters),
    )


def _listed(values: Any) -> Any:
    return values.tolist() if isinstance(values, np.ndarray) else values


def request_id(body: InferRequest) -> str:
    """Return the request's id, or ''; it heads the default ids of its rows."""
    if not body.id:
        return ""
    return identities([body.id])[0] or ""


def _timeout(parameters: dict[str, Any] | None) -> float | None:
    given = (parameters or {}).get(TIMEOUT)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e12:
        raise RequestError("bad timeout", where="$.parameters.timeout", expected="microseconds above 0")
    return float(given) / 1e6


def explains(body: InferRequest) -> bool:
    """Return whether the members' shares are asked for."""
    return flag(body.parameters, EXPLAIN, "$.parameters")


def flag(parameters: dict[str, Any] | None, name: str, where: str) -> bool:
    """Return a parameter that is true or false; false where it is not given."""
    given = (parameters or {}).get(name, False)
    if not isinstance(given, bool):
        raise RequestError(f"bad {name}", where=f"{where}.{name}", expected="true or false")
    return given


def _rows(tensor: Tensor) -> int:
    shape = tensor.shape
    if not 1 <= len(shape) <= 2 or min(shape) < 0:
        raise RequestError(f"{place(tensor)} has a wrong shape", expected="[n], [n,1], or [n,f] for x",
                           got=short_shape(tensor))  # fmt: skip
    return shape[0]


def _columns(layout: Layout, tensor: Tensor, raw: memoryview | None) -> Iterable[tuple[str, Any]]:
    name, width = tensor.name, 1 if len(tensor.shape) == 1 else tensor.shape[1]
    together = name == ALL_FEATURES and ALL_FEATURES not in layout.features and not layout.categorical
    if not together and not _known(layout, name):
        raise unknown_input(name, layout)
    expected = len(layout.numeric) if together else 1
    if width != expected or (together and len(tensor.shape) == 1 and expected != 1):
        wanted = f"[n,{expected}] in the order of the features" if together else "[n] or [n,1]"
        raise RequestError(f"{place(tensor)} has a wrong shape", got=short_shape(tensor), expected=wanted)
    values = elements(tensor, raw)
    if not together:
        return [(name, values)]
    return [(one, values[at::width]) for at, one in enumerate(layout.numeric)]


def _known(layout: Layout, name: str) -> bool:
    if name in layout.features or name in (ID, TIME) or (name == VALUE and layout.value):
        return True
    return name.startswith(SEGMENT) and name[len(SEGMENT) :] in layout.tags
