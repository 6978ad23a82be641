"""The small pieces that answers are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.metrics import MACRO
from choirmaster.times import parse_instant

_CELLS = ("value", "lower", "upper", "resolution", "n", "kind", "reason")
Moment = str | int | None
Names = str | Sequence[str]


def overall(target: str, positive: str) -> bool:
    """Return whether a value is about the answer as a whole: of all classes, or of the positive one of two."""
    return target in ("", MACRO, positive)


def line_name(series: str, target: str, positive: str) -> str:
    """Return the name of a line of a chart."""
    return series if overall(target, positive) else f"{series}: {target}"


def cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a value is made of."""
    return {name: row.get(name) for name in _CELLS}


def health_of(firing: list[dict[str, Any]], has_rows: bool) -> str:
    """Return the one word that says how an ensemble does."""
    if any(one["severity"] == "critical" for one in firing):
        return "firing"
    if firing:
        return "warning"
    return "ok" if has_rows else "no_data"


def collecting_text(share: float) -> str:
    """Return how much of a first reference is there; it is never all while it is being collected.

    >>> collecting_text(0.377), collecting_text(1.2)
    ('collecting 37 %', 'collecting 99 %')
    """
    return f"collecting {min(int(100 * share), 99)} %"


def instant(moment: Moment) -> int | None:
    """Return a moment as microseconds UTC."""
    return moment if moment is None or isinstance(moment, int) else parse_instant(moment)


def listed(names: Names) -> tuple[str, ...]:
    """Return one name or several as a tuple."""
    if isinstance(names, str):
        return (names,) if names else ()
    return tuple(names)
