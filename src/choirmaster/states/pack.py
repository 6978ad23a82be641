"""All states of one window and segment in one compressed blob (docs/formats/states.md)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from choirmaster.errors import StateMismatch
from choirmaster.states.base import Part, State
from choirmaster.states.keys import StateKey, parse_key
from choirmaster.states.varint import decode_few, encode_few
from choirmaster.states.versions import ALL_VERSIONS, ONLY, compact, expand, whole

_MAGIC = b"CMP1"
_LEVEL = 1  # the payload is already sparse varints; higher levels save under 5 % for three times the time

States = dict[StateKey, State]
Parts = Mapping[StateKey, Part]


def pack(states: Mapping[StateKey, State]) -> bytes:
    """Write states in key order; empty ones are left out, so bytes follow what was measured."""
    out = bytearray()
    stored, only = compact(dict(states))
    kept = [(key.text, state.to_bytes()) for key, state in stored.items() if not state.empty]
    kept = sorted([*kept, *((key.text, b"") for key in only)])
    for text, body in kept:
        name = text.encode()
        out += encode_few(len(name), len(body)) + name + body
    return _MAGIC + zlib.compress(bytes(out), _LEVEL)


def unpack(blob: bytes, parts: Parts, registry: Mapping[str, type[State]], *, versions: bool = True) -> States:
    """Read states back. A state whose part is no longer wanted is left out, and without ``versions`` those of one."""
    if blob[:4] != _MAGIC:
        raise StateMismatch("these bytes are no pack of states", expected="magic CMP1")
    data = memoryview(zlib.decompress(blob[4:]))
    out: States = {}
    only: list[StateKey] = []
    at = 0
    while at < len(data):
        (name_size, body_size), used = decode_few(data[at : at + 20], 2)
        at += used
        key = parse_key(bytes(data[at : at + name_size]).decode())
        at += name_size
        if key.kind == ONLY:
            only.append(key)
        elif whole(key) in parts and (versions or key.version == ALL_VERSIONS):
            out[key] = registry[key.kind].from_bytes(bytes(data[at : at + body_size]), parts[whole(key)])
        at += body_size
    return expand(out, only) if versions else out


def merge_states(one: States, two: States) -> States:
    """Add two sets of states key by key."""
    out = dict(one)
    for key, state in two.items():
        out[key] = out[key].merge(state) if key in out else state
    return out


def subtract_states(one: States, two: States) -> States:
    """Take the second set out of the first, key by key."""
    out = dict(one)
    for key, state in two.items():
        out[key] = out.get(key, type(state).zero(state.part)).subtract(state)
    return out
