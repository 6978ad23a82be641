"""What the demo prints: tables of plain text that fit a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with aligned columns, the first to the left and the others to the right.

    >>> grid(["a", "b"], [["x", "10"]])
    ['  a   b', '  x  10']
    """
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    lines = []
    for row in (head, *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines


def candidates(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the comparison of candidates."""
    head = ("candidate", "log loss", "AUC", "F1", "gap", "fit s", "row ms", "picked", "flag")
    yield "Candidates, judged on flights that they were not fitted on:"
    yield from grid(head, [
        (row["candidate"], _number(row["log_loss"]), _number(row["auc"]), _number(row["f1"]), _number(row["gap"]),
         _number(row["fit_seconds"], 2), _number(row["row_milliseconds"], 2), "yes" if row["chosen"] else "no",
         row["failed"] or row["flag"] or "-")
        for row in rows
    ])  # fmt: skip


def year(months: Sequence[Mapping[str, Any]], cutoff: float) -> Iterator[str]:
    """Yield the months: AUC of the fused answer beside each member, F1 at the cutoff, drift, labels."""
    names = list(months[0]["auc"]) if months else []
    head = ("month", *(f"AUC {name}" for name in names), "wins", f"F1 at {cutoff:.3g}", "PSI temp", "PSI time",
            "flights", "no label")  # fmt: skip
    wins = sum(month["fused_wins"] for month in months)
    yield f"Fused against each member, month by month (best in {wins} of {len(months)}):"
    yield from grid(head, [
        (row["month"], *(_number(row["auc"][name], 4) for name in names), "yes" if row["fused_wins"] else "no",
         _number(row["f1"].get("fused")), _number(row["psi"]["temp"], 2), _number(row["psi"]["sched_minute"]),
         str(row["flights"]), str(row["never_labelled"]))
        for row in months
    ])  # fmt: skip


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
