"""What every state is: integers over a partition that a reference part fixes, and four verbs that never round.

A state is ``counts`` (one int64 for each cell) and ``sums`` (128-bit fixed-point numbers as two int64: ``high * 2^40 +
low`` units). Integers add in any order to the same bits and subtract exactly, so any split of the rows over threads,
processes or engines gives the same state.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from choirmaster.errors import StateMismatch
from choirmaster.ids import content_id
from choirmaster.states.varint import decode, decode_few, encode, encode_few, unzigzag, zigzag

UNIT_BITS = 40
MAX_ROWS_BEFORE_CARRY = 1 << 20
_MAGIC = b"CMS1"
_LIMIT = 1 << 62

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Part:
    """The piece of a reference that fixes what one state counts: edges, classes, units. Subclasses add the fields."""

    kind: ClassVar[str]

    @property
    def cells(self) -> int:
        """How many counts a state of this part has."""
        raise NotImplementedError  # every kind says

    @property
    def exponents(self) -> tuple[int, ...]:
        """The scale of each sum as a power of two; its unit is 2^-40 of it."""
        return ()

    def payload(self) -> bytes:
        """The bytes that identify the part."""
        raise NotImplementedError  # every kind says

    @cached_property
    def id(self) -> str:
        """Content hash: two parts with equal fields are the same part."""
        return content_id(self.kind.encode(), self.payload())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Part) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)


def per_unit(exponent: int) -> float:
    """Return how many units one is worth at a scale of 2^exponent."""
    return 2.0 ** (UNIT_BITS - exponent)


def slices(n: int) -> Iterator[slice]:
    """Cut n rows into pieces that can be summed before a carry.

    >>> list(slices(3))
    [slice(0, 1048576, None)]
    """
    return (slice(at, at + MAX_ROWS_BEFORE_CARRY) for at in range(0, n, MAX_ROWS_BEFORE_CARRY))


def refuse_too_many(n: int) -> None:
    """Refuse a piece whose unit sums could leave 63 bits: 2^20 rows of at most 2^42 units are the limit."""
    if n > MAX_ROWS_BEFORE_CARRY:
        raise StateMismatch("so many rows cannot be summed before a carry", expected=f"at most {MAX_ROWS_BEFORE_CARRY}",
                            got=str(n), fix="cut the rows with states.base.slices")  # fmt: skip


class State:
    """Counts and sums of one reference part. Immutable by habit: only ``update`` changes it.

    Parameters
    ----------
    part : Part
        Fixes the number of cells and the units; states of different parts refuse to merge.
    counts : ndarray of int64, shape (part.cells,)
    sums : ndarray of int64, shape (len(part.exponents), 2)
    """

    __slots__ = ("_known", "counts", "part", "sums")
    kind: ClassVar[str]

    def __init__(self, part: Part, counts: Ints, sums: Ints) -> None:
        self.part, self.counts, self.sums = part, counts, sums
        self._known: dict[str, Any] = {}

    def once(self, what: str, read: Callable[[Self], T]) -> T:
        """Return what was read off the state before under this name, or read it; until rows are added."""
        if what not in self._known:
            self._known[what] = read(self)
        found: T = self._known[what]
        return found

    @classmethod
    def zero(cls, part: Part) -> Self:
        """Return the neutral state: merging it changes nothing."""
        if part.kind != cls.kind:
            raise StateMismatch("state and part are of different kinds", expected=cls.kind, got=part.kind)
        return cls(part, np.zeros(part.cells, np.int64), np.zeros((len(part.exponents), 2), np.int64))

    def add(self, counts: Ints, units: Ints) -> None:
        """Add counts and unit sums of at most 2^20 rows in place; so few cannot take a checked state out of range."""
        self._known.clear()
        np.add(self.counts, counts, out=self.counts)
        if len(units):
            high, low = self.sums[:, 0], self.sums[:, 1]
            low += units
            high += low >> UNIT_BITS
            low &= (1 << UNIT_BITS) - 1

    def merge(self, other: Self) -> Self:
        """Return the state of both sets of rows together."""
        self._same(other)
        return type(self)(self.part, _checked(np.add, self.counts, other.counts), _normal(self.sums + other.sums))

    def subtract(self, other: Self) -> Self:
        """Return the state without the rows of another."""
        self._same(other)
        return type(self)(self.part, _checked(np.subtract, self.counts, other.counts), _normal(self.sums - other.sums))

    def total(self, index: int) -> float:
        """Return one sum as a number, correctly rounded."""
        high, low = self.sums[index].tolist()
        return self._number((high << UNIT_BITS) + low, index)

    def joint(self, indices: Sequence[int]) -> float:
        """Return several sums of one scale together as a number, correctly rounded."""
        if not len(indices):
            return 0.0
        units = sum((high << UNIT_BITS) + low for high, low in self.sums[np.asarray(indices)].tolist())
        return self._number(units, indices[0])

    def _number(self, units: int, index: int) -> float:
        shift = UNIT_BITS - self.part.exponents[index]
        return units / (1 << shift) if shift >= 0 else float(units * (1 << -shift))

    def to_bytes(self) -> bytes:
        """Write the state sparsely (docs/formats/states.md): bytes follow the cells in use."""
        used = np.flatnonzero(self.counts)
        gaps = np.diff(used, prepend=-1).astype(np.uint64)
        kind = self.kind.encode()
        head = [len(kind), self.part.cells, len(self.sums), len(used)]
        body = encode_few(*head) + kind + bytes.fromhex(self.part.id)
        body += encode(gaps) + encode(zigzag(self.counts[used])) + encode(zigzag(self.sums.reshape(-1)))
        return _MAGIC + body + zlib.crc32(body).to_bytes(4, "little")

    @classmethod
    def from_bytes(cls, data: bytes, part: Part) -> Self:
        """Read a state back; the part must be the one it was written with."""
        body = memoryview(data)[4:-4]
        if data[:4] != _MAGIC or zlib.crc32(body).to_bytes(4, "little") != data[-4:]:
            raise StateMismatch("these bytes are no intact state", expected="magic CMS1 and a matching checksum")
        (kind_size, cells, n_sums, n_used), at = decode_few(body, 4)
        kind = bytes(body[at : at + kind_size]).decode()
        at += kind_size
        part_id = bytes(body[at : at + 16]).hex()
        at += 16
        if kind != cls.kind or part_id != part.id or cells != part.cells:
            raise StateMismatch("state bytes belong to another part", expected=f"{cls.kind} of part {part.id}",
                                got=f"{kind} of part {part_id}")  # fmt: skip
        gaps, size = decode(body[at:], n_used)
        at += size
        values, size = decode(body[at:], n_used)
        at += size
        sums, _ = decode(body[at:], 2 * n_sums)
        counts = np.zeros(cells, np.int64)
        counts[np.cumsum(gaps.astype(np.int64)) - 1] = unzigzag(values)
        return cls(part, counts, unzigzag(sums).reshape(n_sums, 2))

    def digest(self) -> str:
        """Return a 128-bit hash of the state: equal states, equal hash, on every engine."""
        return hashlib.blake2b(self.to_bytes(), digest_size=16).hexdigest()

    @property
    def empty(self) -> bool:
        """Whether no row was ever added."""
        return not self.counts.any() and not self.sums.any()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def _same(self, other: State) -> None:
        if self.part.id != other.part.id or self.kind != other.kind:
            raise StateMismatch(
                "states of different reference parts do not add up",
                expected=f"{self.kind} {self.part.id}",
                got=f"{other.kind} {other.part.id}",
                fix="measure both against one reference",
            )


def _checked(verb: Callable[[Ints, Ints], Ints], one: Ints, two: Ints) -> Ints:
    out = verb(one, two)
    if len(out) and max(int(out.max()), -int(out.min())) >= _LIMIT:
        raise StateMismatch("a count is beyond 2^62", fix="cut the window")
    return out


def _normal(sums: Ints) -> Ints:
    high = sums[..., 0] + (sums[..., 1] >> UNIT_BITS)
    if len(high) and max(int(high.max()), -int(high.min())) >= _LIMIT:
        raise StateMismatch("a sum is beyond 2^102 units", fix="cut the window")
    return np.stack([high, sums[..., 1] & ((1 << UNIT_BITS) - 1)], axis=-1)
