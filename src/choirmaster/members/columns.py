"""Columns of a feature table as the arrays that models take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.errors import MemberError

_DOUBLE, _TEXT = pa.float64(), pa.string()


def column(features: pa.Table, name: str, member: str) -> pa.ChunkedArray:
    """Return a column, or say which member lacks it."""
    try:
        return features.column(name)
    except KeyError:
        raise MemberError("a feature is missing", where=f'member "{member}"', expected=f'column "{name}"',
                          got=", ".join(features.column_names)) from None  # fmt: skip


def numbers(features: pa.Table, name: str, member: str) -> np.ndarray:
    """Return a column as float64; NaN where missing or infinite."""
    values = column(features, name, member)
    try:
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.uint8())
        array = (values if values.type == _DOUBLE else values.cast(_DOUBLE)).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise MemberError("a feature is not a number", where=f'member "{member}", column "{name}"',
                          expected="numbers", got=str(values.type)) from None  # fmt: skip
    finite = np.isfinite(array)
    return array if finite.all() else np.where(finite, array, np.nan)


def matrix(features: pa.Table, names: Sequence[str], member: str) -> np.ndarray:
    """Return columns as (n, n_names) float64; NaN where missing or infinite. Each column lies together in memory."""
    found = _block(features, list(names))
    if found is None:
        return np.asfortranarray(np.stack([numbers(features, name, member) for name in names], axis=1))
    finite = np.isfinite(found)
    if not finite.all():
        found = np.array(found, order="F")
        found[~finite] = np.nan
    return found


def _block(features: pa.Table, names: list[str]) -> np.ndarray | None:
    """Return float64 columns that lie in one piece at once: a call for each costs more than a small model."""
    try:
        batches = features.select(names).to_batches()
    except KeyError:
        return None
    if len(batches) != 1 or set(batches[0].schema.types) != {_DOUBLE}:
        return None
    return batches[0].to_tensor(null_to_nan=True, row_major=False).to_numpy()


def texts(features: pa.Table, name: str, member: str) -> np.ndarray:
    """Return a column as text; the empty text where missing."""
    values = column(features, name, member)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    text = values if values.type == _TEXT else values.cast(_TEXT)
    return (pc.fill_null(text, "") if text.null_count else text).to_numpy(zero_copy_only=False)


def is_number(kind: pa.DataType) -> bool:
    """Whether a column of this type is read as numbers."""
    return (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)
    )


def answer(raw: object, rows: int, classes: tuple[str, ...] | None, member: str) -> np.ndarray:
    """Return a model's output as (n, n_classes) float64, or (n,) for a regressor; refuse any other shape.

    A single probability for two classes is the second one's.
    """
    values = np.asarray(raw, dtype=np.float64)
    if classes is None:
        if values.size == rows:
            return values.reshape(rows)
    elif values.shape == (rows, len(classes)):
        return values
    elif len(classes) == 2 and values.size == rows:
        flat = values.reshape(rows)
        return np.stack([1 - flat, flat], axis=1)
    wanted = f"({rows},)" if classes is None else f"({rows}, {len(classes)})"
    raise MemberError("a model answers in another shape", where=f'member "{member}"', expected=wanted,
                      got=str(values.shape))  # fmt: skip
