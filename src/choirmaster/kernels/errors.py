"""One pass over all members' answers and the labels: sums of products of errors, by who answered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from choirmaster.kernels.answers import MAX_UNITS, place


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
    last = max(1.0, w - 1.0)
    here = np.empty(m, np.int64)
    e = np.empty((m, w))
    total = np.empty(w)
    units = np.empty(m + m * (m + 1) // 2 + 2 + m)
    known_mask, known_slot = 0, -1
    for i in range(p.shape[0]):
        g = group[i]
        if g < 0:
            continue
        label = y[i]
        if label - label != 0.0 or (bounded and not 0.0 <= label <= last) or (w > 1 and label != np.floor(label)):
            counts[g, 0] += 1
            continue
        mask = 0
        k = 0
        for j in range(m):
            fine = True
            for c in range(w):
                v = p[i, j, c]
                fine = fine and v - v == 0.0 and not (bounded and (v < 0.0 or v > 1.0))
                e[k, c] = v - (label if w == 1 else (1.0 if c == label else 0.0))
            if fine:
                mask |= 1 << j
                here[k] = j
                k += 1
        if k == 0:
            counts[g, 1] += 1
            continue
        if mask != known_mask:
            known_mask, known_slot = mask, place(mask, masks)
        slot = known_slot
        cell = 2 + 3 * (slot if slot >= 0 else kept)
        counts[g, cell] += 1
        at = 0
        fine = True
        for a in range(k * linear):
            units[at] = e[a, 0] * per_unit[0]
            fine = fine and abs(units[at]) <= MAX_UNITS
            at += 1
        own = 0.0
        for a in range(k):
            for b in range(a, k):
                product = 0.0
                for c in range(w):
                    product += e[a, c] * e[b, c]
                own += product if a == b else 0.0
                units[at] = product * per_unit[1]
                fine = fine and abs(units[at]) <= MAX_UNITS
                at += 1
        square = 0.0
        for c in range(w):
            away = prior[c] - (label if w == 1 else (1.0 if c == label else 0.0))
            square += away * away
        units[at] = square * per_unit[1]
        fine = fine and abs(units[at]) <= MAX_UNITS
        at += 1
        if not fine:
            counts[g, cell + 1] += 1
            continue
        if slot < 0:
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
            continue
        start = starts[slot]
        for s in range(at):
            sums[g, start + s] += int(np.rint(units[s]))
        if k == 1:
            continue
        loss = 0.0
        for c in range(w):
            total[c] = 0.0
            for a in range(k):
                total[c] += e[a, c]
            loss += (total[c] / k) * (total[c] / k)
        units[0] = (own / k - loss) * (own / k - loss) * per_unit[2]
        fine = abs(units[0]) <= MAX_UNITS
        for a in range(k):
            without = 0.0
            for c in range(w):
                rest = (total[c] - e[a, c]) / (k - 1)
                without += rest * rest
            units[1 + a] = (without - loss) * (without - loss) * per_unit[2]
            fine = fine and abs(units[1 + a]) <= MAX_UNITS
        if not fine:
            counts[g, cell + 2] += 1
            continue
        for s in range(k + 1):
            sums[g, start + at + s] += int(np.rint(units[s]))


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
            fine = True
            for c in range(w):
                v = p[i, j, c]
                fine = fine and v - v == 0.0 and not (bounded and (v < 0.0 or v > 1.0))
            if fine:
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
