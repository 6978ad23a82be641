"""Recalibration after fusion: a rising function, given as plain numbers, from fused probabilities to calibrated ones.

A mean of calibrated forecasts is not calibrated itself (Ranjan and Gneiting 2010, Journal of the Royal Statistical
Society B 72(1), 71-91), so it is the fused answer that is recalibrated. Every function here keeps the order of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from choirmaster.errors import ConfigError, unknown
from choirmaster.fusion.base import Floats, Names
from choirmaster.fusion.logs import clipped_logs, sigmoid, softmax
from choirmaster.fusion.parameters import number, numbers

Apply = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A recalibration and its declaration; ``bind(parameters, names)`` gives the function of fused probabilities.

    The function takes and gives (n_samples, n_classes); rows of NaN stay so.
    """

    name: str
    tasks: tuple[str, ...]
    definition: str
    range: str
    edge_cases: tuple[str, ...]
    source: str
    parameters: tuple[str, ...]
    bind: Callable[[Mapping[str, Any], Names], Apply]


def _of_positive(apply: Callable[[Floats, Floats], Floats], names: Names) -> Apply:
    """Lift a function of the two classes' probabilities (positive, other) to both columns."""

    def both(output: Floats) -> Floats:
        known = ~np.isnan(output[:, names.positive])
        out = np.full(output.shape, np.nan)
        p = apply(output[known, names.positive], output[known, 1 - names.positive])
        out[known, names.positive], out[known, 1 - names.positive] = p, 1.0 - p
        return out

    return both


def platt(p: Floats, q: Floats, *, slope: float, intercept: float) -> Floats:
    """Return sigmoid(slope ln(p / q) + intercept), q = 1 - p."""
    return sigmoid(slope * (clipped_logs(p) - clipped_logs(q)) + intercept)


def beta(p: Floats, q: Floats, *, a: float, b: float, c: float) -> Floats:
    """Return sigmoid(a ln p - b ln q + c), q = 1 - p."""
    return sigmoid(a * clipped_logs(p) - b * clipped_logs(q) + c)


def isotonic(p: Floats, q: Floats, *, x: Floats, y: Floats) -> Floats:  # noqa: ARG001  the same arguments as its siblings
    """Return y at x, on straight lines between, and the first or the last y beyond."""
    return np.interp(p, x, y)


def temperature(output: Floats, *, value: float) -> Floats:
    """Return p_c^(1/T) divided by the row's sum."""
    known = ~np.isnan(output[:, 0])
    out = np.full(output.shape, np.nan)
    out[known] = softmax(clipped_logs(output[known]) / value)
    return out


def _bind_platt(parameters: Mapping[str, Any], names: Names) -> Apply:
    slope = number(parameters, "slope", names, above=0.0)
    return _of_positive(partial(platt, slope=slope, intercept=number(parameters, "intercept", names)), names)


def _bind_beta(parameters: Mapping[str, Any], names: Names) -> Apply:
    a, b = (number(parameters, key, names, least=0.0) for key in "ab")
    return _of_positive(partial(beta, a=a, b=b, c=number(parameters, "c", names)), names)


def _bind_isotonic(parameters: Mapping[str, Any], names: Names) -> Apply:
    x, y = (np.array(numbers(parameters.get(key) or [], f"{names.where}.{key}")) for key in "xy")
    good = len(x) == len(y) > 0 and (np.diff(x) > 0).all() and (np.diff(y) >= 0).all()
    if not good or y[0] < 0 or y[-1] > 1:
        raise ConfigError("cannot read an isotonic curve", where=names.where, got=f"{len(x)} x and {len(y)} y",
                          expected="as many x as y, x rising, y never falling and within 0 and 1")  # fmt: skip
    return _of_positive(partial(isotonic, x=x, y=y), names)


def _bind_temperature(parameters: Mapping[str, Any], names: Names) -> Apply:
    return partial(temperature, value=number(parameters, "temperature", names, above=0.0))


CALIBRATIONS = (
    Calibration(
        "platt", ("binary",), "q = sigmoid(slope ln(p / (1 - p)) + intercept)", "(0, 1), rising in p",
        ("p below 2^-52 or above 1 - 2^-52 counts as that", "slope must be above 0"),
        "Platt 1999, Advances in Large Margin Classifiers, 61-74, with the log-odds as score",
        ("slope", "intercept"), _bind_platt,
    ),
    Calibration(
        "isotonic", ("binary",), "q = the rising curve through (x_i, y_i), on straight lines between",
        "[0, 1], never falling in p",
        ("below the first x or above the last: the first or the last y", "rows may tie that did not tie before"),
        "Zadrozny and Elkan 2002, KDD, 694-699; fitted by pooling adjacent violators",
        ("x", "y"), _bind_isotonic,
    ),
    Calibration(
        "beta", ("binary",), "q = sigmoid(a ln p - b ln(1 - p) + c)", "(0, 1), never falling in p",
        ("p below 2^-52 or above 1 - 2^-52 counts as that", "a and b must be at least 0", "a = b is platt"),
        "Kull, Silva Filho and Flach 2017, Electronic Journal of Statistics 11(2), 5052-5080",
        ("a", "b", "c"), _bind_beta,
    ),
    Calibration(
        "temperature", ("binary", "multiclass"), "q_c = p_c^(1/T) / sum_b p_b^(1/T)", "(0, 1); a row sums to 1; keeps "
        "which class is the greatest",
        ("p below 2^-52 counts as that", "T must be above 0; above 1 makes answers less certain"),
        "Guo, Pleiss, Sun and Weinberger 2017, ICML, 1321-1330",
        ("temperature",), _bind_temperature,
    ),
)  # fmt: skip


def bind_calibration(document: Any, names: Names) -> Apply:
    """Return the function a configuration declares: ``{method: platt, slope: 1.2, intercept: -0.1}``.

    >>> names = Names("binary", ("a",), ("no", "yes"), positive=1)
    >>> bind_calibration({"method": "temperature", "temperature": 2.0}, names)(np.array([[0.1, 0.9]])).round(4)
    array([[0.25, 0.75]])
    """
    where = names.where
    if not isinstance(document, Mapping):
        raise ConfigError("cannot read a calibration", where=where, expected="{method: ..., ...}",
                          got=repr(document)[:80])  # fmt: skip
    known = {one.name: one for one in CALIBRATIONS}
    method = document.get("method")
    if method not in known:
        raise unknown("calibration", str(method), known, where=f"{where}.method")
    chosen = known[method]
    if names.task not in chosen.tasks:
        fitting = [one.name for one in CALIBRATIONS if names.task in one.tasks]
        raise ConfigError(f"calibration does not serve the task {names.task}", where=f"{where}.method",
                          got=f'"{method}"', allowed=fitting)  # fmt: skip
    for key, value in document.items():
        if key != "method" and key not in chosen.parameters and value not in (None, (), []):
            raise ConfigError("a parameter without effect", where=f"{where}.{key}", got=f'"{key}"',
                              allowed=chosen.parameters)  # fmt: skip
    return chosen.bind(document, names)
