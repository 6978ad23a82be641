"""What ``Ensemble.explain`` gives: each member's exact share in each answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Explanation:
    """Member shares of some rows; over the members they sum to the fused output.

    Attributes
    ----------
    members : tuple of str
        In the order of the second axis.
    classes : tuple or None
        In the order of the last axis; None for regressors.
    fused : (n_samples, n_classes) or (n_samples,) float64
        The answers.
    outputs, shares : (n_samples, n_members, n_classes) or (n_samples, n_members) float64
        What each member said, and what of the answer is its share.
    """

    members: tuple[str, ...]
    classes: tuple[Any, ...] | None
    fused: np.ndarray
    outputs: np.ndarray
    shares: np.ndarray

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per row, member and class: row, member, class, output, share."""
        rows = []
        for row, member in np.ndindex(self.shares.shape[:2]):
            said, share = np.atleast_1d(self.outputs[row, member]), np.atleast_1d(self.shares[row, member])
            for label, one, part in zip(self.classes or ("",), said, share, strict=True):
                rows.append({"row": row, "member": self.members[member], "class": label, "output": float(one),
                             "share": float(part)})  # fmt: skip
        return rows

    def __str__(self) -> str:
        """Return a small text table, at most the first 20 lines of it."""
        lines = ["row  member        class         output    share"]
        for item in self.records()[:20]:
            head = f"{item['row']:<4} {item['member']:<13} {item['class']!s:<10}"
            lines.append(f"{head} {item['output']:>9.4f} {item['share']:>8.4f}")
        return "\n".join(lines)
