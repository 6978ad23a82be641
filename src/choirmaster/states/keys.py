"""The name of one state within a window and segment."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

ENSEMBLE = "all"  # the series of states that are about all members at once (D2)


class StateKey(NamedTuple):
    """Which series and version, or which feature, about which target, and what kind of state.

    Examples
    --------
    >>> StateKey("boost", "scores/1", target="late").text
    'boost|*||late|scores/1'
    """

    series: str
    kind: str
    feature: str = ""
    target: str = ""
    version: str = "*"

    @property
    def text(self) -> str:
        """One line that sorts and stores; the parts are joined by ``|`` and escaped."""
        parts = (self.series, self.version, self.feature, self.target, self.kind)
        return "|".join(one.replace("%", "%25").replace("|", "%7C") for one in parts)


@lru_cache(maxsize=65_536)
def parse_key(text: str) -> StateKey:
    """Undo ``StateKey.text``."""
    series, version, feature, target, kind = (one.replace("%7C", "|").replace("%25", "%") for one in text.split("|"))
    return StateKey(series, kind, feature, target, version)
