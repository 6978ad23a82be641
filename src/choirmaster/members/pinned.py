"""Read a model file once, and be sure that it is the file that was meant."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from choirmaster.errors import ConfigError, MemberError

VERSION_LENGTH = 12
"""A member's version is this many hexadecimal digits of its file's sha256."""
MOST_BYTES = 2**31
"""No model file is larger: one ONNX message ends there as well."""


def read_pinned(path: str | Path, sha256: str | None = None) -> tuple[bytes, str]:
    """Return a file's bytes and their sha256; the hash is taken of the very bytes that are returned.

    Raises
    ------
    MemberError
        The file cannot be read, is no regular file, is larger than 2 GiB, or its sha256 is not the pinned one.
    """
    path = Path(path)
    try:
        data = _regular(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise MemberError("cannot read a model file", where=str(path), got=why) from None
    digest = hashlib.sha256(data).hexdigest()
    check_pin(digest, sha256, str(path))
    return data, digest


def _regular(path: Path) -> bytes:
    # A pipe or a device would block or never end: what is opened is looked at before it is read.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise MemberError("cannot read a model file", where=str(path), expected="a regular file")
        if facts.st_size > MOST_BYTES:
            raise MemberError("a model file is too large", where=str(path), expected=f"at most {MOST_BYTES} bytes",
                              got=str(facts.st_size))  # fmt: skip
        return file.read()


def check_pin(digest: str, sha256: str | None, where: str) -> None:
    """Raise ``MemberError`` where a hash is not the pinned one."""
    if sha256 is not None and digest != sha256.lower():
        raise MemberError(
            "a model file is not the one that was pinned", where=where, expected=f"sha256 {sha256.lower()}",
            got=f"sha256 {digest}", fix="restore the file, or pin the new sha256 if the change was meant",
        )  # fmt: skip


def contained(folder: str | Path, name: str) -> Path:
    """Return the path of a file that a model folder names, which must lie inside it whatever the links on the way.

    Raises
    ------
    MemberError
        The name is absolute, holds a NUL or a backslash, or leads out of the folder.
    """
    home = Path(folder).resolve()
    if name and "\0" not in name and "\\" not in name and not Path(name).is_absolute():
        found = (home / name).resolve()
        if found != home and found.is_relative_to(home):
            return found
    raise MemberError("a model folder names a file outside itself", where=str(folder), got=f'"{name[:200]}"',
                      expected="a relative path inside the folder")  # fmt: skip


def need_trust(path: Path, folder: str | Path, *, trusted: bool, sha256: str | None, what: str) -> None:
    """Raise unless the operator said that this very file may run code, and nobody else can have put it there.

    It must be flagged, pinned, lie in the operator's folder once links are followed, and not be writable by everyone.
    """
    if not (trusted and sha256):
        raise ConfigError("a file that can run code is not loaded", where=str(path), got=what,
                          fix="save it as ONNX or skops, or pin it with sha256 and say trusted: true")  # fmt: skip
    real = path.resolve()
    if not real.is_relative_to(Path(folder).resolve()):
        raise ConfigError("a file that can run code lies outside the operator's folder", where=str(path),
                          expected=f"below {folder}", got=str(real))  # fmt: skip
    for place in (real, real.parent):
        if place.stat().st_mode & stat.S_IWOTH:
            raise ConfigError("a file that can run code may be written by everyone", where=str(place),
                              fix=f"chmod o-w {place}")  # fmt: skip


def need_features(features: tuple[str, ...], where: str) -> tuple[str, ...]:
    """Return the feature names, or say that they must be declared."""
    if not features:
        raise ConfigError("a model file does not say which features it takes", where=where,
                          expected="features, in the order of the model's columns")  # fmt: skip
    return features


def class_names(declared: Sequence[str], count: int, where: str) -> tuple[str, ...]:
    """Return the class of each column of a file that numbers its classes: the declared names, else 0, 1, 2 ...

    >>> class_names((), 3, "m")
    ('0', '1', '2')
    """
    if declared and len(declared) != count:
        raise ConfigError("a model has another number of classes", where=where, expected=f"{count} classes",
                          got=", ".join(declared))  # fmt: skip
    return tuple(declared) or tuple(str(place) for place in range(count))
