"""The first step of every candidate: a table of named columns becomes one matrix of numbers."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from choirmaster.errors import DataError

MISSING = -1.0
"""The code of a category that is missing, rare or unseen."""


class TableEncoder(TransformerMixin, BaseEstimator):
    """Turn named columns into a float64 matrix: the numbers as they are, each category as the place of its level.

    Definition
        Columns of the result: ``numeric`` in their order, then ``categorical`` in theirs. A number is rounded to
        single precision, so that a converted model reads the same bits; missing and infinite numbers are NaN. A
        category is its place among the sorted levels seen in at least ``min_share`` of the fitting rows, and -1
        where it is missing, empty, rarer than that, or unseen.

    Parameters
    ----------
    numeric, categorical : sequence of str
        Column names.
    min_share : float
        Share of the fitting rows, in [0, 1], below which a level joins the rare ones.

    Attributes
    ----------
    levels_ : dict of str to tuple of str
        The levels of each categorical column, sorted.

    Examples
    --------
    >>> TableEncoder(["x"], ["c"]).fit_transform({"x": [1, None], "c": ["b", "a"]}).tolist()
    [[1.0, 1.0], [nan, 0.0]]
    """

    def __init__(self, numeric: Any = (), categorical: Any = (), *, min_share: float = 0.001) -> None:
        self.numeric = numeric
        self.categorical = categorical
        self.min_share = min_share

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Learn the levels of the categorical columns."""
        table = as_table(X, self._names())
        self.levels_ = {name: _levels(texts(table, name), self.min_share) for name in self.categorical}
        self.n_features_in_ = len(self._names())
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return (n_samples, n_numeric + n_categorical) float64."""
        check_is_fitted(self)
        table = as_table(X, self._names())
        matrix = np.empty((table.num_rows, len(self._names())))
        for place, name in enumerate(self.numeric):
            matrix[:, place] = numbers(table, name)
        for place, name in enumerate(self.categorical, start=len(self.numeric)):
            codes = pc.index_in(texts(table, name), value_set=pa.array(self.levels_[name], pa.string()))
            matrix[:, place] = pc.fill_null(codes.cast(pa.float64()), MISSING).to_numpy()
        return matrix

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ARG002  scikit-learn's signature
        """Return the column names in the order of the matrix."""
        return np.asarray(self._names(), dtype=object)

    def __sklearn_tags__(self) -> Any:
        """Say that missing values and text are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        return tags

    def _names(self) -> list[str]:
        return [*self.numeric, *self.categorical]


def as_table(X: Any, names: list[str]) -> pa.Table:
    """Take Arrow, pandas, polars, a dict of columns or a matrix whose columns are ``names``, as an Arrow table."""
    if isinstance(X, pa.Table):
        table = X
    elif isinstance(X, pa.RecordBatch):
        table = pa.Table.from_batches([X])
    elif isinstance(X, dict) or hasattr(X, "__arrow_c_stream__"):
        table = pa.table(X)
    else:
        matrix = np.asarray(X)
        if matrix.ndim != 2 or matrix.shape[1] != len(names):
            raise DataError("cannot read the features", expected=f"a table, or {len(names)} columns",
                            got=f"{type(X).__name__} of shape {matrix.shape}")  # fmt: skip
        table = pa.table({name: pa.array(matrix[:, place].tolist()) for place, name in enumerate(names)})
    lacking = [name for name in names if name not in table.column_names]
    if lacking:
        raise DataError("columns are missing", where="features", expected=", ".join(names), got=f"none of {lacking}")
    return table


def numbers(table: pa.Table, name: str) -> np.ndarray:
    """Return a column as float64 of single precision; NaN where missing or infinite."""
    column = table.column(name)
    try:
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.uint8())
        values = column.cast(pa.float64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError("a numeric feature is not a number", where=f'column "{name}"', expected="numbers",
                        got=f"{column.type} ({error})") from None  # fmt: skip
    with np.errstate(over="ignore"):
        single = values.astype(np.float32).astype(np.float64)
    return np.where(np.isfinite(single), single, np.nan)


def texts(table: pa.Table, name: str) -> pa.Array:
    """Return a column as text without nulls: a missing category is the empty text."""
    column = table.column(name).combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return pc.fill_null(column.cast(pa.string()), "")


def _levels(column: pa.Array, min_share: float) -> tuple[str, ...]:
    counts = {item["values"].as_py(): item["counts"].as_py() for item in pc.value_counts(column)}
    least = min_share * len(column)
    return tuple(sorted(level for level, count in counts.items() if level and count >= least))
