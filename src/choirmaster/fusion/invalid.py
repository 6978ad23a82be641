"""Sort out answers that must not enter a fusion, and count them by reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from choirmaster.fusion.base import Floats, Mask, shaped

NOT_FINITE = "not_finite"
OUT_OF_RANGE = "out_of_range"
NOT_A_DISTRIBUTION = "not_a_distribution"
INVALID_REASONS = (NOT_FINITE, OUT_OF_RANGE, NOT_A_DISTRIBUTION)


@dataclass(frozen=True, slots=True)
class Masked:
    """Who is still present once invalid answers are out.

    Attributes
    ----------
    present : (n_samples, n_members) bool
        The mask that came in, less the invalid answers.
    counts : dict of reason to (n_members,) int64
        Answers taken out, by reason and member; every reason is there, also with zeros. An answer counts once, under
        the first reason that holds.
    """

    present: Mask
    counts: dict[str, npt.NDArray[np.int64]]

    @property
    def total(self) -> int:
        """How many answers were taken out."""
        return int(sum(count.sum() for count in self.counts.values()))


def mask_invalid(
    outputs: Floats, present: Mask, *, probability: bool | None = None, sum_tolerance: float = 1e-4
) -> Masked:
    """Take out the answers of present members that are not finite or, for probabilities, not probabilities.

    Parameters
    ----------
    outputs, present
        As for ``Rule.fuse``; numbers of absent members are not looked at.
    probability : bool, optional
        Whether outputs must lie in [0, 1] and, with classes, sum to 1. By default true exactly for outputs by class.
    sum_tolerance : float
        How far a row may be from 1; members that answer in single precision need 1e-6 and more.

    Examples
    --------
    >>> masked = mask_invalid(np.array([[[0.5, 0.5], [np.nan, 1.0]]]), np.array([[True, True]]))
    >>> masked.present.tolist(), masked.counts["not_finite"].tolist()
    ([[True, False]], [0, 1])
    """
    outputs, present = shaped(outputs, present)
    wide = outputs if outputs.ndim == 3 else outputs[:, :, None]
    left = present.copy()
    counts: dict[str, npt.NDArray[np.int64]] = {}
    for reason, wrong in _faults(wide, outputs.ndim, probability=probability, sum_tolerance=sum_tolerance).items():
        hit = left & wrong
        counts[reason] = hit.sum(axis=0, dtype=np.int64)
        left &= ~hit
    return Masked(left, counts)


def _faults(wide: Floats, ndim: int, *, probability: bool | None, sum_tolerance: float) -> dict[str, Mask]:
    by_class = ndim == 3
    strict = by_class if probability is None else probability
    nothing: Mask = np.zeros(wide.shape[:2], dtype=np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        finite: Mask = np.all(np.isfinite(wide), axis=2)
        outside: Mask = np.any((wide < 0) | (wide > 1), axis=2) if strict else nothing
        uneven: Mask = np.abs(wide.sum(axis=2) - 1) > sum_tolerance if strict and by_class else nothing
    return {NOT_FINITE: ~finite, OUT_OF_RANGE: outside, NOT_A_DISTRIBUTION: uneven}
