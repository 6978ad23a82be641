"""Fill in what a fusion leaves to be learned: stacking's coefficients, reference quantiles, a calibration's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from choirmaster.errors import ConfigError
from choirmaster.fusion.base import Floats, Names
from choirmaster.fusion.fit_calibration import fit_calibration
from choirmaster.fusion.fit_stacking import fit_stack
from choirmaster.fusion.prepared import Fusion, prepare
from choirmaster.fusion.rank_average import reference_quantiles
from choirmaster.fusion.stacking import LOG_ODDS, stack_document


def to_fit(document: Mapping[str, Any] | str) -> tuple[str, ...]:
    """Return the keys that have to be learned: ``coefficients``, ``quantiles``, ``calibration``.

    >>> to_fit("stacking"), to_fit({"rule": "log_pool", "calibration": "beta"}), to_fit("mean")
    (('coefficients',), ('calibration',), ())
    """
    given = as_document(document)
    open_ = {"stacking": "coefficients", "rank_average": "quantiles"}.get(str(given.get("rule")))
    keys = [open_] if open_ is not None and not given.get(open_) else []
    calibration = given.get("calibration")
    if isinstance(calibration, str) or (isinstance(calibration, Mapping) and set(calibration) == {"method"}):
        keys.append("calibration")
    return tuple(keys)


def as_document(document: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return a rule's name, or what is declared about it, as a mapping."""
    return {"rule": document} if isinstance(document, str) else dict(document)


def fitted(
    document: Mapping[str, Any] | str,
    outputs: Floats,
    target: npt.NDArray[Any],
    names: Names,
    member_weight: Floats | None = None,
) -> dict[str, Any]:
    """Return the declaration with everything that has to be learned filled in.

    Parameters
    ----------
    document : mapping or str
        As for ``prepare``, and ``calibration`` may be a method alone.
    outputs : (n_samples, n_members, n_classes) or (n_samples, n_members) float64
        Of rows that the members were not fitted on.
    target : (n_samples,)
        The true class as a column of ``outputs``, or the true number.
    """
    given, keys = as_document(document), to_fit(document)
    if "coefficients" in keys:
        stack = fit_stack(outputs, target, names, inputs=given.get("inputs") or LOG_ODDS)
        given |= stack_document(stack, names)
    if "quantiles" in keys:
        if outputs.ndim != 3 or outputs.shape[2] != 2:
            raise ConfigError("rank_average is for two classes", where=f"{names.where}.rule", got=names.task)
        each = [reference_quantiles(outputs[:, place, names.positive]) for place in range(outputs.shape[1])]
        given["quantiles"] = dict(zip(names.members, each, strict=True))
    if "calibration" in keys:
        wish = given.pop("calibration")
        method = wish if isinstance(wish, str) else wish["method"]
        fused = _prepared(given, names).fuse(outputs, np.ones(outputs.shape[:2], dtype=np.bool_), member_weight)
        given["calibration"] = fit_calibration(method, fused.output, target, names)
    return given


def cross_fitted(
    document: Mapping[str, Any] | str,
    outputs: Floats,
    target: npt.NDArray[Any],
    fold: npt.NDArray[np.intp],
    names: Names,
    member_weight: Floats | None = None,
) -> Floats:
    """Return the fused outputs of each row by what was learned on the rows of the other folds.

    Where nothing is to be learned, or there is one fold, it is what the declaration gives for all rows.
    """
    everybody = np.ones(outputs.shape[:2], dtype=np.bool_)
    folds = np.unique(fold)
    if not to_fit(document) or len(folds) < 2:
        whole = fitted(document, outputs, target, names, member_weight)
        return _prepared(whole, names).fuse(outputs, everybody, member_weight).output
    out = np.empty(outputs.shape[:1] + outputs.shape[2:])
    for one in folds:
        rows, others = fold == one, fold != one
        learned = fitted(document, outputs[others], target[others], names, member_weight)
        out[rows] = _prepared(learned, names).fuse(outputs[rows], everybody[rows], member_weight).output
    return out


def _prepared(document: Mapping[str, Any], names: Names) -> Fusion:
    positive = names.classes[names.positive] if names.task == "binary" and names.classes else ""
    return prepare(document, task=names.task, members=names.members, classes=names.classes, positive=positive,
                   where=names.where)  # fmt: skip
