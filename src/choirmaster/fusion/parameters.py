"""Read the parameters of rules and recalibrations, with errors that say where, what and what else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.errors import ConfigError, unknown
from choirmaster.fusion.base import Names


def number(
    parameters: Mapping[str, Any], key: str, names: Names, *, least: float | None = None, above: float | None = None,
    below: float | None = None, most: float | None = None, default: float | None = None,
) -> float:  # fmt: skip
    """Return a finite number within bounds; the default where it is not given, or an error if there is none."""
    where = f"{names.where}.{key}"
    value = parameters.get(key)
    if value is None:
        if default is None:
            raise ConfigError("a parameter is missing", where=where, expected="a number")
        return default
    found = finite(value, where)
    bounds = (
        ("at least", least, least is None or found >= least), ("above", above, above is None or found > above),
        ("below", below, below is None or found < below), ("at most", most, most is None or found <= most),
    )  # fmt: skip
    if not all(holds for _, _, holds in bounds):
        said = " and ".join(f"{word} {bound:g}" for word, bound, _ in bounds if bound is not None)
        raise ConfigError("parameter out of range", where=where, expected=said, got=f"{found:g}")
    return found


def finite(value: Any, where: str) -> float:
    """Return a plain finite number, or say what stands there instead."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError("wrong value", where=where, expected="a finite number", got=repr(value)[:80])
    return float(value)


def numbers(value: Any, where: str) -> list[float]:
    """Return a list of finite numbers."""
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise ConfigError("wrong value", where=where, expected="a list of numbers", got=repr(value)[:80])
    return [finite(one, f"{where}[{place}]") for place, one in enumerate(value)]


def mapping(value: Any, where: str, known: Sequence[str], kind: str) -> Mapping[str, Any]:
    """Return a mapping with exactly the known keys; the message names the first that is strange or missing."""
    if not isinstance(value, Mapping):
        raise ConfigError("wrong value", where=where, expected=f"{{{kind}: ...}}", got=repr(value)[:80])
    for one in value:
        if one not in known:
            raise unknown(kind, str(one), known, where=where)
    missing = [one for one in known if one not in value]
    if missing:
        raise ConfigError(f"a {kind} is missing", where=where, expected=f"one entry for each {kind}",
                          got=f'none for "{missing[0]}"')  # fmt: skip
    return value
