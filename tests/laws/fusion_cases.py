"""Each fusion rule with parameters that fit, for any number of members and classes."""

from __future__ import annotations

import numpy as np

from choirmaster.fusion import RULES, prepare

CLASS_RULES = [rule.name for rule in RULES if "binary" in rule.tasks]
MANY_RULES = [rule.name for rule in RULES if "multiclass" in rule.tasks]
NUMBER_RULES = [rule.name for rule in RULES if "regression" in rule.tasks]


def member_names(m: int) -> list[str]:
    return [f"m{i}" for i in range(m)]


def class_names(k: int) -> list[str]:
    return [f"c{i}" for i in range(k)]


def document(rule: str, m: int, k: int = 0) -> dict:
    """Return a declaration; ``k`` is the number of classes, 0 for numbers."""
    names, rng = member_names(m), np.random.default_rng(m * 10 + k)
    out: dict = {"rule": rule}
    if rule == "trimmed_mean":
        out["trim"] = 0.25
    if rule == "rank_average":
        out["quantiles"] = {name: sorted(rng.random(11).tolist()) for name in names}
    if rule == "cascade":
        cut = [names[:1], names[1:3], names[3:]]
        out |= {"stages": [stage for stage in cut if stage], "confidence": 0.8}
    if rule == "stacking" and k <= 2:
        out |= {
            "intercept": -0.1,
            "coefficients": {name: float(one) for name, one in zip(names, rng.random(m) + 0.2, strict=True)},
        }
    if rule == "stacking" and k > 2:
        labels = class_names(k)
        out["intercept"] = dict(zip(labels, rng.normal(size=k).tolist(), strict=True))
        out["coefficients"] = {
            one: {name: dict(zip(labels, rng.random(k).tolist(), strict=True)) for name in names} for one in labels
        }  # fmt: skip
    return out


def fusion(rule: str, m: int, k: int = 0, **more):
    """Return the rule, prepared for a binary (k = 2), multiclass or regression (k = 0) task."""
    task = "regression" if k == 0 else "binary" if k == 2 else "multiclass"
    declared = document(rule, m, k) | more.pop("declared", {})
    return prepare(declared, task=task, members=member_names(m), classes=class_names(k), **more)
