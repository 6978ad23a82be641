"""The comparison of candidates: one row each, with a flag for those that learned too much or too little."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pyarrow as pa

from choirmaster.lifecycle.score import Gap

OVERFIT, UNDERFIT, FINE = "overfit", "underfit", ""
_KEPT_SHARE = 0.5
_LEARNED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate, judged on rows it was not fitted on.

    Attributes
    ----------
    loss : float or None
        Log loss, or mean squared error, out of fold.
    auc, f1 : float or None
        Binary only; F1 at the candidate's own best cutoff, ``cutoff``.
    train_loss, gap : float and Gap
        Loss on fitted rows, and how much greater the out-of-fold loss is, with its 95 % interval.
    constant_loss, constant_train_loss : float
        Losses of an answer that knows only the share of each class (the mean) of the fitted rows.
    fit_seconds, row_milliseconds : float
        Longest fit of a fold; median time of one answer to one row.
    flag, why : str
        ``overfit``, ``underfit`` or nothing, and the sentence that explains it.
    failed : str
        The error, for a candidate that could not be judged.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    loss: float | None = None
    auc: float | None = None
    f1: float | None = None
    cutoff: float | None = None
    train_loss: float | None = None
    gap: Gap | None = None
    constant_loss: float | None = None
    constant_train_loss: float | None = None
    fit_seconds: float | None = None
    row_milliseconds: float | None = None
    flag: str = FINE
    why: str = ""
    weight: float = 0.0
    failed: str = ""

    @property
    def skill(self) -> float:
        """How far the out-of-fold loss lies below the constant answer's."""
        return (self.constant_loss or 0.0) - (self.loss or 0.0)

    @property
    def train_skill(self) -> float:
        """How far the loss on fitted rows lies below the constant answer's."""
        return (self.constant_train_loss or 0.0) - (self.train_loss or 0.0)


def flagged(rows: list[Row]) -> list[Row]:
    """Return the rows with their flags.

    Definition
        Skill is the constant answer's loss minus one's own; the best skill is the greatest out of fold.
        ``underfit``: the skill on fitted rows is below a tenth of the best out of fold, or not above zero.
        ``overfit``: otherwise, where more than half of the skill on fitted rows is lost elsewhere (by the lower end of
        the gap's interval, less the constant answer's own gap: other rows may be harder for anybody), and the skill
        out of fold is below half of the best, or not above zero.
    """
    best = max((row.skill for row in rows if not row.failed and row.loss is not None), default=0.0)
    return [row if row.failed else _flag(row, best) for row in rows]


def _flag(row: Row, best: float) -> Row:
    if row.gap is None:
        return row
    learned, held = row.train_skill, row.skill
    if learned <= 0 or learned < _LEARNED_SHARE * best:
        why = (
            f"loss {row.train_loss:.3g} even on fitted rows; a constant answer has {row.constant_train_loss:.3g} there"
        )
        return replace(row, flag=UNDERFIT, why=why)
    lost = row.gap.lower - ((row.constant_loss or 0.0) - (row.constant_train_loss or 0.0))
    if lost > _KEPT_SHARE * learned and (held <= 0 or held < _KEPT_SHARE * best):
        why = (
            f"loss {row.train_loss:.3g} on fitted rows but {row.loss:.3g} on others "
            f"(gap {row.gap.value:.3g}, at least {row.gap.lower:.3g}); a constant answer has {row.constant_loss:.3g}"
        )
        return replace(row, flag=OVERFIT, why=why)
    return row


def as_arrow(rows: list[Row], *, regression: bool = False) -> pa.Table:
    """Return the comparison as a table, the least loss first, failed candidates last."""
    ranked = sorted(rows, key=lambda row: (bool(row.failed), row.loss if row.loss is not None else 0.0, row.name))
    loss = "squared_error" if regression else "log_loss"
    columns: dict[str, list[Any]] = {}
    for row in ranked:
        plain = asdict(row)
        gap = plain.pop("gap") or {"value": None, "lower": None, "upper": None}
        settings = ", ".join(f"{key}={value}" for key, value in plain.pop("settings").items())
        flat = {
            "candidate": row.name, "chosen": row.weight > 0, "weight": row.weight, loss: row.loss, "auc": row.auc,
            "f1": row.f1, "cutoff": row.cutoff, f"train_{loss}": row.train_loss, "gap": gap["value"],
            "gap_lower": gap["lower"], "gap_upper": gap["upper"], "flag": row.flag, "fit_seconds": row.fit_seconds,
            "row_milliseconds": row.row_milliseconds, "settings": settings, "why": row.why, "failed": row.failed,
        }  # fmt: skip
        for key, value in flat.items():
            columns.setdefault(key, []).append(value)
    return pa.table({key: pa.array(values, _type(key)) for key, values in columns.items()})


def _type(key: str) -> pa.DataType:
    if key in ("candidate", "flag", "settings", "why", "failed"):
        return pa.string()
    return pa.bool_() if key == "chosen" else pa.float64()
