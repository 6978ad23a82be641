"""Bring the classes of several classifiers into one order, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from choirmaster.errors import DataError, ShapeMismatch


def all_classes(members: Mapping[str, Any]) -> np.ndarray:
    """Return every class that some member knows, sorted.

    Raises
    ------
    DataError
        A member names no classes, or the members name them by different kinds (1 and "1").
    """
    known = {name: getattr(member, "classes_", None) for name, member in members.items()}
    for name, classes in known.items():
        if classes is None:
            raise DataError("a member does not name its classes", where=f'member "{name}"', expected="classes_")
    kinds = {name: "text" if np.asarray(classes).dtype.kind in "UO" else "number" for name, classes in known.items()}
    if len(set(kinds.values())) > 1:
        raise DataError("members name their classes by different kinds", where="classes_",
                        expected="all text or all numbers", got=str(kinds))  # fmt: skip
    return np.unique(np.concatenate([np.asarray(classes) for classes in known.values()]))


def aligned_output(name: str, member: Any, X: Any, classes: np.ndarray, *, hard: bool) -> np.ndarray:
    """Return a member's probabilities (n_samples, n_classes) by the order of ``classes``; 0 for one it does not know.

    With ``hard`` and a member without probabilities, its predicted class counts as 1.
    """
    if hard and not hasattr(member, "predict_proba"):
        picked = np.searchsorted(classes, np.asarray(member.predict(X)))
        return np.eye(len(classes))[picked]
    own, proba = np.asarray(member.classes_), np.asarray(member.predict_proba(X), dtype=np.float64)
    if proba.ndim != 2 or proba.shape[1] != len(own):
        raise ShapeMismatch("cannot align a member's classes", where=f'member "{name}"',
                            expected=f"(n_samples, {len(own)}) probabilities", got=str(proba.shape))  # fmt: skip
    if len(own) == len(classes) and (own == classes).all():
        return proba
    wide = np.zeros((len(proba), len(classes)))
    wide[:, np.searchsorted(classes, own)] = proba
    return wide
