"""One pass over all members' answers and the labels: sums of products of errors, by who answered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from choirmaster.kernels.answers import MAX_UNITS, in_range, place, usable


def error_products(
    p: NDArray[np.float64],
    y: NDArray[np.float64],
    bounded: bool,
    group: NDArray[np.int64],
    masks: NDArray[np.int64],
    starts: NDArray[np.int64],
    prior: NDArray[np.float64],
    per_unit: NDArray[np.float64],
    counts: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Add rows to the error products.

    ``p`` (n, members, width): answers, NaN for none; width 1 for numbers and two classes, else one for each class.
    ``y`` (n,): the number, 1.0 or 0.0, or the class index; NaN where there is no label. ``masks``: ascending sets of
    present members kept apart, bit j for member j; their sums begin at ``starts``, those of all other sets at the last
    one. ``prior`` (width,): the constant forecast of the reference. ``per_unit`` (3,): of errors, products, squares of
    products. ``counts`` (groups, cells) and ``sums`` (groups, sums) are laid out as ``states/errors.py`` says.
    """
    m, w = p.shape[1], p.shape[2]
    linear = 1 if w == 1 else 0
    kept = len(masks)
    here = np.empty(m, np.int64)
    e = np.empty((m, w))
    units = np.empty(m + m * (m + 1) // 2 + 1)
    for i in range(p.shape[0]):
        g = group[i]
        if g < 0:
            continue
        label = y[i]
        known = label - label == 0.0 and not (bounded and (label < 0.0 or label > max(1.0, w - 1.0)))
        if not known or (w > 1 and label != np.floor(label)):
            counts[g, 0] += 1
            continue
        mask = 0
        k = 0
        for j in range(m):
            if usable(p, i, j, bounded):
                mask |= 1 << j
                here[k] = j
                for c in range(w):
                    hit = label if w == 1 else (1.0 if c == label else 0.0)
                    e[k, c] = p[i, j, c] - hit
                k += 1
        if k == 0:
            counts[g, 1] += 1
            continue
        slot = place(mask, masks)
        cell = 2 + 3 * (slot if slot >= 0 else kept)
        counts[g, cell] += 1
        at = 0
        for a in range(k * linear):
            units[at] = e[a, 0] * per_unit[0]
            at += 1
        for a in range(k):
            for b in range(a, k):
                product = 0.0
                for c in range(w):
                    product += e[a, c] * e[b, c]
                units[at] = product * per_unit[1]
                at += 1
        square = 0.0
        for c in range(w):
            hit = label if w == 1 else (1.0 if c == label else 0.0)
            square += (prior[c] - hit) * (prior[c] - hit)
        units[at] = square * per_unit[1]
        at += 1
        if not in_range(units, at):
            counts[g, cell + 1] += 1
            continue
        if slot >= 0:
            start = starts[slot]
            for s in range(at):
                sums[g, start + s] += int(np.rint(units[s]))
            if k > 1:
                loss_changes(e, k, w, per_unit[2], g, cell + 2, start + at, units, counts, sums)
            continue
        start = starts[kept]
        for a in range(k * linear):
            sums[g, start + here[a]] += int(np.rint(units[a]))
        at = k * linear
        for a in range(k):
            for b in range(a, k):
                one, two = here[a], here[b]
                pair = one * m - one * (one - 1) // 2 + two - one
                counts[g, cell + 2 + pair] += 1
                sums[g, start + m * linear + pair] += int(np.rint(units[at]))
                at += 1


def loss_changes(
    e: NDArray[np.float64],
    k: int,
    w: int,
    per_square: float,
    g: int,
    clipped: int,
    start: int,
    units: NDArray[np.float64],
    counts: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Add the square of the row's diversity, and of the change of its loss when one of its members is left out."""
    loss, own = 0.0, 0.0
    for c in range(w):
        total = 0.0
        for a in range(k):
            total += e[a, c]
            own += e[a, c] * e[a, c]
        loss += (total / k) * (total / k)
    diversity = own / k - loss
    units[0] = diversity * diversity * per_square
    for a in range(k):
        without = 0.0
        for c in range(w):
            rest = 0.0
            for b in range(k):
                rest += e[b, c] if b != a else 0.0
            without += (rest / (k - 1)) * (rest / (k - 1))
        units[1 + a] = (without - loss) * (without - loss) * per_square
    if not in_range(units, k + 1):
        counts[g, clipped] += 1
        return
    for s in range(k + 1):
        sums[g, start + s] += int(np.rint(units[s]))


def spread(
    p: NDArray[np.float64],
    bounded: bool,
    group: NDArray[np.int64],
    per_unit: NDArray[np.float64],
    counts: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Add the variance of the present members' answers, and its square, over rows with two of them or more.

    ``p`` as in :func:`error_products`. ``counts`` (groups, 4): rows with two or more answers, with fewer, clipped
    variances, clipped squares. ``sums`` (groups, 2): units of the variance and of its square.
    """
    m, w = p.shape[1], p.shape[2]
    here = np.empty(m, np.int64)
    for i in range(p.shape[0]):
        g = group[i]
        if g < 0:
            continue
        k = 0
        for j in range(m):
            if usable(p, i, j, bounded):
                here[k] = j
                k += 1
        if k < 2:
            counts[g, 1] += 1
            continue
        counts[g, 0] += 1
        variance = 0.0
        for c in range(w):
            mean = 0.0
            for a in range(k):
                mean += p[i, here[a], c] / k
            for a in range(k):
                variance += (p[i, here[a], c] - mean) * (p[i, here[a], c] - mean) / k
        for s in range(2):
            units = variance * per_unit[0] if s == 0 else variance * variance * per_unit[1]
            if units <= MAX_UNITS:
                sums[g, s] += int(np.rint(units))
            else:
                counts[g, 2 + s] += 1
