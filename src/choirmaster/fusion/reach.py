"""How far those who are missing may still move an answer.

A missing member may answer anything within its limits, or never answer; each function here covers both.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from choirmaster.fusion.base import NOBODY, SLACK, Floats, Indices, Known, Limits, Reach, ordered_sum
from choirmaster.fusion.logs import WIDEST, clipped_logs, exps
from choirmaster.fusion.pool import pool

PROBABILITIES: Limits = (0.0, 1.0)


def linear_reach(known: Known) -> Reach | None:
    """Return the reach of a linear pool.

    Definition
        With T the weighted sum and W the weight of those present, M the weight of the missing and [l, h] the limits,
        the answer ends between (T + l M) / (W + M) and (T + h M) / (W + M), or stays; class a leads when
        T_a - T_b > M (h - l) for every other b.
    """
    if known.limits is None:
        return None
    low, high = known.limits
    now = pool(known.outputs, known.present, known.weight).output
    mass, open_ = (ordered_sum(np.where(mask, known.weight, 0.0)) for mask in (known.present, known.missing))
    part = np.divide(open_, mass + open_, out=np.zeros_like(mass), where=mass + open_ > 0)
    gap = np.divide(open_, mass, out=np.full_like(mass, np.inf), where=mass > 0) * (high - low)
    part = part if now.ndim == 1 else part[:, None]
    lower: Floats = np.fmin(now, now + (low - now) * part)
    upper: Floats = np.fmax(now, now + (high - now) * part)
    return Reach(lower, upper, _ahead(now, gap))


def pool_reach(known: Known) -> Reach | None:
    """Return the reach of a linear pool of probabilities, which have their own limits, or of numbers."""
    return linear_reach(known if known.outputs.ndim == 2 else replace(known, limits=PROBABILITIES))


def vote_reach(known: Known) -> Reach | None:
    """Return the reach of a hard vote: that of the linear pool of ballots, which are 0 or 1."""
    return linear_reach(replace(known, outputs=ballots(known.outputs), limits=PROBABILITIES))


def log_reach(known: Known) -> Reach | None:
    """Return the reach of a logarithmic pool: log ratios of two classes are a linear pool within +-52 ln 2."""
    outputs = known.outputs
    score = clipped_logs(outputs)
    k = outputs.shape[2]
    lower, upper = np.empty((len(outputs), k)), np.empty((len(outputs), k))
    lead = np.full(len(outputs), NOBODY, dtype=np.intp)
    for one in range(k):
        ratio = score - score[:, :, one : one + 1]  # of every class to this one
        found = linear_reach(replace(known, outputs=ratio, limits=(-WIDEST, WIDEST)))
        if found is None:
            return None
        others = [other for other in range(k) if other != one]
        upper[:, one] = 1.0 / (1.0 + ordered_sum(exps(np.nan_to_num(found.lower[:, others], nan=-WIDEST))))
        lower[:, one] = 1.0 / (1.0 + ordered_sum(exps(np.nan_to_num(found.upper[:, others], nan=WIDEST))))
        ahead = (found.upper[:, others] < -SLACK * WIDEST).all(axis=1)
        lead[ahead] = one
    return Reach(lower, upper, lead)


def classwise_reach(lower: Floats, upper: Floats) -> Reach:
    """Return the reach of what is found class by class and then divided by the row's sum, from bounds of each class."""
    if lower.ndim == 1:
        return Reach(lower, upper, np.full(len(lower), NOBODY, dtype=np.intp))
    others_low = ordered_sum(lower)[:, None] - lower
    others_high = ordered_sum(upper)[:, None] - upper
    low = np.divide(lower, lower + others_high, out=np.zeros_like(lower), where=lower > 0)
    high = np.divide(upper, upper + others_low, out=np.ones_like(upper), where=others_low > 0)
    known = ordered_sum(lower)[:, None] > 0  # else the row may be the mean instead
    lead = np.full(len(lower), NOBODY, dtype=np.intp)
    for one in range(lower.shape[1]):
        rivals = np.delete(upper, one, axis=1).max(axis=1)
        lead[lower[:, one] > rivals + SLACK] = one
    return Reach(np.where(known, low, 0.0), np.where(known, high, 1.0), lead)


def ballots(outputs: Floats) -> Floats:
    """Return 1 for each member's most probable class, the first among equals, and 0 for the others."""
    # Absent numbers may be NaN, for which argmax is defined; their ballots are not counted.
    votes: Floats = np.eye(outputs.shape[2])[outputs.argmax(axis=2)]
    return votes


def _ahead(now: Floats, gap: Floats) -> Indices:
    """Return the class that is ahead of every other by more than ``gap``, else -1."""
    lead = np.full(len(now), NOBODY, dtype=np.intp)
    if now.ndim == 1 or not len(now):
        return lead
    ranked = np.sort(now, axis=1)
    with np.errstate(invalid="ignore"):
        clear = ranked[:, -1] - ranked[:, -2] > gap + SLACK * (1.0 + gap)
    lead[clear] = now[clear].argmax(axis=1)
    return lead
