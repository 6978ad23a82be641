"""Counts of each version of a member, for rows that say which version answered."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from choirmaster.engines import columns as col
from choirmaster.engines.batch import BatchColumns, Counted, count_batch
from choirmaster.kernels.table import Kernels
from choirmaster.layout import series_prefix
from choirmaster.states.base import Ints
from choirmaster.states.keys import StateKey
from choirmaster.states.versions import MAX_VERSIONS, OTHER_VERSION, version_name, versioned


def version_columns(batch: pa.RecordBatch, members: tuple[str, ...]) -> dict[str, str]:
    """Return the column that holds the version of each member, of those that have one.

    >>> version_columns(pa.record_batch({"m.a.version": ["v1"]}), ("a", "b"))
    {'a': 'm.a.version'}
    """
    names = {member: f"{series_prefix(member)}.version" for member in members}
    return {member: name for member, name in names.items() if col.has(batch, name)}


def with_versions(
    counted: Iterator[Counted], source: BatchColumns, keys: tuple[StateKey, ...], group: Ints, groups: int,
    kernels: Kernels,
) -> Iterator[Counted]:  # fmt: skip
    """Yield the counts of all rows, and for each member those of each version that answered.

    Where one version gave all answers, its counts are those of all rows and nothing is counted again.
    """
    members = tuple(one.name for one in source.plan.layout.members)
    columns = version_columns(source.batch, members)
    versions = {member: _versions(source.batch, name, group, groups) for member, name in columns.items()}
    single = {member: names[0] for member, (codes, names) in versions.items()
              if len(names) == 1 and not (codes[group >= 0] < 0).any()}  # fmt: skip
    wanted = {member: versioned(keys, member) for member in versions}
    for key, counts, units in counted:
        yield key, counts, units
        if key.series in single and key in wanted[key.series]:
            yield key._replace(version=single[key.series]), counts.copy(), units.copy()
    for member, (codes, names) in versions.items():
        if member in single:
            continue
        for code, name in enumerate(names):
            here = np.where(codes == code, group, -1)
            for key, counts, units in count_batch(source, wanted[member], here, groups, kernels):
                yield key._replace(version=name), counts, units


def _versions(batch: pa.RecordBatch, name: str, group: Ints, groups: int) -> tuple[Ints, list[str]]:
    """Return the version of each row that belongs to a group, -1 where it says none, and the names in order."""
    column = col.as_texts(batch.column(name))
    texts = column.dictionary.to_pylist()
    raw = column.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    used = np.unique(raw[group >= 0])
    names = sorted({version_name(texts[at]) for at in used if at < len(texts) and texts[at] is not None})
    place = {one: at for at, one in enumerate(names)}
    translate = np.full(len(texts) + 1, -1, np.int64)
    for at in used:
        if at < len(texts) and texts[at] is not None:
            translate[at] = place[version_name(texts[at])]
    codes = np.where(group >= 0, translate[raw], -1)
    return (codes, names) if len(names) <= MAX_VERSIONS else _capped(codes, names, group, groups)


def _capped(codes: Ints, names: list[str], group: Ints, groups: int) -> tuple[Ints, list[str]]:
    """Keep the last names of each window apart, as ``states.versions`` does; the others are ``%other``."""
    k = len(names)
    pairs = np.unique((group * k + codes)[codes >= 0])
    kept = np.zeros((groups, k + 1), bool)
    for window in range(groups):
        kept[window, pairs[pairs // k == window][-MAX_VERSIONS:] % k] = True
    known = codes >= 0
    out = np.where(known & ~kept[np.maximum(group, 0), codes], k, codes)
    used = [int(one) for one in np.unique(out[out >= 0])]
    translate = np.full(k + 2, -1, np.int64)
    translate[used] = np.arange(len(used))
    return translate[out], [[*names, OTHER_VERSION][one] for one in used]
