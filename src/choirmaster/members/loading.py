"""From what the configuration says of a local member to the member; the same here and in a child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from choirmaster.errors import MemberError
from choirmaster.members.content import Kind, kind_of
from choirmaster.members.pinned import read_pinned
from choirmaster.ports import Member


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a local member comes from, in plain values that can be sent to another process.

    Attributes
    ----------
    name : str
        The member's name.
    target : str
        ``package.module:function``, or '' for a file.
    file : str
        A model file or MLflow folder.
    folder : str
        The operator's folder, in which files that can run code must lie.
    sha256 : str or None
        The pin.
    trusted : bool
        That a pinned file may run code.
    trusted_types : tuple of str
        Types a skops file may hold beside those skops trusts.
    classes, features : tuple of str
        As declared for this member; empty where the file says so itself.
    known : tuple of str
        Every feature of the ensemble, for a function that declares none.
    """

    name: str
    target: str = ""
    file: str = ""
    folder: str = ""
    sha256: str | None = None
    trusted: bool = False
    trusted_types: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


def load(source: Source, *, cautious: bool = True) -> Member:
    """Load a local member: by import path, from a file told by its content, or from an MLflow folder.

    Damaged files can end the process in the readers of LightGBM and XGBoost. With ``cautious`` a file of theirs that is
    not pinned is read in a process of its own first.

    Raises
    ------
    ConfigError, MemberError, MissingExtra
        What is wrong, where, and what would be right.
    """
    if source.target:
        from choirmaster.members.callable import CallableMember

        return CallableMember(
            source.name, source.target, classes=source.classes or None, features=source.features or source.known
        )
    path = Path(source.file)
    return _folder(source, path, cautious) if path.is_dir() else _file(source, path, cautious)


def _folder(source: Source, path: Path, cautious: bool) -> Member:
    from choirmaster.members.mlflow import PyfuncMember, read_folder

    found = read_folder(path)
    features = source.features or found.features
    if found.file is not None:
        return _file(msgspec.structs.replace(source, features=features), found.file, cautious)
    return PyfuncMember(
        source.name, path, folder=source.folder, sha256=source.sha256, trusted=source.trusted,
        classes=source.classes or None, features=features,
    )  # fmt: skip


def _file(source: Source, path: Path, cautious: bool) -> Member:
    data, digest = read_pinned(path, source.sha256)
    kind = kind_of(data, str(path))
    del data
    if cautious and source.sha256 is None and kind in (Kind.LIGHTGBM, Kind.XGBOOST):
        from choirmaster.members.isolated import try_apart

        try_apart(msgspec.structs.replace(source, file=str(path), sha256=digest))
    how: dict[str, Any] = {"sha256": digest, "features": source.features}  # the same bytes again, or a refusal
    match kind:
        case Kind.SKOPS:
            from choirmaster.members.local_skops import SkopsMember

            return SkopsMember(source.name, path, trusted=source.trusted_types, **how)
        case Kind.ONNX:
            from choirmaster.members.onnx import OnnxMember

            return OnnxMember(source.name, path, classes=source.classes or None, **how)
        case Kind.LIGHTGBM:
            from choirmaster.members.lightgbm import LightgbmMember

            return LightgbmMember(source.name, path, classes=source.classes, **how)
        case Kind.XGBOOST:
            from choirmaster.members.xgboost import XgboostMember

            return XgboostMember(source.name, path, classes=source.classes, **how)
        case Kind.PICKLE:
            from choirmaster.members.trusted import JoblibMember

            how["sha256"] = source.sha256  # a pin that the operator wrote, not the one that was just found
            return JoblibMember(source.name, path, folder=source.folder, trusted=source.trusted, **how)
    raise MemberError("cannot load a model file", where=str(path), got=str(kind))
