"""A 128-bit hash of each row's content, column by column, that tells a duplicate from a conflict (D6).

Equal rows hash equal whatever the column order, the encoding of text or null columns added later. Null adds nothing;
all NaN are one number and so are the two zeros.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_U64 = NDArray[np.uint64]
_LANES = (b"0", b"1")


def content_hashes(table: pa.Table, *, skip: Sequence[str] = ("id", "call")) -> list[bytes]:
    """Return one 16-byte hash a row over all columns but ``skip``."""
    lanes = [np.zeros(table.num_rows, np.uint64) for _ in _LANES]
    for name in table.column_names:
        column = table.column(name)
        if name in skip or column.null_count == table.num_rows:
            continue
        present = ~column.is_null().to_numpy(zero_copy_only=False)
        words = _words(column)
        for place, tag in enumerate(_LANES):
            seed = np.uint64(int.from_bytes(hashlib.blake2b(tag + name.encode(), digest_size=8).digest(), "little"))
            lanes[place] += np.where(present, _mix(_mix(words ^ seed) + seed), np.uint64(0))
    both = np.stack(lanes, axis=1)
    raw = both.tobytes()
    return [raw[start : start + 16] for start in range(0, len(raw), 16)]


def _words(column: pa.ChunkedArray) -> _U64:
    """Return 64 bits for each value; what stands at a null does not matter."""
    kind = column.type
    if pa.types.is_floating(kind):
        numbers = column.cast(pa.float64()).fill_null(0.0).to_numpy().astype(np.float64)
        numbers = numbers + 0.0  # -0.0 becomes 0.0
        numbers[np.isnan(numbers)] = np.nan
        return numbers.view(np.uint64)
    if pa.types.is_timestamp(kind):
        return column.cast(pa.int64()).fill_null(0).to_numpy().astype(np.int64).view(np.uint64)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return column.cast(pa.int64()).fill_null(0).to_numpy().astype(np.int64).view(np.uint64)
    return _text_words(column)


def _text_words(column: pa.ChunkedArray) -> _U64:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    coded = pc.fill_null(column.cast(pa.string()), "").combine_chunks().dictionary_encode()
    make = hashlib.blake2b
    hashes = b"".join(make(text.encode(), digest_size=8).digest() for text in coded.dictionary.to_pylist())
    return np.frombuffer(hashes, np.uint64)[coded.indices.to_numpy(zero_copy_only=False)]


def _mix(words: _U64) -> _U64:
    """Finish as splitmix64 does: every input bit reaches every output bit."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: _U64 = words ^ (words >> np.uint64(31))
    return mixed
