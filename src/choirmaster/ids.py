"""Names, hashes and keys. The one place that escapes, hashes and writes identities."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

from choirmaster.errors import ConfigError
from choirmaster.values import RESERVED_SERIES

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
MISSING_SEGMENT = "~"


def check_name(kind: str, name: str, *, where: str = "") -> str:
    """Return a name of an ensemble, member or sink, or say why it is none.

    >>> check_name("member", "boost")
    'boost'
    """
    if not _NAME.fullmatch(name) or len(name) > 100:
        raise ConfigError(f"bad {kind} name", where=where, got=f'"{name[:120]}"',
                          expected="letters, digits and underscores, not starting with a digit")  # fmt: skip
    if name in RESERVED_SERIES:
        raise ConfigError(f"reserved {kind} name", where=where, got=f'"{name}"', expected="any other name")
    return name


def escape(name: str) -> str:
    """Write any text as a column-name part: what is not a letter, digit or underscore becomes ``%XX`` (UTF-8).

    >>> escape("dep delay"), unescape("dep%20delay")
    ('dep%20delay', 'dep delay')
    """
    return "".join(ch if ch in _SAFE else "".join(f"%{b:02X}" for b in ch.encode()) for ch in name)


def unescape(text: str) -> str:
    """Undo :func:`escape`."""
    return unquote(text)


def segment_key(values: Mapping[str, str | None]) -> str:
    """Write a segment as ``carrier=AA&origin=JFK``: keys sorted, percent-escaped, missing is ``~``.

    >>> segment_key({"origin": "JFK", "carrier": None})
    'carrier=~&origin=JFK'
    """
    pairs = []
    for name in sorted(values):
        value = values[name]
        text = MISSING_SEGMENT if value is None else quote(value, safe="").replace("~", "%7E")
        pairs.append(f"{quote(name, safe='')}={text}")
    return "&".join(pairs)


def parse_segment(key: str) -> dict[str, str | None]:
    """Undo :func:`segment_key`.

    >>> parse_segment("carrier=~&origin=JFK")
    {'carrier': None, 'origin': 'JFK'}
    """
    if not key:
        return {}
    pairs = (part.split("=", 1) for part in key.split("&"))
    return {unquote(name): None if text == MISSING_SEGMENT else unquote(text) for name, text in pairs}


def id_hash(identity: str) -> bytes:
    """Return the 128-bit hash under which an id is indexed.

    >>> len(id_hash("a"))
    16
    """
    return hashlib.blake2b(identity.encode(), digest_size=16).digest()


def id_hashes(identities: Iterable[str]) -> list[bytes]:
    """Hash many ids."""
    make = hashlib.blake2b
    return [make(identity.encode(), digest_size=16).digest() for identity in identities]


def content_id(*parts: bytes) -> str:
    """Return a 128-bit content hash of length-prefixed parts, as hex: the id of a reference part, recipe or file.

    >>> content_id(b"a", b"b") != content_id(b"ab")
    True
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
