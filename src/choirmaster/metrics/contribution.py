"""What each member is worth to the whole, read off sums of products of errors: no pass over the rows.

All functions take ``products``, the (k, k) sums or means of e_i e_j over the same rows; for squared error and Brier
score the loss of a weighted mean of the members is then w' C w, exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from choirmaster.states.base import Floats

CLOSE = 1e-12
ROUNDS = 25


def plain_loss(products: Floats) -> float:
    """Return the loss of the plain mean of all members.

    >>> plain_loss(np.array([[1.0, -1.0], [-1.0, 1.0]]))
    0.0
    """
    return float(products.sum()) / len(products) ** 2


def leave_one_out(products: Floats) -> Floats:
    """Return for each member how much the loss of the plain mean grows without it; NaN for a member alone.

    Definition   sum over j, k != i of C_jk / (m - 1)^2 - sum over j, k of C_jk / m^2
    """
    m = len(products)
    if m < 2:
        return np.full(m, np.nan)
    without = products.sum() - 2.0 * products.sum(axis=0) + np.diag(products)
    return np.asarray(without / (m - 1) ** 2 - plain_loss(products), dtype=np.float64)


def shapley(products: Floats, empty: float) -> Floats:
    """Return each member's Shapley share of the loss of the plain mean; negative helps.

    Definition   the mean, over all orders in which the members may join, of what the loss changes when it joins; the
                 loss of a set is that of its plain mean, of nobody ``empty``. The shares add up to the loss of all
                 minus ``empty``.
    Source       Shapley 1953. In closed form, since the loss of a set of size s is a sum over its pairs / s^2: where s
                 others came before, each is there with chance s / (m - 1), each two with s (s - 1) / ((m - 1) (m - 2)).

    Examples
    --------
    >>> shapley(np.array([[1.0, 0.0], [0.0, 1.0]]), 2.0).tolist()
    [-0.75, -0.75]
    """
    m = len(products)
    own = np.diag(products)
    with_me = products.sum(axis=0) - own
    others = own.sum() - own
    between = products.sum() - own - 2.0 * with_me - others
    gain = own - empty
    for s in range(1, m):
        share = s / (m - 1)
        both = share * (s - 1) / (m - 2) if m > 2 else 0.0
        before = share * others + both * between
        gain = gain + (before + 2.0 * share * with_me + own) / (s + 1) ** 2 - before / s**2
    return np.asarray(gain / m, dtype=np.float64)


def greedy(products: Floats, rounds: int = ROUNDS) -> Floats:
    """Return the weights of greedy selection with replacement.

    Each round adds the member with which the mean of the chosen has the least loss, the first of equals; the weights
    are the counts of the shortest prefix with the least loss, divided by its length.

    Source       Caruana, Niculescu-Mizil, Crew, Ksikes 2004, ICML

    Examples
    --------
    >>> greedy(np.array([[1.0, 0.0], [0.0, 1.0]])).tolist()
    [0.5, 0.5]
    """
    chosen = np.zeros(len(products))
    best, best_loss = chosen, np.inf
    for size in range(1, rounds + 1):
        candidates = chosen @ products @ chosen + 2.0 * (products @ chosen) + np.diag(products)
        chosen = chosen.copy()
        chosen[int(np.argmin(candidates))] += 1.0
        loss = float(candidates.min()) / size**2
        if loss < best_loss - CLOSE * abs(float(products[0, 0])):
            best, best_loss = chosen / size, loss
    return best


def best_weights(products: Floats) -> Floats:
    """Return the weights, none negative and adding up to 1, with the least loss w' C w.

    Wolfe's way to the point nearest to the origin: from the best member on, the member that lowers the loss most joins,
    and the best affine weights of those chosen are taken, as far as none becomes negative. It ends after finitely many
    steps, always at the same weights.

    Source       Wolfe 1976, Mathematical Programming 11, 128-149

    Examples
    --------
    >>> best_weights(np.array([[1.0, 0.0], [0.0, 3.0]])).round(12).tolist()
    [0.75, 0.25]
    """
    m = len(products)
    scale = float(np.diag(products).max(initial=0.0))
    chosen = [int(np.argmin(np.diag(products)))]
    weights = np.zeros(m)
    weights[chosen] = 1.0
    for _ in range(8 * m):
        slope = products @ weights
        joins = int(np.argmin(slope))
        if joins in chosen or float(weights @ slope) - float(slope[joins]) <= CLOSE * scale:
            break
        chosen.append(joins)
        _settle(products, weights, chosen)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def loss_under(products: Floats, weights: Floats) -> float:
    """Return the loss of the weighted mean; the weights are taken as shares of their sum.

    >>> loss_under(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([2.0, 0.0]))
    1.0
    """
    return float(weights @ products @ weights) / float(weights.sum()) ** 2


def what_it_adds(products: Floats, voters: NDArray[np.bool_], challenger: int) -> float:
    """Return the change of the loss of the voters' plain mean when a challenger joins them; negative helps.

    >>> both = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> what_it_adds(both, np.array([True, False]), 1)
    -0.5
    """
    joined = voters.copy()
    joined[challenger] = True
    return plain_loss(products[np.ix_(joined, joined)]) - plain_loss(products[np.ix_(voters, voters)])


def _settle(products: Floats, weights: Floats, chosen: list[int]) -> None:
    """Move to the best affine weights of the chosen, in place; drop whoever would become negative on the way."""
    while True:
        wanted = _affine(products[np.ix_(chosen, chosen)])
        here = weights[chosen]
        falling = wanted <= 0.0
        if not falling.any():
            weights[chosen] = wanted
            return
        room = here[falling] - wanted[falling]
        step = float(np.divide(here[falling], room, out=np.zeros(len(room)), where=room > 0.0).min())
        moved = here + step * (wanted - here)
        moved[moved <= CLOSE] = 0.0
        weights[chosen] = moved
        chosen[:] = [one for one, weight in zip(chosen, moved, strict=True) if weight > 0.0]


def _affine(products: Floats) -> Floats:
    """Return the weights, adding up to 1, of either sign, with the least loss."""
    k = len(products)
    system = np.ones((k + 1, k + 1))
    scale = float(np.abs(products).max()) or 1.0
    system[:k, :k], system[k, k] = products / scale, 0.0
    right = np.zeros(k + 1)
    right[k] = 1.0
    return np.asarray(np.linalg.lstsq(system, right, rcond=None)[0][:k], dtype=np.float64)
