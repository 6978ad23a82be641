"""A reference and the states of many windows in one file (docs/formats/states.md): what a profile is saved as."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from choirmaster.errors import StateMismatch
from choirmaster.states.base import State
from choirmaster.states.intake import INTAKE
from choirmaster.states.keys import ENSEMBLE, StateKey
from choirmaster.states.pack import States, pack, unpack
from choirmaster.states.reference import Reference, from_bytes, to_bytes
from choirmaster.times import Window

_MAGIC = b"CMB1"
Slot = tuple[Window, str]  # window and segment


@dataclass(frozen=True)
class Bundle:
    """States by window and segment, and the reference that fixes what they count.

    Attributes
    ----------
    reference : Reference
    states : mapping of (Window, segment) to states
    meta : mapping
        Plain data about where they come from.
    """

    reference: Reference
    states: Mapping[Slot, States]
    meta: Mapping[str, Any]


def write(bundle: Bundle) -> bytes:
    """Write a bundle; equal content gives equal bytes."""
    reference = to_bytes(bundle.reference)
    packs = [(window, segment, pack(states)) for (window, segment), states in sorted(bundle.states.items())]
    entries = [[window.start, window.end, segment, len(body)] for window, segment, body in packs]
    head = {"format": 1, "meta": dict(bundle.meta), "reference": len(reference), "entries": entries}
    text = json.dumps(head, sort_keys=True).encode()
    body = len(text).to_bytes(8, "little") + text + reference + b"".join(one for *_, one in packs)
    return _MAGIC + body + zlib.crc32(body).to_bytes(4, "little")


def read(data: bytes, registry: Mapping[str, type[State]]) -> Bundle:
    """Read a bundle back."""
    body = memoryview(data)[4:-4]
    if data[:4] != _MAGIC or zlib.crc32(body).to_bytes(4, "little") != data[-4:]:
        raise StateMismatch("these bytes are no intact profile", expected="magic CMB1 and a matching checksum",
                            fix="save it again with Profile.save")  # fmt: skip
    size = int.from_bytes(body[:8], "little")
    head = json.loads(bytes(body[8 : 8 + size]))
    at = 8 + size
    reference = from_bytes(bytes(body[at : at + head["reference"]]), registry)
    at += head["reference"]
    parts = {**reference.parts, StateKey(ENSEMBLE, "intake/1"): INTAKE}  # which no reference fixes
    states: dict[Slot, States] = {}
    for start, end, segment, length in head["entries"]:
        states[Window(start, end), segment] = unpack(bytes(body[at : at + length]), parts, registry)
        at += length
    return Bundle(reference, states, head["meta"])
