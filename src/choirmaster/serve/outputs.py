"""What a member said, checked and put in the ensemble's class order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from choirmaster.errors import ConfigError
from choirmaster.fusion import mask_invalid

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Checked:
    """One member's answer in class order and the rows of it that may be used.

    Attributes
    ----------
    output : (n_samples, n_classes) or (n_samples,) float64
        NaN in rows that may not be used.
    usable : (n_samples,) bool
    reasons : dict
        Rows taken out, by reason.
    detail : str
        Set when the whole answer is unusable.
    """

    output: Floats
    usable: Mask
    reasons: dict[str, int]
    detail: str = ""


def alignment(member: str, classes: Sequence[str] | None, wanted: Sequence[str]) -> NDArray[np.intp] | None:
    """Return where each of the member's columns goes in the ensemble's class order; None for plain numbers.

    >>> alignment("a", ("no", "yes"), ("yes", "no")).tolist()
    [1, 0]
    """
    where = f"$.members.{member}"
    if not wanted:
        if classes is not None:
            raise ConfigError("a classifier cannot be a member of a regression ensemble", where=where)
        return None
    if classes is None:
        raise ConfigError("a member without classes cannot be a member of a classification ensemble", where=where,
                          fix="declare the classes in the order of the member's columns")  # fmt: skip
    for one in classes:
        if one not in wanted:
            raise ConfigError("a member has a class that the ensemble has not", where=where, got=f'"{one}"',
                              allowed=wanted)  # fmt: skip
    if len(set(classes)) != len(classes):
        raise ConfigError("a member names a class twice", where=where, got=str(list(classes)))
    return np.array([list(wanted).index(one) for one in classes], dtype=np.intp)


def check_output(raw: Any, rows: int, columns: NDArray[np.intp] | None, n_classes: int) -> Checked:
    """Return what is usable in a member's raw answer.

    Definition   a row is taken out when a number is not finite (``not_finite``), and for classes when a probability is
                 more than 1e-6 outside [0, 1] (``out_of_range``) or the row's sum more than 1e-6 from 1
                 (``not_a_distribution``); within that tolerance a number is clipped to [0, 1]. A class the member
                 does not know has probability 0.
    """
    width = None if columns is None else len(columns)
    wide = (rows,) if columns is None else (rows, n_classes)
    shape = (rows,) if width is None else (rows, width)
    try:
        array = np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError):
        return _nothing(wide, rows, "wrong_type", f"not numbers: {type(raw).__name__}")
    if width is None and array.shape == (rows, 1):
        array = array[:, 0]
    if array.shape != shape:
        return _nothing(wide, rows, "wrong_shape", f"expected shape {shape}, got {array.shape}")
    if columns is not None:
        near = (array >= -TOLERANCE) & (array <= 1 + TOLERANCE)
        full = np.zeros((rows, n_classes))
        full[:, columns] = np.where(near, np.clip(array, 0.0, 1.0), array)
        array = full
    masked = mask_invalid(array[:, None], np.ones((rows, 1), dtype=np.bool_), sum_tolerance=TOLERANCE)
    usable = masked.present[:, 0]
    reasons = {name: int(count[0]) for name, count in masked.counts.items() if count[0]}
    return Checked(np.where(usable if columns is None else usable[:, None], array, np.nan), usable, reasons)


def _nothing(shape: tuple[int, ...], rows: int, reason: str, detail: str) -> Checked:
    return Checked(np.full(shape, np.nan), np.zeros(rows, dtype=np.bool_), {reason: rows}, detail)
