"""Fusion: rules that make one answer from many.

Each rule is a pure function of outputs, presence and weights, in one file with its declaration; ``RULES`` lists them.
``prepare`` reads what a configuration declares and gives a :class:`Fusion`, which knows its task, the rule's parameters
and the recalibration after it; ``settled`` and ``decided`` say when an answer need not wait, ``explain`` who made it.

>>> import numpy as np
>>> get("mean").fuse(np.array([[0.2, 0.4, np.nan]]), np.array([[True, True, False]])).output.round(12)
array([0.3])
"""

from __future__ import annotations

from choirmaster.fusion.base import NOBODY, Fused, Names, Reach, Rule
from choirmaster.fusion.calibration import CALIBRATIONS, Calibration
from choirmaster.fusion.early import decided, settled
from choirmaster.fusion.explain import Explained, explain
from choirmaster.fusion.invalid import INVALID_REASONS, Masked, mask_invalid
from choirmaster.fusion.prepared import Fusion, prepare
from choirmaster.fusion.rules import RULES, get
from choirmaster.fusion.shares import member_shares

__all__ = [
    "CALIBRATIONS", "INVALID_REASONS", "NOBODY", "RULES", "Calibration", "Explained", "Fused", "Fusion", "Masked",
    "Names", "Reach", "Rule", "decided", "explain", "get", "mask_invalid", "member_shares", "prepare", "settled",
]  # fmt: skip
