"""One column into its canonical type, vectorised; what does not fit becomes null and is counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.schema import TEXT, class_text
from choirmaster.sources.faults import Faults

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^[+-]?(?i:inf(inity)?|nan)$"
_EDGE = 1e-9  # a probability this far outside [0, 1] is rounding and is set to the edge


def is_number(kind: pa.DataType) -> bool:
    """Tell whether a type holds numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a type holds texts, dictionary-encoded ones included."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def decoded(column: pa.Array) -> pa.Array:
    """Return a column without dictionary and views."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string_view(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.string())
    return column


def as_number(column: pa.Array, *, name: str, faults: Faults) -> pa.Array:
    """Return a column as float64; one that is float64 already is returned as it is.

    >>> faults = Faults()
    >>> as_number(pa.array(["1.5", " 2", "x", ""]), name="a", faults=faults).to_pylist(), sum(faults.counts.values())
    ([1.5, 2.0, None, None], 1)
    """
    kind = column.type
    if pa.types.is_float64(kind):
        return column
    if is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column.cast(pa.float64(), safe=False)
    column = decoded(column)
    if not is_text(column.type):
        faults.add(name, f"not a number but {column.type}", len(column) - column.null_count)
        return pa.nulls(len(column), pa.float64())
    try:
        return column.cast(pa.float64())
    except pa.ArrowInvalid:
        trimmed = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    try:
        return column.cast(pa.float64())
    except pa.ArrowInvalid:
        return _numbers_only(column, name, faults)


def reads_as_number(column: pa.Array) -> pa.Array:
    """Return for each text whether it is a number.

    >>> reads_as_number(pa.array(["1", "-2.5e3", "n.a.", "inf"])).to_pylist()
    [True, True, False, True]
    """
    return pc.fill_null(pc.match_substring_regex(column, _NUMBER), False)


def _numbers_only(column: pa.Array, name: str, faults: Faults) -> pa.Array:
    """Return the texts that are numbers as numbers; the rest is null and counted."""
    good = reads_as_number(column)
    bad = pc.and_(pc.is_valid(column), pc.invert(good))
    faults.add(name, "not a number", pc.sum(bad).as_py() or 0, *pc.unique(column.filter(bad)).slice(0, 5).to_pylist())
    return pc.if_else(good, column, None).cast(pa.float64())


def as_text(column: pa.Array, *, name: str, faults: Faults, known: Sequence[str] = ()) -> pa.Array:
    """Return a column as dictionary texts, written as class names; those that are not ``known`` are null and counted.

    >>> as_text(pa.array([1.0, 0.0, None]), name="y", faults=Faults()).to_pylist()
    ['1', '0', None]
    """
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), pa.string()).cast(TEXT)
    if not (is_text(column.type) or is_number(column.type) or pa.types.is_boolean(column.type)
            or pa.types.is_dictionary(column.type)):  # fmt: skip
        column = (
            column.cast(pa.string()) if _castable(column) else pa.array(map(_plain, column.to_pylist()), pa.string())
        )
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    raw = coded.dictionary.to_pylist()
    texts = [_class(one) for one in raw]
    final = list(dict.fromkeys(text for text in texts if text is not None and (not known or text in known)))
    if final == raw and coded.type == TEXT:
        return coded
    place = {text: index for index, text in enumerate(final)}
    indices = coded.indices.cast(pa.int32())
    mapped = pa.array([place.get(text) if text is not None else None for text in texts], pa.int32()).take(indices)
    if known:
        _count_unknown(indices, texts, known, name, faults)
    return pa.DictionaryArray.from_arrays(mapped, pa.array(final, pa.string()))


def _castable(column: pa.Array) -> bool:
    return pa.types.is_temporal(column.type) and not pa.types.is_duration(column.type)


def _plain(value: object) -> str | None:
    return None if value is None else str(value)


def _class(value: object) -> str | None:
    """Return a class name; empty texts and NaN are no value."""
    if value is None or value == "" or value != value:  # noqa: PLR0124  # NaN is the value that is not itself
        return None
    return class_text(value.strip() if isinstance(value, str) else value) or None


def _count_unknown(
    indices: pa.Array, texts: Sequence[str | None], known: Sequence[str], name: str, faults: Faults
) -> None:
    strange = [index for index, text in enumerate(texts) if text is not None and text not in known]
    if strange:
        count = pc.sum(pc.is_in(indices, pa.array(strange, pa.int32()))).as_py() or 0
        faults.add(name, "not among the classes", count, *[texts[index] for index in strange[:5]])


def as_identity(column: pa.Array) -> pa.Array:
    """Return ids as texts; whole numbers are written without a point."""
    column = decoded(column)
    if pa.types.is_floating(column.type):
        try:
            column = column.cast(pa.int64())
        except pa.ArrowInvalid:
            return as_text(column, name="", faults=Faults()).dictionary_decode()
    if pa.types.is_string(column.type):
        return column
    if is_number(column.type) or pa.types.is_boolean(column.type) or _castable(column) or pa.types.is_null(column.type):
        return column.cast(pa.string())
    return as_text(column, name="", faults=Faults()).dictionary_decode()


def as_finite(column: pa.Array, *, name: str, faults: Faults) -> pa.Array:
    """Return numbers with what is not finite as null; NaN is a missing answer, infinite ones are counted."""
    number = as_number(column, name=name, faults=faults)
    finite = pc.is_finite(number)
    if pc.all(finite).as_py() in (True, None):
        return number
    faults.add(name, "not finite", pc.sum(pc.is_inf(number)).as_py() or 0)
    return pc.if_else(finite, number, None)


def as_probability(column: pa.Array, *, name: str, faults: Faults) -> pa.Array:
    """Return probabilities; numbers outside [0, 1] are null and counted.

    >>> faults = Faults()
    >>> as_probability(pa.array([0.5, 1.2]), name="p", faults=faults).to_pylist(), faults.lines()
    ([0.5, None], ['column "p": 1 not a probability, such as 1.2'])
    """
    number = as_finite(column, name=name, faults=faults)
    ends = pc.min_max(number).as_py()
    if ends["min"] is None or (ends["min"] >= 0 and ends["max"] <= 1):
        return number
    bad = pc.or_(pc.less(number, -_EDGE), pc.greater(number, 1 + _EDGE))
    faults.add(name, "not a probability", pc.sum(bad).as_py() or 0, *number.filter(bad).slice(0, 5).to_pylist())
    return pc.if_else(bad, None, pc.min_element_wise(pc.max_element_wise(number, 0.0), 1.0))


def from_logit(column: pa.Array, *, name: str, faults: Faults) -> pa.Array:
    """Return the probabilities of log-odds; infinite ones are 0 and 1.

    >>> from_logit(pa.array([0.0, None]), name="p", faults=Faults()).to_pylist()
    [0.5, None]
    """
    number = as_number(column, name=name, faults=faults)
    values = number.fill_null(float("nan")).to_numpy(zero_copy_only=False)
    small = np.exp(-np.abs(values))
    proba = np.where(values >= 0, 1 / (1 + small), small / (1 + small))
    return pa.array(proba, pa.float64(), from_pandas=True)
