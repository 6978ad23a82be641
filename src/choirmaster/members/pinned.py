"""Read a model file once, and be sure that it is the file that was meant."""

from __future__ import annotations

import hashlib
from pathlib import Path

from choirmaster.errors import ConfigError, MemberError

VERSION_LENGTH = 12
"""A member's version is this many hexadecimal digits of its file's sha256."""


def read_pinned(path: str | Path, sha256: str | None = None) -> tuple[bytes, str]:
    """Return a file's bytes and their sha256; the hash is taken of the very bytes that are returned.

    Raises
    ------
    MemberError
        The file cannot be read, or its sha256 is not the pinned one.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MemberError("cannot read a model file", where=str(path), got=error.strerror or str(error)) from None
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None and digest != sha256.lower():
        raise MemberError(
            "a model file is not the one that was pinned", where=str(path), expected=f"sha256 {sha256.lower()}",
            got=f"sha256 {digest}", fix="restore the file, or pin the new sha256 if the change was meant",
        )  # fmt: skip
    return data, digest


def need_features(features: tuple[str, ...], where: str) -> tuple[str, ...]:
    """Return the feature names, or say that they must be declared."""
    if not features:
        raise ConfigError("a model file does not say which features it takes", where=where,
                          expected="features, in the order of the model's columns")  # fmt: skip
    return features
