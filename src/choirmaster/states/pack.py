"""All states of one window and segment in one compressed blob (docs/formats/states.md)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping

from choirmaster.errors import StateMismatch
from choirmaster.states.base import Part, State
from choirmaster.states.keys import StateKey, parse_key
from choirmaster.states.varint import decode_few, encode_few
from choirmaster.states.versions import ALL_VERSIONS, ONLY, compact, expand, whole

_MAGIC = b"CMP1"
_LEVEL = 1  # the payload is already sparse varints; higher levels save under 5 % for three times the time

States = dict[StateKey, State]
Parts = Mapping[StateKey, Part]


Entry = tuple[str, bytes]


def pack(states: Mapping[StateKey, State]) -> bytes:
    """Write states in key order; empty ones are left out, so bytes follow what was measured."""
    return _joined(_entries(states))


def unpack(blob: bytes, parts: Parts, registry: Mapping[str, type[State]], *, versions: bool = True) -> States:
    """Read states back. A state whose part is no longer wanted is left out, and without ``versions`` those of one."""
    return _states(_split(blob), parts, registry, versions=versions)


def add_to(blob: bytes, delta: States, parts: Parts, registry: Mapping[str, type[State]]) -> bytes:
    """Return ``pack(merge_states(unpack(blob), delta))``; entries of series not in ``delta`` are copied unread."""
    touched = {key.series for key in delta}
    ours: list[tuple[StateKey, bytes]] = []
    kept: list[Entry] = []
    held, there = {key.series for key in parts}, set(parts)
    for key, body in _split(blob):
        if key.series in touched:
            ours.append((key, body))
        elif whole(key) in there or (key.kind == ONLY and key.series in held):
            kept.append((key.text, body))
    return _joined([*kept, *_entries(merge_states(_states(ours, parts, registry), delta))])


def _entries(states: Mapping[StateKey, State]) -> list[Entry]:
    stored, only = compact(dict(states))
    kept = [(key.text, state.to_bytes()) for key, state in stored.items() if not state.empty]
    return [*kept, *((key.text, b"") for key in only)]


def _joined(entries: list[Entry]) -> bytes:
    out = bytearray()
    for text, body in sorted(entries):
        name = text.encode()
        out += encode_few(len(name), len(body)) + name + body
    return _MAGIC + zlib.compress(bytes(out), _LEVEL)


def _split(blob: bytes) -> Iterator[tuple[StateKey, bytes]]:
    if blob[:4] != _MAGIC:
        raise StateMismatch("these bytes are no pack of states", expected="magic CMP1")
    data = memoryview(zlib.decompress(blob[4:]))
    at = 0
    while at < len(data):
        (name_size, body_size), used = decode_few(data[at : at + 20], 2)
        at += used
        body = at + name_size
        yield parse_key(bytes(data[at:body]).decode()), bytes(data[body : body + body_size])
        at = body + body_size


def _states(
    entries: Iterable[tuple[StateKey, bytes]], parts: Parts, registry: Mapping[str, type[State]], *,
    versions: bool = True,
) -> States:  # fmt: skip
    out: States = {}
    only: list[StateKey] = []
    for key, body in entries:
        if key.kind == ONLY:
            only.append(key)
        elif whole(key) in parts and (versions or key.version == ALL_VERSIONS):
            out[key] = registry[key.kind].from_bytes(body, parts[whole(key)])
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
