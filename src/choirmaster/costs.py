"""What a wrong answer costs, as declared: ``{actual class: {predicted class: cost}}``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from choirmaster.errors import SchemaError, unknown

Costs = Mapping[str, Mapping[str, float]]
_FORM = "{actual class: {predicted class: cost}}"


def read_costs(
    declared: Any, name: Callable[[Any], str], *, where: str = "$.costs", place: Callable[[str], str] = str
) -> dict[str, dict[str, float]]:
    """Return declared costs with plain class names and numbers; raises SchemaError for what is none.

    Parameters
    ----------
    declared : mapping or None
    name : callable
        Gives the one text of a class name.
    where : str
        Path for messages.
    place : callable
        Turns a path into the text shown, such as path and line.

    Examples
    --------
    >>> read_costs({"fraud": {"legit": 100}, "legit": {"fraud": 1.5}}, str)
    {'fraud': {'legit': 100.0}, 'legit': {'fraud': 1.5}}
    """
    if declared is None:
        return {}
    if not isinstance(declared, Mapping):
        raise SchemaError("cannot read costs", where=place(where), expected=_FORM, got=type(declared).__name__)
    out: dict[str, dict[str, float]] = {}
    for actual, row in declared.items():
        if not isinstance(row, Mapping):
            raise SchemaError("cannot read costs", where=place(f"{where}.{actual}"), expected="{predicted class: cost}",
                              got=type(row).__name__)  # fmt: skip
        for predicted, cost in row.items():
            out.setdefault(name(actual), {})[name(predicted)] = _number(cost, place(f"{where}.{actual}.{predicted}"))
    return out


def _number(cost: Any, where: str) -> float:
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not math.isfinite(cost):
        raise SchemaError("a cost must be a finite number", where=where, got=repr(cost)[:80])
    return float(cost)


@dataclass(frozen=True, slots=True)
class BinaryCosts:
    """What each of the four cases of a binary decision costs."""

    true_negative: float
    false_positive: float
    false_negative: float
    true_positive: float

    @property
    def cutoff(self) -> float | None:
        """The probability from which deciding for the positive class costs no more than against it.

        Definition   p* = (c_fp - c_tn) / (c_fp - c_tn + c_fn - c_tp), for a calibrated probability.
        Undefined    None unless each mistake costs more than being right: then no cutoff is the best.
        Source       Elkan 2001, IJCAI, 973-978, equation 2

        >>> BinaryCosts(0.0, 1.0, 4.0, 0.0).cutoff
        0.2
        """
        alarm, miss = self.false_positive - self.true_negative, self.false_negative - self.true_positive
        return alarm / (alarm + miss) if alarm > 0 and miss > 0 else None


def binary_costs(flat: Sequence[float], positive: int) -> BinaryCosts | None:
    """Return the four costs out of :func:`flat_costs` of two classes; None where none are declared.

    >>> binary_costs((0.0, 1.0, 4.0, -2.0), 1)
    BinaryCosts(true_negative=0.0, false_positive=1.0, false_negative=4.0, true_positive=-2.0)
    """
    if len(flat) != 4:
        return None
    other = 1 - positive
    return BinaryCosts(flat[3 * other], flat[2 * other + positive], flat[2 * positive + other], flat[3 * positive])


def flat_costs(
    costs: Costs, classes: Sequence[str], *, where: str = "$.costs", place: Callable[[str], str] = str
) -> tuple[float, ...]:
    """Return the matrix row by row, true class by predicted class; empty where no costs are declared.

    Raises UnknownName for a class there is not.

    Examples
    --------
    >>> flat_costs({"yes": {"no": 5.0}}, ["no", "yes"])
    (0.0, 0.0, 5.0, 0.0)
    """
    for actual, row in costs.items():
        for name, path in ((actual, where), *((one, f"{where}.{actual}") for one in row)):
            if name not in classes:
                raise unknown("class", name, classes, where=place(path))
    if not costs:
        return ()
    return tuple(costs.get(actual, {}).get(predicted, 0.0) for actual in classes for predicted in classes)
