"""What ``Ensemble.explain`` gives: what each member has to do with each answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from choirmaster.errors import ConfigError
from choirmaster.fusion.explain import SHARE


@dataclass(frozen=True)
class Explanation:
    """What each member has to do with some answers.

    Attributes
    ----------
    members : tuple of str
        In the order of the second axis.
    classes : tuple or None
        In the order of the last axis; None for regressors.
    fused : (n_samples, n_classes) or (n_samples,) float64
        The answers.
    outputs : (n_samples, n_members, n_classes) or (n_samples, n_members) float64
        What each member said.
    kind : str
        ``share``: over the members the values sum to the fused output. ``leave_one_out``: the fused output less what it
        is without the member; such changes sum to nothing.
    values : (n_samples, n_members, n_classes) or (n_samples, n_members) float64
        0 for a member without a valid answer, NaN as the change of one who answered alone.
    """

    members: tuple[str, ...]
    classes: tuple[Any, ...] | None
    fused: np.ndarray
    outputs: np.ndarray
    kind: str
    values: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """The values of a linear fusion; raises ConfigError where they are no shares."""
        if self.kind != SHARE:
            raise ConfigError(
                "only a linear fusion has exact member shares", where="fusion", got="leave-one-out changes",
                expected="mean, weighted_mean or soft_vote without calibration", fix="read values in place of shares",
            )  # fmt: skip
        return self.values

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per row, member and class: row, member, class, output, and the value under its kind."""
        rows = []
        for row, member in np.ndindex(self.values.shape[:2]):
            said, value = np.atleast_1d(self.outputs[row, member]), np.atleast_1d(self.values[row, member])
            for label, one, part in zip(self.classes or ("",), said, value, strict=True):
                rows.append({"row": row, "member": self.members[member], "class": label, "output": float(one),
                             self.kind: float(part)})  # fmt: skip
        return rows

    def __str__(self) -> str:
        """Return a small text table, at most the first 20 lines of it."""
        lines = [f"row  member        class         output {self.kind.replace('_', ' '):>13}"]
        for item in self.records()[:20]:
            head = f"{item['row']:<4} {item['member']:<13} {item['class']!s:<10}"
            lines.append(f"{head} {item['output']:>9.4f} {item[self.kind]:>13.4f}")
        return "\n".join(lines)
