"""Labels of a multilabel task into their one canonical column: the escaped names of the classes, joined by ``|``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from choirmaster.schema import TEXT, class_text, label_set
from choirmaster.sources.convert import as_text, decoded
from choirmaster.sources.faults import Faults

_YES_OR_NO = {"1": 1, "true": 1, "yes": 1, "y": 1, "0": 0, "false": 0, "no": 0, "n": 0}
_NONE = 2


def as_label_set(column: pa.Array, known: Sequence[str], *, name: str, faults: Faults) -> pa.Array:
    """Return a column of lists, or of texts joined by ``|``; '' and the empty list are none of the classes.

    Where an empty text means a missing one, as in a CSV file, ``|`` says none of the classes.
    Names that are not among the classes are left out and counted; the row keeps its other names.

    >>> faults = Faults()
    >>> as_label_set(pa.array(["a|b", "|", None, "b|?"]), ("a", "b"), name="y", faults=faults).to_pylist()
    ['a|b', '', None, 'b']
    >>> faults.lines()
    ['column "y": 1 not among the classes, such as ?']
    """
    column = decoded(column)
    if _is_list(column.type):
        rows = [None if one is None else tuple(map(_flat, one)) for one in column.to_pylist()]
    else:
        texts = (
            column if pa.types.is_string(column.type) else as_text(column, name=name, faults=faults).cast(pa.string())
        )
        rows = [None if one is None else tuple(one.split("|")) for one in texts.to_pylist()]
    made: dict[tuple[object, ...], tuple[str, tuple[str, ...]]] = {}
    strange: Counter[str] = Counter()
    out: list[str | None] = []
    for row in rows:
        if row is None:
            out.append(None)
            continue
        if row not in made:
            made[row] = _sorted(row, known)
        text, unknown = made[row]
        strange.update(unknown)
        out.append(text)
    if strange:
        faults.add(name, "not among the classes", strange.total(), *list(strange)[:5])
    return pa.array(out, pa.string()).dictionary_encode().cast(TEXT)


def label_columns(batch: pa.RecordBatch, columns: Mapping[str, str], faults: Faults) -> pa.Array:
    """Return the label of one column of 0 and 1 for each class; null where one of them says nothing.

    >>> batch = pa.RecordBatch.from_pydict({"a": [1, 0, 1], "b": [True, False, None]})
    >>> label_columns(batch, {"a": "a", "b": "b"}, Faults()).to_pylist()
    ['a|b', '', None]
    """
    codes = np.stack([_yes_or_no(batch.column(column), column, faults) for column in columns.values()], axis=1)
    silent = (codes == _NONE).any(axis=1)
    partly = int((silent & (codes != _NONE).any(axis=1)).sum())
    if partly:
        faults.add(", ".join(columns.values()), "labelled for some classes only", partly)
    found, place = np.unique(codes, axis=0, return_inverse=True)
    texts = [label_set(name for name, code in zip(columns, row, strict=True) if code == 1) for row in found]
    indices = pa.array(place.reshape(-1).astype(np.int32), mask=silent)
    return pa.DictionaryArray.from_arrays(indices, pa.array(texts, pa.string()))


def _yes_or_no(column: pa.Array, name: str, faults: Faults) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    texts = as_text(column, name=name, faults=faults)
    meant = [_YES_OR_NO.get(one.lower(), _NONE) for one in texts.dictionary.to_pylist()]
    codes = np.array([*meant, _NONE], np.int64)[texts.indices.fill_null(len(meant)).to_numpy(zero_copy_only=False)]
    wrong = (codes == _NONE) & texts.is_valid().to_numpy(zero_copy_only=False)
    if wrong.any():
        faults.add(name, "neither 0 nor 1", int(wrong.sum()), *texts.filter(pa.array(wrong)).slice(0, 5).to_pylist())
    return codes


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _flat(name: object) -> object:
    """Return a label as it is, or the text of one that holds others."""
    return str(name) if isinstance(name, list | dict) else name


def _sorted(row: Iterable[object], known: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the canonical text of the known names of a row, and the unknown ones."""
    names = [class_text(one.strip() if isinstance(one, str) else one) for one in row if one not in (None, "")]
    return label_set(one for one in names if one in known), tuple(one for one in names if one not in known)
