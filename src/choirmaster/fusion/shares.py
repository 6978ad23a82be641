"""Each member's exact share in a fused answer, where there is one."""

from __future__ import annotations

import numpy as np

from choirmaster.errors import ConfigError
from choirmaster.fusion.base import Floats, Mask, Rule, checked, checked_weight
from choirmaster.fusion.pool import pool_shares


def member_shares(rule: Rule, outputs: Floats, present: Mask, member_weight: Floats | None = None) -> Floats:
    """Return w_k x_k / sum w for each member of a linear rule; over the members they sum to the fused output.

    Raises
    ------
    ConfigError
        The rule is not linear: a hard vote or a median has no exact shares; ``explain`` gives what it can instead.
    """
    if not rule.linear:
        raise ConfigError(
            "only a linear rule has exact member shares", where=f'fusion "{rule.name}"',
            expected="mean, weighted_mean or soft_vote", got=rule.name,
        )  # fmt: skip
    outputs, present = checked(outputs, present)
    weight = checked_weight(member_weight, present.shape[1])
    return pool_shares(outputs, present, weight if rule.weighted else np.ones_like(weight))
