"""``errors/1``: sums of products of the members' errors, by who answered (D13)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from choirmaster.kernels.locate import read_only
from choirmaster.kernels.table import PLAIN, Kernels
from choirmaster.states.base import Floats, Ints, Part, State, per_unit, refuse_too_many, slices

MAX_MASKS = 64
MAX_SUMS = 8_192  # bounds the masks of many members: 20 have 32 masks, 60 have 4
MAX_MEMBERS = 60  # a mask is one int64
ALL_MASKS_UP_TO = 6  # members of whom every set has sums of its own


@dataclass(frozen=True, eq=False)
class ErrorPart(Part):
    """Whose errors, of what, and which sets of present members are kept apart.

    Attributes
    ----------
    members : tuple of str
    classes : int
        0 where numbers are predicted, 1 for the positive one of two classes, else their number.
    exponent : int
        The scale 2^exponent of the label (numbers only).
    masks : tuple of int
        Ascending; bit j stands for member j. Other sets are counted together, by pairs.
    prior : tuple of float
        The constant forecast of the reference: the shares of its classes, or the mean of its labels.
    """

    members: tuple[str, ...]
    classes: int
    exponent: int
    masks: tuple[int, ...]
    prior: tuple[float, ...]
    kind = "errors/1"

    @property
    def width(self) -> int:
        """Numbers in one answer."""
        return max(1, self.classes)

    @property
    def complete(self) -> bool:
        """Whether every set of members has sums of its own."""
        return len(self.masks) == (1 << len(self.members)) - 1

    @property
    def pairs(self) -> int:
        """Pairs of members, each with itself included."""
        return len(self.members) * (len(self.members) + 1) // 2

    @property
    def cells(self) -> int:
        """No label, no answer; for each mask rows, clipped rows, clipped squares; for the others the same and pairs."""
        return 2 + 3 * len(self.masks) + (0 if self.complete else 2 + self.pairs)

    @cached_property
    def starts(self) -> Ints:
        """Where the sums of each mask begin, and those of all others."""
        sizes = [sums_of(mask.bit_count(), self.width) for mask in self.masks]
        return np.cumsum([0, *sizes]).astype(np.int64)

    @cached_property
    def exponents(self) -> tuple[int, ...]:
        e, out = self.exponent, []
        for mask in self.masks:
            k = mask.bit_count()
            linear = k if self.width == 1 else 0
            out += [e] * linear + [2 * e] * (k * (k + 1) // 2 + 1) + [4 * e] * (k + 1 if k > 1 else 0)
        if not self.complete:
            out += [e] * (len(self.members) if self.width == 1 else 0) + [2 * e] * self.pairs
        return tuple(out)

    def payload(self) -> bytes:
        names = b"".join(len(one.encode()).to_bytes(4, "little") + one.encode() for one in self.members)
        head = len(self.members).to_bytes(4, "little") + names + self.classes.to_bytes(4, "little")
        return head + self.exponent.to_bytes(4, "little", signed=True) + np.array(self.masks, np.int64).tobytes() + (
            np.array(self.prior, np.float64).tobytes()
        )  # fmt: skip


def sums_of(k: int, width: int) -> int:
    """Return how many sums a set of k members has: errors, products, the prior's square, squares of changes.

    >>> sums_of(1, 1), sums_of(3, 1), sums_of(3, 4)
    (3, 14, 11)
    """
    return (k if width == 1 else 0) + k * (k + 1) // 2 + 1 + (k + 1 if k > 1 else 0)


def choose_masks(members: int, seen: Ints, width: int) -> tuple[int, ...]:
    """Return the sets of members to keep apart.

    All of them for up to six members. Beyond, those of the reference's rows, the most frequent first, then everybody,
    then each set of all but one, up to 64 masks and 8,192 sums.

    Parameters
    ----------
    members : int
    seen : ndarray of int64 (n,)
        The mask of each row of the reference.

    Examples
    --------
    >>> choose_masks(2, np.array([3]), 1)
    (1, 2, 3)
    """
    everybody = (1 << members) - 1
    if members <= ALL_MASKS_UP_TO:
        return tuple(range(1, everybody + 1))
    found, counts = np.unique(seen[seen > 0], return_counts=True)
    by_rows = found[np.lexsort((found, -counts))].tolist()
    chosen: dict[int, None] = {}
    room = MAX_SUMS
    for mask in [*by_rows, everybody, *(everybody & ~(1 << j) for j in range(members))]:
        size = sums_of(mask.bit_count(), width)
        if mask not in chosen and len(chosen) < MAX_MASKS and size <= room:
            chosen[mask] = None
            room -= size
    return tuple(sorted(chosen))


@dataclass(frozen=True)
class Block:
    """The sums of all rows with the same members present.

    Attributes
    ----------
    members : ndarray of int64 (k,)
        Who was present.
    n : int
        Rows that are summed.
    clipped, clipped_squares : int
        Rows left out because a product, or the square of one, is beyond its range.
    linear : ndarray (k,) or None
        Sums of errors; None for several classes.
    products : ndarray (k, k)
        Sums of products of errors, over the classes too.
    prior : float
        Sum of the squared errors of the constant forecast.
    diversity_squared : float
    changes_squared : ndarray (k,)
        Sums of the squares of what leaving a member out changes in the loss of the plain mean.
    """

    members: Ints
    n: int
    clipped: int
    clipped_squares: int
    linear: Floats | None
    products: Floats
    prior: float
    diversity_squared: float
    changes_squared: Floats


class ErrorProducts(State):
    """Sums over rows with a label and at least one answer."""

    kind = "errors/1"
    part: ErrorPart

    @property
    def unlabelled(self) -> int:
        """Rows without a label."""
        return int(self.counts[0])

    @property
    def unanswered(self) -> int:
        """Rows with a label that nobody answered."""
        return int(self.counts[1])

    @property
    def others(self) -> int:
        """Rows whose set of members is not kept apart."""
        return 0 if self.part.complete else int(self.counts[2 + 3 * len(self.part.masks)])

    @property
    def clipped(self) -> int:
        """Rows beyond the range that the reference fixed."""
        end = 3 * len(self.part.masks)
        return int(self.counts[3 : 3 + end : 3].sum()) + (0 if self.part.complete else int(self.counts[3 + end]))

    def blocks(self) -> list[Block]:
        """Return the sums by set of members, those without a row left out."""
        return self.once("blocks", _blocks)

    def pairwise(self) -> tuple[Ints, Floats]:
        """Return for each pair in how many rows both answered, and the sum of products of their errors there.

        Exact whoever was present, also where sets of members are not kept apart.
        """
        m = len(self.part.members)
        n, products = np.zeros((m, m), np.int64), np.zeros((m, m))
        for block in self.blocks():
            where = np.ix_(block.members, block.members)
            n[where] += block.n
            products[where] += block.products
        if self.others:
            at = int(self.part.starts[-1]) + (m if self.part.width == 1 else 0)
            n += _symmetric(self.counts[4 + 3 * len(self.part.masks) :], m)
            products += _symmetric(np.array([self.total(at + s) for s in range(self.part.pairs)]), m)
        return n, products

    def update(self, answers: Floats, labels: Floats, kernels: Kernels = PLAIN) -> None:
        """Add rows: (n, members) or (n, members, width) answers, NaN for none; labels as numbers or class indices."""
        p = answers.reshape(len(answers), len(self.part.members), self.part.width)
        for piece in slices(len(p)):
            counts, units = sum_products(
                self.part, p[piece], labels[piece], np.zeros(len(p[piece]), np.int64), 1, kernels
            )
            self.add(counts[0], units[0])


def _blocks(state: ErrorProducts) -> list[Block]:
    where = np.flatnonzero(state.counts[2 : 2 + 3 * len(state.part.masks) : 3])
    return [_block(state, int(slot)) for slot in where]


def _block(state: ErrorProducts, slot: int) -> Block:
    mask, at = state.part.masks[slot], int(state.part.starts[slot])
    members = np.array([j for j in range(len(state.part.members)) if mask >> j & 1], np.int64)
    k = len(members)
    total = np.array([state.total(at + s) for s in range(sums_of(k, state.part.width))])
    linear = total[:k] if state.part.width == 1 else None
    total = total[0 if linear is None else k :]
    products = _symmetric(total[: k * (k + 1) // 2], k)
    rest = total[k * (k + 1) // 2 :]
    rows, clipped, squares = (int(one) for one in state.counts[2 + 3 * slot : 5 + 3 * slot])
    return Block(members, rows - clipped, clipped, squares, linear, products, float(rest[0]),
                 float(rest[1]) if k > 1 else 0.0, rest[2:])  # fmt: skip


def _symmetric(upper: NDArray[Any], k: int) -> NDArray[Any]:
    out = np.zeros((k, k), upper.dtype)
    rows, columns = np.triu_indices(k)
    out[rows, columns] = out[columns, rows] = upper
    return out


def sum_products(
    part: ErrorPart, answers: Floats, labels: Floats, group: Ints, groups: int, kernels: Kernels
) -> tuple[Ints, Ints]:
    """Scan at most 2^20 rows of (n, members, width) answers against labels; one row for each group."""
    refuse_too_many(len(answers))
    counts = np.zeros((groups, part.cells), np.int64)
    units = np.zeros((groups, len(part.exponents)), np.int64)
    scale = np.array([per_unit(times * part.exponent) for times in (1, 2, 4)])
    arrays = np.array(part.masks, np.int64), part.starts, np.array(part.prior, np.float64), scale
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        kernels.error_products(read_only(np.ascontiguousarray(answers)), read_only(np.ascontiguousarray(labels)),
                               part.classes > 0, read_only(group), *(read_only(one) for one in arrays), counts,
                               units)  # fmt: skip
    return counts, units
