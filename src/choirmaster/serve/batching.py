"""Puts the rows of several calls together, and takes the answer apart again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of all tables, in their order.

    >>> joined([pa.table({"x": [1.0]}), pa.table({"x": [2.0, 3.0]})])["x"].to_pylist()
    [1.0, 2.0, 3.0]
    """
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def taken_apart(raw: Any, sizes: Sequence[int]) -> list[Any] | None:
    """Return the part of each call, or None where the answer has not one row for each row asked.

    >>> [part.tolist() for part in taken_apart(np.array([1.0, 2.0, 3.0]), [1, 2])]
    [[1.0], [2.0, 3.0]]
    """
    try:
        array = np.asarray(raw)
    except ValueError:  # rows of different lengths
        return None
    if array.ndim == 0 or len(array) != sum(sizes):
        return None
    return np.split(array, np.cumsum(sizes)[:-1])
