"""Weights as a user gives them, in the order of the members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from choirmaster.errors import ConfigError, ShapeMismatch


def member_weight(weights: Any, names: list[str]) -> np.ndarray | None:
    """Return one weight per member out of a mapping or a sequence; None where none are given.

    >>> member_weight({"b": 2.0, "a": 1.0}, ["a", "b"]).tolist()
    [1.0, 2.0]
    """
    if weights is None:
        return None
    if isinstance(weights, Mapping):
        if set(weights) != set(names):
            raise ConfigError("cannot weight the members", where="weights", expected=f"one for each of {names}",
                              got=str(sorted(weights)))  # fmt: skip
        return np.array([weights[name] for name in names], dtype=np.float64)
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (len(names),):
        raise ShapeMismatch("cannot weight the members", where="weights", expected=f"{len(names)} numbers",
                            got=str(weight.shape))  # fmt: skip
    return weight
