"""Fit a recalibration on fused probabilities and labels of rows that no member was fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from choirmaster.errors import DataError, unknown
from choirmaster.fusion.base import Floats, Names
from choirmaster.fusion.calibration import CALIBRATIONS
from choirmaster.fusion.logistic import logistic
from choirmaster.fusion.logs import clipped_logs

Codes = npt.NDArray[Any]


def fit_calibration(method: str, output: Floats, codes: Codes, names: Names) -> dict[str, Any]:
    """Return the numbers of a recalibration as the configuration takes them.

    Parameters
    ----------
    method : str
        ``platt``, ``isotonic``, ``beta`` or ``temperature``.
    output : (n_samples, n_classes) float64
        Fused probabilities.
    codes : (n_samples,) int
        The true class of each row, as a column of ``output``.

    Examples
    --------
    >>> names, p = Names("binary", ("a",), ("no", "yes"), positive=1), np.array([0.2, 0.2, 0.2, 0.2, 0.8, 0.8])
    >>> fit_calibration("isotonic", np.column_stack([1 - p, p]), np.array([0, 0, 0, 1, 1, 1]), names)
    {'method': 'isotonic', 'x': [0.2, 0.8], 'y': [0.25, 1.0]}
    """
    fits = {"platt": _platt, "isotonic": _isotonic, "beta": _beta}
    if method == "temperature":
        return {"method": method, "temperature": _temperature(output, np.asarray(codes))}
    if method not in fits:
        raise unknown("calibration", method, [one.name for one in CALIBRATIONS], where=f"{names.where}.method")
    yes = (np.asarray(codes) == names.positive).astype(np.float64)
    if yes.min() == yes.max():
        raise DataError("cannot fit a calibration", where="labels", expected="rows of both classes",
                        got=f"{len(yes)} rows of one")  # fmt: skip
    return {"method": method, **fits[method](output[:, names.positive], output[:, 1 - names.positive], yes)}


def _platt(p: Floats, q: Floats, yes: Floats) -> dict[str, Any]:
    """Fit slope and intercept to Platt's targets, which hold off certainty as one more row of each class would."""
    hits = yes.sum()
    target = np.where(yes == 1.0, (hits + 1.0) / (hits + 2.0), 1.0 / (len(yes) - hits + 2.0))
    slope, intercept = logistic((clipped_logs(p) - clipped_logs(q))[:, None], target)
    if slope[0] <= 0:
        raise _not_rising("platt")
    return {"slope": float(slope[0]), "intercept": intercept}


def _beta(p: Floats, q: Floats, yes: Floats) -> dict[str, Any]:
    """Fit a, b and c; one that would be negative is 0, and the others are fitted again (Kull and others, 3.1)."""
    both = np.column_stack([clipped_logs(p), -clipped_logs(q)])
    factors, c = logistic(both, yes)
    if factors.min() < 0:
        kept = int(factors.argmax())
        one, c = logistic(both[:, kept : kept + 1], yes)
        if one[0] < 0:
            raise _not_rising("beta")
        factors = np.zeros(2)
        factors[kept] = one[0]
    return {"a": float(factors[0]), "b": float(factors[1]), "c": c}


def _isotonic(p: Floats, q: Floats, yes: Floats) -> dict[str, Any]:  # noqa: ARG001  the same arguments as its siblings
    """Pool adjacent violators; of each level stretch its two ends are kept."""
    x, place, count = np.unique(p, return_inverse=True, return_counts=True)
    share = np.bincount(place, weights=yes) / count
    blocks: list[tuple[float, float, int]] = []  # share, rows, distinct x
    for one, rows in zip(share.tolist(), count.tolist(), strict=True):
        value, weight, width = one, float(rows), 1
        while blocks and blocks[-1][0] >= value:
            below, more, wide = blocks.pop()
            value = (below * more + value * weight) / (more + weight)
            weight, width = weight + more, width + wide
        blocks.append((value, weight, width))
    ends = np.cumsum([width for _, _, width in blocks])
    kept: list[tuple[float, float]] = []
    for (value, _, width), end in zip(blocks, ends.tolist(), strict=True):
        kept += [(float(x[at]), value) for at in sorted({end - width, end - 1})]
    return {"x": [one for one, _ in kept], "y": [min(max(value, 0.0), 1.0) for _, value in kept]}


def _temperature(output: Floats, codes: Codes) -> float:
    """Minimise the log loss over s = 1 / T, in which it is convex, by Newton's method."""
    score = clipped_logs(output)
    chosen = score[np.arange(len(score)), codes]
    s = 1.0
    for _ in range(100):
        weight = np.exp(s * score - (s * score).max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        mean = (weight * score).sum(axis=1)
        slope = float((mean - chosen).sum())
        curve = float((weight * (score - mean[:, None]) ** 2).sum())
        if curve <= 0.0:
            break
        new = min(max(s - slope / curve, s / 10), s * 10)
        if abs(new - s) <= 1e-12 * s:
            break
        s = new
    if not 1e-6 < s < 1e6:
        raise _not_rising("temperature")
    return 1.0 / s


def _not_rising(method: str) -> DataError:
    return DataError(f"cannot fit the calibration {method}", where="labels", expected="fused probabilities that rise "
                     "with the label", got="none that do", fix="look at the members' own quality first")  # fmt: skip
