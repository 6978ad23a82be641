"""The list of fusion rules."""

from __future__ import annotations

from choirmaster.errors import unknown
from choirmaster.fusion import (
    cascade,
    hard_vote,
    log_pool,
    mean,
    median,
    rank_average,
    soft_vote,
    stacking,
    trimmed_mean,
    weighted_mean,
)
from choirmaster.fusion.base import Rule

RULES: tuple[Rule, ...] = (
    mean.RULE,
    weighted_mean.RULE,
    soft_vote.RULE,
    hard_vote.RULE,
    median.RULE,
    trimmed_mean.RULE,
    log_pool.RULE,
    rank_average.RULE,
    cascade.RULE,
    stacking.RULE,
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
