"""One pass over all members' decided classes: who agrees with whom, who is right with whom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def votes(
    said: NDArray[np.int64],
    y: NDArray[np.int64],
    classes: int,
    group: NDArray[np.int64],
    per_unit: float,
    counts: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Add rows to the counts of agreement.

    ``said`` (n, members) and ``y`` (n,): class indices, ``classes`` or more for none. ``counts`` (groups, cells) is
    laid out as ``states/agreement.py`` says. ``sums`` (groups, 2): units of the share of pairs that differ, and of its
    square.
    """
    m = said.shape[1]
    here = np.empty(m, np.int64)
    tally = np.zeros(classes, np.int64)
    patterns = m * (m - 1) // 2 * 7
    right_at = patterns + m * (m + 1)
    silent = right_at + m * (m + 3) // 2
    for i in range(said.shape[0]):
        g = group[i]
        if g < 0:
            continue
        label = y[i]
        labelled = label < classes
        k, top, right = 0, 0, 0
        for j in range(m):
            code = said[i, j]
            if code >= classes:
                continue
            here[k] = j
            k += 1
            tally[code] += 1
            top = max(top, tally[code])
            if code == label:
                right += 1
        for a in range(k):
            tally[said[i, here[a]]] = 0
        if k == 0:
            counts[g, silent] += 1
            continue
        pattern = 2 * (k * (k - 1) // 2 + top - 1)
        if labelled:
            counts[g, patterns + pattern] += 1
            counts[g, right_at + (k - 1) * (k + 2) // 2 + right] += 1
        else:
            counts[g, patterns + pattern + 1] += 1
        differ = 0
        for a in range(k):
            one, first = here[a], said[i, here[a]]
            for b in range(a + 1, k):
                two, second = here[b], said[i, here[b]]
                pair = 7 * (one * (2 * m - one - 1) // 2 + two - one - 1)
                differ += 1 if first != second else 0
                if not labelled:
                    cell = 5 if first == second else 6
                elif first == second:
                    cell = 0 if first == label else 3
                elif first == label:
                    cell = 1
                else:
                    cell = 2 if second == label else 4
                counts[g, pair + cell] += 1
        if k > 1:
            share = differ / (k * (k - 1) // 2)
            sums[g, 0] += int(np.rint(share * per_unit))
            sums[g, 1] += int(np.rint(share * share * per_unit))
