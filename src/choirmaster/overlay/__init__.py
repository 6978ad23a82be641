"""The overlay: what operators decided about a running ensemble, on top of what its configuration file says.

Decisions are only ever appended. :func:`overlay_of` folds those of one ensemble into one immutable :class:`Overlay`,
and ``overlay.over(standing)`` gives what holds now. Nothing here reads a clock or a store.
"""

from __future__ import annotations

from choirmaster.overlay.decision import Decision, Role, Verb
from choirmaster.overlay.fold import Overlay, due, overlay_of
from choirmaster.overlay.standing import Declared, Standing

__all__ = ["Decision", "Declared", "Overlay", "Role", "Standing", "Verb", "due", "overlay_of"]
