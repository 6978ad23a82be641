"""What a model file is, told by its first bytes and never by its name."""

from __future__ import annotations

import re
from enum import StrEnum

from choirmaster.errors import MemberError


class Kind(StrEnum):
    """The formats that are told apart."""

    SKOPS = "skops"
    ONNX = "onnx"
    LIGHTGBM = "lightgbm"
    XGBOOST = "xgboost"
    PICKLE = "pickle"  # joblib's as well, compressed or not: all that can run code when it is read


FORMATS = ("ONNX", "skops", "LightGBM text", "XGBoost JSON or UBJSON", "an MLflow folder")
_STARTS: tuple[tuple[re.Pattern[bytes], Kind], ...] = (
    (re.compile(rb"PK\x03\x04"), Kind.SKOPS),
    (re.compile(rb"tree\r?\n"), Kind.LIGHTGBM),
    (re.compile(rb'\{["LilUI]'), Kind.XGBOOST),  # JSON, or binary JSON with the length of its first key
    (re.compile(rb"\x80[\x02-\x05]"), Kind.PICKLE),
    (re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b|BZh|\xfd7zXZ|\x5d\x00\x00|\x04\x22M\x18"), Kind.PICKLE),
    (re.compile(rb"\x08[\x01-\x7f]"), Kind.ONNX),  # its first field is the version of its format
)


def kind_of(data: bytes, where: str = "") -> Kind:
    r"""Return the format of a model file.

    Raises
    ------
    MemberError
        It is none that is known. Old text pickles have no mark and are none.

    Examples
    --------
    >>> kind_of(b"tree\nversion=v4\n").value, kind_of(b"\x80\x04\x95").value
    ('lightgbm', 'pickle')
    """
    for start, kind in _STARTS:
        if start.match(data):
            return kind
    raise MemberError("cannot read a model file", where=where, expected="a model file", got=_got(data), allowed=FORMATS)


def need_kind(data: bytes, kind: Kind, where: str) -> None:
    """Raise ``MemberError`` for bytes that are no file of this kind; the libraries' own readers trust too much."""
    if kind_of(data, where) is not kind:
        raise MemberError("cannot read a model file", where=where, expected=f"{kind}", got=f"{kind_of(data)}")


def _got(data: bytes) -> str:
    return "an empty file" if not data else f"bytes that start with {data[:8].hex(' ')}"
