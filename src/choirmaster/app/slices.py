"""What a measured frame keeps of its segments: states summed over all windows, sparse."""

from __future__ import annotations

from collections.abc import Mapping

from choirmaster.engines.sparse import Sparse, restore, squeeze
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import Parts, States, merge_states
from choirmaster.watch.slices import kept

HELD = 16  # windows of a segment that are held before they are added up


class SegmentTotals:
    """Sums of the states of each segment; memory follows the cells in use, not the windows.

    Parameters
    ----------
    parts : mapping
        The plan's.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._held: dict[str, list[Mapping[StateKey, Sparse]]] = {}

    def add(self, segment: str, states: States) -> None:
        """Add the states of one window and segment ('' for all rows)."""
        held = self._held.setdefault(segment, [])
        held.append(squeeze({key: state for key, state in states.items() if kept(key)}))
        if len(held) >= HELD:
            held[:] = [squeeze(self.states(segment))]

    def states(self, segment: str, series: str = "") -> States:
        """Return the sums of one segment, of all series or one."""
        out: States = {}
        for one in self._held.get(segment, ()):
            wanted = {key: state for key, state in one.items() if series in ("", key.series)}
            out = merge_states(out, restore(wanted, self._parts))
        return out

    def slices(self, series: str) -> dict[str, States]:
        """Return the sums of one series in every segment."""
        return {name: self.states(name, series) for name in sorted(self._held) if name}
