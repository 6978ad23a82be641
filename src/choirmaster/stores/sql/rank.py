"""The order of label events of one id (D5), written as bytes that sort the same way everywhere."""

from __future__ import annotations


def label_rank(revision: int, known_at: int, source: str, value: str | None) -> bytes:
    r"""Return bytes that compare as (revision, known_at, source, value bytes); a withdrawn label sorts first.

    >>> label_rank(0, 5, "", "late") < label_rank(1, 0, "", None)
    True
    >>> label_rank(0, 5, "a", None) < label_rank(0, 5, "a", "") < label_rank(0, 5, "b", "")
    True
    """
    tail = b"\x00" if value is None else b"\x01" + value.encode()
    # A zero byte ends the source; one inside it is followed by 0xff so that shorter sources still sort first.
    body = source.encode().replace(b"\x00", b"\x00\xff") + b"\x00\x00"
    return _ordered(revision) + _ordered(known_at) + body + tail


def _ordered(number: int) -> bytes:
    return (number + (1 << 63)).to_bytes(8, "big")
