"""What a measured frame keeps of its segments: states summed over all windows, sparse."""

from __future__ import annotations

from collections.abc import Mapping

from choirmaster.engines.sparse import Sparse, restore, squeeze
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import Parts, States, merge_states
from choirmaster.watch.slices import kept

HELD = 16  # windows of a segment that are held before they are added up
DENSE_CELLS = 1_000_000  # of the segments that come first; these are added up at once, without being put aside


class SegmentTotals:
    """Sums of the states of each segment; memory follows the segments and their cells, not the windows.

    Parameters
    ----------
    parts : mapping
        The plan's.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._dense: dict[str, States] = {}
        self._room = DENSE_CELLS
        self._held: dict[str, list[Mapping[StateKey, Sparse]]] = {}

    def add(self, segment: str, states: States) -> None:
        """Add the states of one window and segment ('' for all rows)."""
        mine = {key: state for key, state in states.items() if kept(key)}
        if segment not in self._held and (segment in self._dense or self._room > 0):
            before = self._dense.get(segment, {})
            self._room -= sum(len(state.counts) for key, state in mine.items() if key not in before)
            self._dense[segment] = merge_states(before, mine)
            return
        held = self._held.setdefault(segment, [])
        held.append(squeeze(mine))
        if len(held) >= HELD:
            held[:] = [squeeze(self.states(segment))]

    def states(self, segment: str, series: str = "") -> States:
        """Return the sums of one segment, of all series or one."""
        out = {key: state for key, state in self._dense.get(segment, {}).items() if series in ("", key.series)}
        for one in self._held.get(segment, ()):
            wanted = {key: state for key, state in one.items() if series in ("", key.series)}
            out = merge_states(out, restore(wanted, self._parts))
        return out

    def slices(self, series: str) -> dict[str, States]:
        """Return the sums of one series in every segment."""
        return {name: self.states(name, series) for name in sorted({*self._dense, *self._held}) if name}
