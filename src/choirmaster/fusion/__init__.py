"""Fusion: rules that make one answer from many.

Each rule is a pure function of outputs, presence and weights, in one file with its declaration; ``RULES`` lists them.

>>> import numpy as np
>>> get("mean").fuse(np.array([[0.2, 0.4, np.nan]]), np.array([[True, True, False]])).output.round(12)
array([0.3])
"""

from __future__ import annotations

from choirmaster.errors import unknown
from choirmaster.fusion import hard_vote, mean, median, soft_vote, weighted_mean
from choirmaster.fusion.base import NOBODY, Fused, Rule
from choirmaster.fusion.invalid import INVALID_REASONS, Masked, mask_invalid
from choirmaster.fusion.shares import member_shares

RULES: tuple[Rule, ...] = (
    mean.RULE,
    weighted_mean.RULE,
    soft_vote.RULE,
    hard_vote.RULE,
    median.RULE,
)


def _by_name(rules: tuple[Rule, ...]) -> dict[str, Rule]:
    names = [rule.name for rule in rules]
    if len(set(names)) != len(names):
        raise ValueError(f"two fusion rules share a name: {names}")
    return {rule.name: rule for rule in rules}


_RULES = _by_name(RULES)


def get(name: str, *, where: str = "") -> Rule:
    """Return the rule of that name, or raise ``UnknownName`` with the names there are."""
    if name not in _RULES:
        raise unknown("fusion rule", name, _RULES, where=where)
    return _RULES[name]


__all__ = [
    "INVALID_REASONS", "NOBODY", "RULES", "Fused", "Masked", "Rule", "get", "mask_invalid", "member_shares",
]  # fmt: skip
