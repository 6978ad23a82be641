"""Which reference each window is measured with (D14): the epochs of one ensemble, in the order they were set."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.layout import Layout
from choirmaster.ports import ALWAYS, Epoch, Store
from choirmaster.states import BY_KIND
from choirmaster.states.reference import Reference, from_bytes, with_costs
from choirmaster.times import isoformat
from choirmaster.values import FUSED


@dataclass(frozen=True)
class History:
    """The references of an ensemble and the windows that each is in force for.

    Attributes
    ----------
    epochs : tuple of Epoch
        In the order they were set; a later one holds from its start on, whatever held there before.
    references : mapping of str to Reference
        Those in force somewhere, by id.

    Examples
    --------
    >>> History((Epoch("a"), Epoch("b", since=30), Epoch("c", since=20))).spans
    ((-4611686018427387904, 'a'), (20, 'c'))
    """

    epochs: tuple[Epoch, ...]
    references: Mapping[str, Reference] = field(default_factory=dict)

    @cached_property
    def spans(self) -> tuple[tuple[int, str], ...]:
        """The start of each stretch of time and the id in force from there on, ascending."""
        return in_force(self.epochs)

    @property
    def current(self) -> Reference:
        """The reference that the newest windows are measured with."""
        return self.references[self.spans[-1][1]]

    def at(self, start: int) -> Reference:
        """Return the reference of the window that starts at an instant."""
        return self.references[self.spans[max(bisect_right(self.spans, start, key=lambda one: one[0]) - 1, 0)][1]]

    def cut(self, rows: pa.Table) -> list[tuple[Reference, pa.Table]]:
        """Cut rows by time into those of each reference; the borders are borders of windows."""
        if len(self.spans) == 1 or not rows.num_rows:
            return [(self.current, rows)]
        borders = np.array([start for start, _ in self.spans[1:]], np.int64)
        place = np.searchsorted(borders, rows.column("time").cast(pa.int64()).to_numpy(), side="right")
        return [
            (self.references[self.spans[one][1]], rows.filter(pa.array(place == one)))
            for one in np.unique(place).tolist()
        ]


def in_force(epochs: tuple[Epoch, ...]) -> tuple[tuple[int, str], ...]:
    """Return the start of each stretch of time and the id that is in force from there on."""
    out: list[tuple[int, str]] = []
    for one in epochs:
        out = [(start, reference) for start, reference in out if start < one.since]
        out.append((one.since if out else ALWAYS, one.reference))
    return tuple(out)


def history_of(
    store: Store, ensemble: str, layout: Layout, known: Mapping[str, Reference] | None = None
) -> History | None:
    """Read the epochs of an ensemble; references that are ``known`` are not read again. None where there is none.

    All are read under the costs of ``layout``.
    """
    epochs = tuple(store.epochs(ensemble))
    if not epochs:
        return None
    known = known or {}
    wanted = {reference for _, reference in in_force(epochs)}
    found = {one: known[one] if one in known else _read(store, ensemble, one) for one in wanted}
    return History(epochs, {name: with_costs(one, layout) for name, one in found.items()})


def _read(store: Store, ensemble: str, reference: str) -> Reference:
    stored = store.reference(ensemble, reference)
    assert stored is not None, "an epoch names a stored reference"
    return from_bytes(stored[1], BY_KIND)


def widest(layout: Layout, history: History | None) -> Layout:
    """Return a layout with the columns that any reference in force counts, so that a late label finds them all."""
    for one in () if history is None else history.references.values():
        layout = _wider(layout, one.layout)
    return layout


def _wider(layout: Layout, other: Layout) -> Layout:
    mine = {one.name for one in layout.series}
    gone = tuple(one for one in other.series if one.name not in mine)
    fused = tuple(one for one in layout.series if one.name == FUSED)
    return replace(
        layout,
        series=(*layout.members, *(one for one in gone if one.name != FUSED),
                *(fused or tuple(one for one in gone if one.name == FUSED))),
        numeric=_both(layout.numeric, [one for one in other.numeric if one not in layout.categorical]),
        categorical=_both(layout.categorical, [one for one in other.categorical if one not in layout.numeric]),
        segments=_both(layout.segments, other.segments),
        crosses=tuple(dict.fromkeys([*layout.crosses, *other.crosses])),
        value=layout.value or other.value,
    )  # fmt: skip


def _both(one: tuple[str, ...], two: Iterable[str]) -> tuple[str, ...]:
    return (*one, *(name for name in two if name not in one))


def listing(history: History) -> list[dict[str, Any]]:
    """Return the epochs as plain data, newest first."""
    out = []
    for place, one in enumerate(reversed(history.epochs)):
        held = history.references.get(one.reference)
        cutoffs = {series.name: held.cutoff(series.name) for series in held.layout.series} if held else {}
        since = None if one.since == ALWAYS else isoformat(one.since)
        out.append({"id": one.reference, "source": one.source, "at": isoformat(one.at), "since": since,
                    "who": one.who, "current": place == 0, "in_force": held is not None,
                    "rows": held.rows if held else None, "cutoffs": cutoffs})  # fmt: skip
    return out
