"""Stored bytes of states, built by hand from docs/formats/states.md: a change of format cannot pass unseen."""

from __future__ import annotations

import hashlib
import struct
import zlib

import numpy as np
import pytest

from choirmaster.states import (
    BY_KIND,
    Agreement,
    Calls,
    Confusion,
    ErrorProducts,
    Histogram,
    Intake,
    LabelSets,
    Losses,
    Moments,
    Quantiles,
    RowScores,
    Scores,
    Spread,
)
from choirmaster.states.agreement import AgreementPart
from choirmaster.states.base import Part, State
from choirmaster.states.calls import CALLS
from choirmaster.states.confusion import ConfusionPart
from choirmaster.states.errors import ErrorPart
from choirmaster.states.histogram import CategoryPart, NumericPart
from choirmaster.states.intake import CELLS, INTAKE
from choirmaster.states.keys import StateKey
from choirmaster.states.label_sets import LabelSetPart
from choirmaster.states.losses import LossPart
from choirmaster.states.moments import MomentsPart
from choirmaster.states.pack import pack, unpack
from choirmaster.states.quantiles import QuantilePart
from choirmaster.states.rowscore import RowScorePart
from choirmaster.states.scores import ScorePart
from choirmaster.states.spread import SpreadPart
from choirmaster.states.varint import encode_few


def part_id(kind: str, payload: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for one in (kind.encode(), payload):
        digest.update(struct.pack("<Q", len(one)) + one)
    return digest.digest()


def state_bytes(kind: str, head: str, part: bytes, rest: str) -> bytes:
    body = bytes.fromhex(head) + kind.encode() + part + bytes.fromhex(rest)
    return b"CMS1" + body + struct.pack("<I", zlib.crc32(body))


def check(state: State, part: Part, expected: bytes) -> None:
    assert state.to_bytes().hex(" ") == expected.hex(" ")
    assert type(state).from_bytes(expected, part) == state
    assert state.digest() == hashlib.blake2b(expected, digest_size=16).hexdigest()


def test_numeric_histogram() -> None:
    part = NumericPart(np.array([0.0, 1.0, 2.0]), np.array([0, 1, 2, 0, 0, 0, 0]), 1)
    payload = b"numeric" + struct.pack("<i3d7q", 1, 0.0, 1.0, 2.0, 0, 1, 2, 0, 0, 0, 0)
    assert part.id == part_id("histogram/1", payload).hex()
    state = Histogram.zero(part)
    state.update(np.array([0.5, 0.5, 1.0, 2.5, -1.0, np.nan, np.nan, np.inf]))
    # Cells: below 1, bins 2 and 1, above 1, missing 2, not finite 1, clipped 0. Tails at exponent 1: 0.5 above is 2^38
    # units, 1 below is 2^39 units; neither fills a high word.
    expected = state_bytes(
        "histogram/1", "0b 07 02 06", part_id("histogram/1", payload),
        "01 01 01 01 01 01  02 04 02 02 04 02  00 80 80 80 80 80 10  00 80 80 80 80 80 20",
    )  # fmt: skip
    check(state, part, expected)


def test_categories() -> None:
    part = CategoryPart(("a", "\u00e9"), np.array([200, 1, 0, 0]))
    payload = b"categorical" + b"\x01\0\0\0a" + b"\x02\0\0\0\xc3\xa9" + struct.pack("<4q", 200, 1, 0, 0)
    state = Histogram.zero(part)
    state.update(np.array([1] * 150 + [3]))
    check(state, part, state_bytes("histogram/1", "0b 04 00 02", part_id("histogram/1", payload), "02 02  ac 02 02"))


def test_moments() -> None:
    part = MomentsPart(0, 0.5, 0.25)
    state = Moments.zero(part)
    state.update(np.array([1.0, -3.0, 1e6]))
    # Three rows; 1e6 clips x, 9 and 1e12 clip x^2. Sums: -2 is high word -2; 1 is high word 1.
    expected = state_bytes("moments/1", "09 03 02 03", part_id("moments/1", struct.pack("<i2d", 0, 0.5, 0.25)),
                           "01 01 01  06 02 04  03 00 02 00")  # fmt: skip
    check(state, part, expected)


def test_confusion() -> None:
    part = ConfusionPart(("no", "yes"), 1, 0.5)
    payload = b"\x02\0\0\0no\x03\0\0\0yes" + struct.pack("<id", 1, 0.5)
    state = Confusion.zero(part)
    state.update(np.array([0, 1, 1, 3]), np.array([0, 0, 1, 2]))
    # Rows of three answers: cells 0, 3, 4 and the last, 11.
    expected = state_bytes("confusion/1", "0b 0c 00 04", part_id("confusion/1", payload), "01 03 01 07  02 02 02 02")
    check(state, part, expected)
    back = Confusion.zero(part)
    back.update(np.array([0]), np.array([0]))
    less = Confusion.zero(part).subtract(back)  # a count of -1 is written 1
    check(less, part, state_bytes("confusion/1", "0b 0c 00 01", part_id("confusion/1", payload), "01 01"))


def test_confusion_with_a_value() -> None:
    part = ConfusionPart(("a",), value_exponent=2, costs=(1.0,))
    payload = b"\x01\0\0\0a" + struct.pack("<i", -1) + np.float64("nan").tobytes() + b"value" + struct.pack("<i", 2)
    state = Confusion.zero(part)
    state.update(np.array([0, 0, 2, 0]), np.array([0, 0, 1, 1]), np.array([1.0, 2.0, -1.0, 17.0]))
    # 3 x 2 pairs, four times over. Pairs 0 (two rows), 1 and 5; no usable value in 5 (cell 6 + 5 = 11); 17 > 16 clips
    # in 1, as does its square, 289 > 64 (cells 12 + 1 and 18 + 1). Sums: 3 at exponent 2 is 3 x 2^38 in pair 0;
    # 1 + 4 = 5 at exponent 4 is 5 x 2^36 in pair 0 of the squares.
    none = " 00 00" * 5
    expected = state_bytes(
        "confusion/1", "0b 18 0c 06", part_id("confusion/1", payload),
        "01 01 04 06 02 06  04 02 02 02 02 02" + " 00 80 80 80 80 80 30" + none + " 00 80 80 80 80 80 14" + none,
    )  # fmt: skip
    check(state, part, expected)


def test_scores() -> None:
    edges, reference = np.array([0.0, 0.5, 1.1]), np.arange(18).reshape(3, 6)
    part = ScorePart(edges, reference)
    payload = struct.pack("<3d18q", *edges, *range(18))
    state = Scores.zero(part)
    state.update(np.array([0.0, 0.5, np.nan, 1.5]), np.array([0, 1, 2, 2]))
    # Six cells for each label: cell 1 of the first, 2 of the second, 4 and 5 of the third.
    expected = state_bytes("scores/1", "08 12 00 04", part_id("scores/1", payload), "02 07 08 01  02 02 02 02")
    check(state, part, expected)


def test_scores_with_a_value() -> None:
    edges, reference = np.array([0.0, 1.1]), np.zeros((3, 5), np.int64)
    part = ScorePart(edges, reference, 1)
    payload = struct.pack("<2d15q", *edges, *[0] * 15) + b"value" + struct.pack("<i", 1)
    state = Scores.zero(part)
    state.update(np.array([0.5, 0.5, np.nan]), np.array([1, 1, 2]), np.array([2.0, 9.0, -1.0]))
    # Cells 5 + 1 (two positives in the bin) and 10 + 3 (no score). No usable value in the third label (15 + 2), 9 > 8
    # clips in the second (18 + 1). Sum 6: 2 at exponent 1 is one high word.
    expected = state_bytes(
        "scores/1", "08 15 0f 04", part_id("scores/1", payload),
        "07 07 04 02  04 02 02 02" + " 00 00" * 6 + " 02 00" + " 00 00" * 8,
    )  # fmt: skip
    check(state, part, expected)


def test_losses_of_numbers() -> None:
    part = LossPart(True, 2)
    state = Losses.zero(part)
    state.update(np.array([3.0, np.nan]), np.array([1.0, 1.0]))
    # e = 2 at exponent 2: 2^39 units; e^2 = 4 at exponent 4: 2^38; e^4 = 16 at 8: 2^36; y = 1 at 2: 2^38;
    # y^2 = 1 at 4: 2^36.
    expected = state_bytes(
        "losses/1", "08 08 06 02", part_id("losses/1", b"\x01" + struct.pack("<i", 2)),
        "01 01  02 02  00 80 80 80 80 80 20  00 80 80 80 80 80 20  00 80 80 80 80 80 10  00 80 80 80 80 80 04"
        "00 80 80 80 80 80 10  00 80 80 80 80 80 04",
    )  # fmt: skip
    check(state, part, expected)


def test_relative_losses() -> None:
    part = LossPart(True, 2, relative=True, centre=0.5, spread=1)
    state = Losses.zero(part)
    state.update(np.array([3.0, 1.0, -1.0]), np.array([1.0, 0.0, 1.0]))
    payload = b"\x01" + struct.pack("<i", 2) + struct.pack("<di", 0.5, 1)
    assert part.id == part_id("losses/1", payload).hex()
    # Three rows; one label 0, one negative answer, two e^4 of 16 and one of 1 in range. |e / y| is 2 and 2: 2^32 units.
    assert state.counts.tolist() == [3, *[0] * 19, 1, 1]
    assert state.sums[6:10].tolist() == [[0, 2**32], [0, 2**33], [5, 0], [9, 0]]
    assert state.total(10) == pytest.approx(2 * np.log(2) ** 2, abs=2**-34)
    # d = 1/2, -1/2, 1/2; e = 2, 1, -2: e^2 d sums to 7/2, e^2 d^2 to 9/4.
    assert [state.total(k) for k in range(12, 18)] == [0.5, 0.75, 0.125, 0.1875, 3.5, 2.25]
    data = state.to_bytes()
    assert data[4:8] == bytes.fromhex("08 16 12 03")
    assert Losses.from_bytes(data, part) == state


def test_losses_of_classes() -> None:
    part = LossPart(False)
    state = Losses.zero(part)
    state.update(np.array([[1.0], [0.0]]), np.array([1, 1]))
    # The second row is as wrong as can be: 52 ln 2 = 36.04 nats and its square 1299.2; Brier 1 and 1, one high word.
    high, low = int(state.sums[0, 0]), int(state.sums[0, 1])
    assert (high << 40) + low == round(36.04365338911715 * 2**36)
    assert state.sums[2:].tolist() == [[1, 0], [1, 0]]
    assert state.counts.tolist() == [2, 0, 0, 0, 0, 0]
    assert part.id == part_id("losses/1", b"\x00" + struct.pack("<i", 0)).hex()


def test_quantiles() -> None:
    part = QuantilePart(("0.25", "0.75"), 1)
    payload = struct.pack("<i", 1) + b"\x04\0\0\x000.25" + b"\x04\0\0\x000.75"
    state = Quantiles.zero(part)
    state.update(np.array([[0.0, 1.0], [1.0, 0.0], [0.0, np.nan]]), np.array([2.0, np.nan, 0.0]))
    # Row 1: losses 0.5 and 0.75, mean 0.625, score 1.25, width 1. Row 2 has no label, crosses and has width -1.
    # Row 3 lacks a level; its label is not above the lower one, whose loss is 0.
    # Counts: 1 whole and 1 not, ten clipped, 1 row lacks a level, 1 is in order, 1 crosses, by level 1 1 and 1 0, by
    # pair 1 without a label, 1 outside, 0 inside.
    assert state.counts.tolist() == [1, 1, *[0] * 10, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0]
    assert [state.total(k) for k in range(10)] == [0.5, 0.25, 0.75, 0.5625, 0.625, 0.390625, 1.25, 1.5625, 0.0, 2.0]
    data = state.to_bytes()
    assert data[:20] == b"CMS1" + bytes.fromhex("0b 16 0a 0a") + b"quantiles/1" + part_id("quantiles/1", payload)[:1]
    assert part.id == part_id("quantiles/1", payload).hex()
    assert Quantiles.from_bytes(data, part) == state


def test_sets_of_labels() -> None:
    part = LabelSetPart(("a", "b"), (0.5, 0.25))
    payload = b"\x01\0\0\0a" + b"\x01\0\0\0b" + struct.pack("<2d", 0.5, 0.25)
    state = LabelSets.zero(part)
    state.update(
        np.array([[0.5, 0.2], [0.4, 0.3], [np.nan, 0.0], [0.1, 0.1]]), np.array([[1, 0], [1, 1], [0, 0], [2, 2]])
    )
    # One row with none wrong, one with one wrong, one without an answer, one without a label: cells 0, 1, 3, 4.
    expected = state_bytes("label_sets/1", "0c 05 00 04", part_id("label_sets/1", payload), "01 01 02 01  02 02 02 02")
    check(state, part, expected)


def test_intake() -> None:
    assert CELLS.id == part_id("intake/1", b"mistyped").hex()
    assert INTAKE.id == part_id("intake/1", b"repeated,conflicting,future,backwards").hex()
    state = Intake.zero(INTAKE)
    state.update(np.array([0, 1, -1]), np.array([0, 0, -1]), np.array([-1, -1, -1]), np.array([0, 0, 1]))
    # Cells: 3 rows; one id new, one repeated; two without a conflict; no time looked at; two in order, one backwards.
    expected = state_bytes("intake/1", "08 09 00 06", bytes.fromhex(INTAKE.id), "01 01 01 01 04 01  06 02 02 04 04 02")
    check(state, INTAKE, expected)


def test_calls() -> None:
    assert CALLS.id == part_id("calls/1", b"32/37/ok,late,failed,invalid,quarantined,absent").hex()
    state = Calls.zero(CALLS)
    state.update(np.array([0, 0, 1]), np.array([40, 40, -1]), np.array([1, 0, 1]))
    # 2 x 6 + 1,184 + 1 = 1,197 cells: calls ok and late (0, 1), rows ok and late (6, 7), bucket 40 (12 + 40 = 52).
    expected = state_bytes("calls/1", "07 ad 09 00 05", bytes.fromhex(CALLS.id), "01 01 05 01 2d  02 02 04 02 02")
    check(state, CALLS, expected)


def test_errors() -> None:
    part = ErrorPart(("a", "b"), 1, 0, (1, 3), (0.5,))
    payload = b"\2\0\0\0" + b"\1\0\0\0a\1\0\0\0b" + struct.pack("<ii2qd", 1, 0, 1, 3, 0.5)
    assert part.id == part_id("errors/1", payload).hex()
    state = ErrorProducts.zero(part)
    state.update(np.array([[0.5, np.nan], [0.0, 1.0], [np.nan, 0.5], [0.5, 0.5]]), np.array([1.0, 1.0, 1.0, np.nan]))
    # Cells: no label 1, no answer 0; {a} 1 row, {a, b} 1 row, each clipped 0, 0; other sets 1 row, clipped 0, pairs
    # aa 0, ab 0, bb 1. Sums of {a}: -0.5, 0.25, 0.25; of {a, b}: -1, 0, 1, 0, 0, 0.25, then 0.25 squared for the
    # diversity 0.5 - 0.25, and the squares of 0 - 0.25 and 1 - 0.25; of other sets: 0, -0.5, 0, 0, 0.25.
    sums = [-0.5, 0.25, 0.25, -1.0, 0.0, 1.0, 0.0, 0.0, 0.25, 0.0625, 0.0625, 0.5625, 0.0, -0.5, 0.0, 0.0, 0.25]
    words = b"".join(encode_few(*(2 * one if one >= 0 else -2 * one - 1 for one in divmod(int(x * 2**40), 2**40)))
                     for x in sums)  # fmt: skip
    expected = state_bytes(
        "errors/1", "08 0d 11 05", part_id("errors/1", payload), "01 02 03 03 04  02 02 02 02 02" + words.hex()
    )
    check(state, part, expected)


def test_votes() -> None:
    part = AgreementPart(("a", "b"), ("x", "y"), (0.5, float("nan")))
    payload = b"\2\0\0\0\2\0\0\0" + b"".join(b"\1\0\0\0" + one for one in (b"a", b"b", b"x", b"y"))
    payload += struct.pack("<d", 0.5) + np.float64("nan").tobytes()
    assert part.id == part_id("agreement/1", payload).hex()
    state = Agreement.zero(part)
    state.update(np.array([[0, 0], [0, 1], [1, 0], [2, 1], [2, 2]]), np.array([0, 0, 3, 1, 1]))
    # Cells: pair 7 (both right 1, only a 1, apart without label 1), patterns (1,1), (2,1), (2,2) with and without label
    # (1 0, 1 1, 1 0), right of 1: 0 1, right of 2: 0 1 1, silent 1. Sums: 0 + 1 + 1 and its square: high words.
    expected = state_bytes(
        "agreement/1", "0b 13 02 0b", part_id("agreement/1", payload),
        "01 01 05 01 02 01 01 03 02 01 01  02 02 02 02 02 02 02 02 02 02 02  04 00 04 00",
    )  # fmt: skip
    check(state, part, expected)


def test_spread() -> None:
    part = SpreadPart(("a", "b"), 0, 1)
    payload = b"\2\0\0\0" + b"\1\0\0\0a\1\0\0\0b" + struct.pack("<ii", 0, 1)
    state = Spread.zero(part)
    state.update(np.array([[0.0, 4.0], [1.0, np.nan]]))
    # The variance 4 in units of 2^-38 is 2^40, one high word; its square 16 in units of 2^-36 is 2^40 as well.
    expected = state_bytes("spread/1", "08 04 02 02", part_id("spread/1", payload), "01 01  02 02  02 00 02 00")
    check(state, part, expected)


def test_row_scores() -> None:
    part = RowScorePart(("a",), ("b",), ("x",), np.array([1]), np.array([0.5]), np.array([1.0, 0.25]),
                        np.array([2.0, 0.5]), np.array([[1.0], [0.0]]), np.array([0.0, 1.0]), 3)  # fmt: skip
    payload = b"\1\0\0\0\1\0\0\0a" + b"\1\0\0\0\1\0\0\0b" + b"\1\0\0\0\1\0\0\0x"
    payload += struct.pack("<iq", 1, 1) + struct.pack("<id", 1, 0.5) + struct.pack("<i2d", 2, 1.0, 0.25)
    payload += struct.pack("<i2d", 2, 2.0, 0.5) + struct.pack("<i2d", 2, 1.0, 0.0) + struct.pack("<i2d", 2, 0.0, 1.0)
    payload += struct.pack("<i", 3)
    assert part.id == part_id("rowscore/1", payload).hex()
    state = RowScores.zero(part)
    state.update(np.array([[2.0, 9.0], [-3.0, np.nan], [np.inf, 1.0], [np.nan, np.nan], [19.0, 0.5], [1e308, 0.0]]))
    # The error is abs(a - 1) / 2: 0.5, 2, a missing one at the mean 0, none, 9 beyond 2^3, one whose square is beyond
    # every number. Cells: below 0, bin 2, above 2, without an error 1, infinite 1, clipped 1. Sums: 2.5 at exponent 1
    # is 1.25 x 2^40 units; 4.25 at exponent 4 is 4.25 x 2^36.
    assert [state.total(0), state.total(1)] == [2.5, 4.25]
    words = encode_few(2, 2 << 38, 0, 2 * 17 << 34)
    expected = state_bytes(
        "rowscore/1", "0a 06 02 05", part_id("rowscore/1", payload), "02 01 01 01 01  04 04 02 02 02" + words.hex()
    )
    check(state, part, expected)


def test_a_state_without_rows() -> None:
    part = ConfusionPart(("a",))
    head = part_id("confusion/1", b"\x01\0\0\0a" + struct.pack("<i", -1) + np.float64("nan").tobytes())
    check(Confusion.zero(part), part, state_bytes("confusion/1", "0b 06 00 00", head, ""))


def test_pack() -> None:
    part = ConfusionPart(("a",))
    state = Confusion.zero(part)
    state.update(np.array([0]), np.array([0]))
    keys = [StateKey("b|%", "confusion/1"), StateKey("a", "confusion/1"), StateKey("zero", "confusion/1")]
    blob = pack({keys[0]: state, keys[1]: state, keys[2]: Confusion.zero(part)})
    body = state.to_bytes()
    entry = b"".join(
        bytes([len(text), len(body)]) + text + body for text in (b"a|*|||confusion/1", b"b%7C%25|*|||confusion/1")
    )
    assert blob[:4] == b"CMP1"
    assert zlib.decompress(blob[4:]) == entry
    assert unpack(b"CMP1" + zlib.compress(entry), dict.fromkeys(keys, part), BY_KIND) == dict.fromkeys(keys[:2], state)
