"""Early answers: whether what is missing can still change what would be answered now.

Everything here is decided by the mathematics of the rule alone. Whether enough members are present at all (the quorum)
is for the caller to ask beside it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from choirmaster.errors import ShapeMismatch
from choirmaster.fusion.base import NOBODY, SLACK, Floats, Known, Limits, Mask, Reach, checked, checked_weight
from choirmaster.fusion.calibration import Apply
from choirmaster.fusion.prepared import YES, Fusion


def settled(
    fusion: Fusion,
    outputs: Floats,
    present: Mask,
    missing: Mask,
    member_weight: Floats | None = None,
    *,
    cutoff: float | npt.ArrayLike | None = None,
    tolerance: float | None = None,
    limits: Limits | None = None,
) -> Mask:
    """Return the rows whose outcome can no longer change, whatever the missing say, whether or not they say anything.

    Parameters
    ----------
    fusion : Fusion
    outputs : (n_samples, n_members, n_classes) or (n_samples, n_members) float64
        What has come so far, as for ``Fusion.fuse``; entries of those not present are never read.
    present : (n_samples, n_members) bool
        Whose answers are there.
    missing : (n_samples, n_members) or (n_members,) bool
        Who may still answer; who is neither present nor missing has failed and is out. Present ones are not missing.
    member_weight : (n_members,) float64, optional
    cutoff : float, optional
        Probability from which the positive class is decided for, as the caller will apply it to the fused output; of a
        multilabel task one number, or one for each class (0.5 if not given). Without it the class is the rule's choice.
    tolerance : float, optional
        How far the fused output (each class, each level) may end from what it is now, up to rounding. Without it only
        the class counts, and plain numbers are settled when nobody with a weight is missing.
    limits : (float, float), optional
        The least and the greatest number a member of a regression or quantile task may give; without them nothing is
        known about who is missing.

    Returns
    -------
    (n_samples,) bool
        True only where it is certain. A row that nobody has answered is not settled while somebody is missing.

    Examples
    --------
    >>> from choirmaster.fusion import prepare
    >>> vote = prepare("hard_vote", task="binary", members=["a", "b", "c"], classes=["no", "yes"])
    >>> said = np.array([[[0.1, 0.9], [0.3, 0.7], [np.nan, np.nan]], [[0.1, 0.9], [0.8, 0.2], [np.nan, np.nan]]])
    >>> present = np.array([[True, True, False], [True, True, False]])
    >>> settled(vote, said, present, ~present)
    array([ True, False])
    """
    known = _known(fusion, outputs, present, missing, member_weight, limits)
    classes = bool(fusion.names.classes)
    sure: Mask = _answered(fusion, known) & (classes or tolerance is not None)
    for place, view in enumerate(fusion.views(outputs)):
        fused, reach = _reached(fusion, replace(known, outputs=view))
        if reach is None:
            sure = np.zeros_like(sure)
            break
        if classes:
            sure &= _certain(fusion, reach, _at(cutoff, fusion, place))
        if tolerance is not None:
            sure &= _near(fused, reach, tolerance)
    return sure | ~known.missing.any(axis=1)


def decided(fusion: Fusion, outputs: Floats, present: Mask, member_weight: Floats | None = None, *, stage: int) -> Mask:
    """Return the rows for which the members of later stages need not be asked.

    Parameters
    ----------
    fusion : Fusion
        ``fusion.stages`` says whom to ask in which stage; one stage with everybody for all rules but ``cascade``.
    outputs, present, member_weight
        As for ``Fusion.fuse``, with what has come of the stages asked so far; who was not asked is not present.
    stage : int
        The last stage asked, from 0.

    Returns
    -------
    (n_samples,) bool
        All rows after the last stage. For a decided row ``Fusion.fuse`` gives the same bits with and without the
        answers of later stages.

    Examples
    --------
    >>> from choirmaster.fusion import prepare
    >>> document = {"rule": "cascade", "stages": [["cheap"], ["dear"]], "confidence": 0.9}
    >>> both = prepare(document, task="binary", members=["cheap", "dear"], classes=["no", "yes"])
    >>> said = np.array([[[0.05, 0.95], [np.nan, np.nan]], [[0.3, 0.7], [np.nan, np.nan]]])
    >>> decided(both, said, np.array([[True, False], [True, False]]), stage=0)
    array([ True, False])
    """
    outputs, present = checked(outputs, present)
    weight = checked_weight(member_weight, present.shape[1])
    done: Mask = np.ones(len(present), dtype=np.bool_)
    if fusion.rule.decide is None or stage >= len(fusion.stages) - 1:
        return done
    for view in fusion.views(outputs):
        done &= fusion.rule.decide(view, present, weight, stage)
    return done


def _known(
    fusion: Fusion, outputs: Floats, present: Mask, missing: Mask, member_weight: Floats | None, limits: Limits | None
) -> Known:
    """Return what is known, checked; members without a weight are not missed by rules that read weights."""
    outputs, present = checked(outputs, present)
    missing = np.asarray(missing)
    if missing.dtype != np.bool_ or missing.shape not in (present.shape, present.shape[1:]):
        raise ShapeMismatch("cannot settle", where="missing", expected=f"bool {present.shape} or {present.shape[1:]}",
                            got=f"{missing.dtype} {missing.shape}")  # fmt: skip
    weight = checked_weight(member_weight, present.shape[1])
    missed = np.broadcast_to(missing, present.shape) & ~present & _heavy(fusion, weight)
    return Known(outputs, present, missed, weight, limits)


def _heavy(fusion: Fusion, weight: Floats) -> Mask:
    """Return the members that have a say."""
    return weight > 0 if fusion.rule.weighted else np.ones(len(weight), dtype=np.bool_)


def _answered(fusion: Fusion, known: Known) -> Mask:
    return np.asarray((known.present & _heavy(fusion, known.weight)).any(axis=1))


def _reached(fusion: Fusion, known: Known) -> tuple[Floats, Reach | None]:
    """Return the output now, and where it may end."""
    output = fusion.rule.fuse(known.outputs, known.present, known.weight).output
    reach = None if fusion.rule.reach is None else fusion.rule.reach(known)
    if reach is None or fusion.recalibrate is None:
        return output, reach
    return fusion.recalibrate(output), _recalibrated(fusion, fusion.recalibrate, reach)


def _recalibrated(fusion: Fusion, recalibrate: Apply, reach: Reach) -> Reach:
    """Return bounds after recalibration; of more than two classes only the leader stays known."""
    if reach.lower.shape[1] > 2:
        return Reach(np.zeros_like(reach.lower), np.ones_like(reach.upper), reach.lead)
    positive = fusion.names.positive
    ends = []
    for bound, slack in ((reach.lower, -SLACK), (reach.upper, SLACK)):  # a steep curve makes rounding large
        p = np.clip(bound[:, positive] + slack, 0.0, 1.0)
        both = np.empty_like(bound)
        both[:, positive], both[:, 1 - positive] = p, 1.0 - p
        ends.append(recalibrate(both))
    lower, upper = np.fmin(*ends), np.fmax(*ends)
    lead = np.full(len(lower), NOBODY, dtype=np.intp)
    with np.errstate(invalid="ignore"):
        lead[lower[:, positive] > 0.5 + SLACK] = positive
        lead[upper[:, positive] < 0.5 - SLACK] = 1 - positive
    return Reach(lower, upper, lead)


def _certain(fusion: Fusion, reach: Reach, cutoff: float | None) -> Mask:
    """Return where the class is certain: beyond the cutoff at both ends, or ahead of every other."""
    if cutoff is None:
        ahead: Mask = reach.lead != NOBODY
        return ahead
    column = YES if fusion.names.task == "multilabel" else fusion.names.positive
    with np.errstate(invalid="ignore"):
        beyond: Mask = reach.lower[:, column] >= cutoff + SLACK
        below: Mask = reach.upper[:, column] < cutoff - SLACK
    return beyond | below


def _near(output: Floats, reach: Reach, tolerance: float) -> Mask:
    """Return where no end is further than ``tolerance`` from the output now."""
    with np.errstate(invalid="ignore"):
        near: Mask = (reach.upper - output <= tolerance) & (output - reach.lower <= tolerance)
    return near if near.ndim == 1 else np.asarray(near.all(axis=1))


def _at(cutoff: float | npt.ArrayLike | None, fusion: Fusion, place: int) -> float | None:
    if fusion.names.task == "multilabel":
        given = np.asarray(0.5 if cutoff is None else cutoff, dtype=np.float64)
        return float(given if given.ndim == 0 else given[place])
    if cutoff is None or fusion.names.task != "binary":
        return None
    return float(np.asarray(cutoff))
