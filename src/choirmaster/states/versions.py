"""States of each version of a member, kept beside those of all its rows.

In memory every version that answered has states of its own, under keys with its name. They are stored only where they
say more than the states of all rows: of a window in which one version gave every answer, its name is stored alone.
Rows without a version count in the states of all rows only.

At most ``MAX_VERSIONS`` names a series are kept, the last ones in order of name; the others add up in ``%other``. What
is among the last of all names is among the last of any part's, so the order of rows and of merges cannot matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from choirmaster.states.base import State
from choirmaster.states.keys import StateKey

States = dict[StateKey, State]

ALL_VERSIONS, OTHER_VERSION = "*", "%other"
MAX_VERSIONS = 8
UNVERSIONED = ("calls/1",)  # answers that did not come have a place there, and no version to speak of
ONLY = "version"  # kind of an entry that names the one version of a series, and holds no state


def versioned(keys: Iterable[StateKey], series: str) -> tuple[StateKey, ...]:
    """Return the keys of a series that are kept for each version too."""
    return tuple(key for key in keys if key.series == series and key.kind not in UNVERSIONED)


def whole(key: StateKey) -> StateKey:
    """Return the key of all versions: the one that has a reference part.

    >>> whole(StateKey("a", "losses/1", version="v2")) == StateKey("a", "losses/1")
    True
    """
    return key if key.version == ALL_VERSIONS else key._replace(version=ALL_VERSIONS)


def version_name(text: str) -> str:
    """Return the name under which a version is kept: ``*`` means all of them."""
    return "%2A" if text == ALL_VERSIONS else text


def names_of(states: Iterable[StateKey]) -> dict[str, list[str]]:
    """Return the versions of each series in order, ``%other`` among them."""
    found: dict[str, set[str]] = {}
    for key in states:
        if key.version != ALL_VERSIONS:
            found.setdefault(key.series, set()).add(key.version)
    return {series: sorted(names) for series, names in found.items()}


def fold(states: States) -> States:
    """Return states with at most ``MAX_VERSIONS`` named versions a series, the rest added up in ``%other``."""
    out = states
    for series, names in names_of(states).items():
        named = [one for one in names if one != OTHER_VERSION]
        for name in named[:-MAX_VERSIONS]:
            out = _renamed(out, series, name)
    return out


def _renamed(states: States, series: str, name: str) -> States:
    out: States = {}
    for key, state in states.items():
        if key.series == series and key.version == name:
            key = key._replace(version=OTHER_VERSION)  # noqa: PLW2901 - the key it is kept under
        out[key] = out[key].merge(state) if key in out else state
    return out


def compact(states: States) -> tuple[States, list[StateKey]]:
    """Return what has to be stored, and an ``ONLY`` entry for each series whose rows are all of one version."""
    kept = fold({key: state for key, state in states.items() if key.version == ALL_VERSIONS or not state.empty})
    only: list[StateKey] = []
    for series, names in names_of(kept).items():
        own = {key: state for key, state in kept.items() if key.series == series and key.version == names[0]}
        if len(names) == 1 and _same(kept, own, series):
            kept = {key: state for key, state in kept.items() if key not in own}
            only.append(StateKey(series, ONLY, version=names[0]))
    return kept, only


def _same(states: Mapping[StateKey, State], own: Mapping[StateKey, State], series: str) -> bool:
    name = next(iter(own)).version
    for key in versioned([key for key in states if key.version == ALL_VERSIONS], series):
        mine = own.get(key._replace(version=name))
        state = states[key]
        if mine is None:
            if not state.empty:
                return False
        elif (mine.counts != state.counts).any() or (mine.sums != state.sums).any():
            return False
    return True


def expand(states: States, only: Iterable[StateKey]) -> States:
    """Undo ``compact``: give the one version of a series the states of all its rows."""
    out = dict(states)
    for entry in only:
        for key in versioned([key for key in states if key.version == ALL_VERSIONS], entry.series):
            state = states[key]
            out[key._replace(version=entry.version)] = type(state)(state.part, state.counts, state.sums)
    return out
