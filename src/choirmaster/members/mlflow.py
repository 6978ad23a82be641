"""MLflow model folders: what they say, read without MLflow; and the pyfunc, by MLflow, where nothing else is in one."""

from __future__ import annotations

import hashlib
import importlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from choirmaster.config.yaml_text import load
from choirmaster.errors import ConfigError, MemberError, MissingExtra
from choirmaster.members.columns import answer, column
from choirmaster.members.pinned import VERSION_LENGTH, check_pin, contained, need_features, need_trust, read_pinned

DESCRIPTION = "MLmodel"
NATIVE = {"onnx": "data", "sklearn": "pickled_model", "lightgbm": "data", "xgboost": "data"}
"""Flavours whose file is read without MLflow, and the key that names it."""
_MOST_TEXT = 2**20


@dataclass(frozen=True, slots=True)
class Folder:
    """What an MLflow folder says.

    Attributes
    ----------
    flavour : str
        One of ``NATIVE``, else ``pyfunc``.
    file : Path or None
        The model file of a native flavour, inside the folder.
    features : tuple of str
        Column names of the signature, in order; empty where it has none.
    """

    flavour: str
    file: Path | None
    features: tuple[str, ...]


def read_folder(path: str | Path) -> Folder:
    """Read the description of an MLflow model folder; nothing of it is run.

    Raises
    ------
    MemberError, ConfigError
        There is no such folder or description, it cannot be read, it names no flavour that can be served, or it names a
        file outside itself.
    """
    path = Path(path)
    said = _description(path / DESCRIPTION)
    flavours = said.get("flavors")
    if not isinstance(flavours, Mapping):
        raise MemberError("cannot read an MLflow folder", where=f"{path / DESCRIPTION}", expected="flavors")
    features = _signature(said, path)
    for flavour, key in NATIVE.items():
        one = flavours.get(flavour)
        if isinstance(one, Mapping):
            name = one.get(key) or one.get("data") or one.get("model_path")
            return Folder(flavour, contained(path, name if isinstance(name, str) else ""), features)
    if "python_function" in flavours:
        return Folder("pyfunc", None, features)
    raise MemberError("an MLflow folder holds no flavour that is served", where=str(path), allowed=(*NATIVE, "pyfunc"),
                      got=", ".join(str(one) for one in flavours))  # fmt: skip


def _description(path: Path) -> Mapping[str, Any]:
    data, _ = read_pinned(path)
    if len(data) > _MOST_TEXT:
        raise MemberError("cannot read an MLflow folder", where=str(path), expected=f"at most {_MOST_TEXT} bytes",
                          got=str(len(data)))  # fmt: skip
    said = load(data.decode("utf-8", "replace"), name=str(path)).data
    if not isinstance(said, Mapping):
        raise MemberError("cannot read an MLflow folder", where=str(path), expected="a mapping")
    return said


def _signature(said: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    signature = said.get("signature")
    inputs = signature.get("inputs") if isinstance(signature, Mapping) else None
    if not isinstance(inputs, str):
        return ()
    try:
        columns = msgspec.json.decode(inputs)
    except msgspec.DecodeError as error:
        raise MemberError("cannot read an MLflow signature", where=str(path), got=str(error)) from None
    listed = columns if isinstance(columns, list) else []
    names = [one.get("name") if isinstance(one, dict) else None for one in listed]
    return tuple(str(name) for name in names) if all(isinstance(name, str) for name in names) else ()


class PyfuncMember:
    """A model that only MLflow can load, which runs code: for folders that the operator flagged and pinned.

    The pin is the hash of the folder (``folder_sha256``). What was hashed is copied to a private folder, and MLflow
    reads that copy.

    Parameters
    ----------
    name : str
        The member's name.
    path, folder : path
        The model's folder, and the operator's in which it must lie.
    sha256 : str or None
        The pin.
    trusted : bool
        That it may run code.
    classes : sequence of str or None
        Class names in the order of the answer's columns; None for a regressor.
    features : sequence of str
        The columns it takes.
    """

    def __init__(
        self,
        name: str,
        path: str | Path,
        *,
        folder: str | Path,
        sha256: str | None,
        trusted: bool,
        classes: Sequence[str] | None,
        features: Sequence[str],
    ) -> None:
        path = Path(path)
        need_trust(path, folder, trusted=trusted, sha256=sha256, what="an MLflow pyfunc")
        self.name, self.classes = name, None if classes is None else tuple(classes)
        self.features = need_features(tuple(features), str(path))
        self._copy = tempfile.TemporaryDirectory(prefix="choirmaster-pyfunc-")
        try:
            digest = folder_sha256(path, copy=Path(self._copy.name))
            check_pin(digest, sha256, str(path))
            self._model = _loaded(self._copy.name, str(path))
        except BaseException:
            self.close()
            raise
        self.version = digest[:VERSION_LENGTH]

    def predict(self, features: pa.Table) -> np.ndarray:
        """Answer for each row: (n, n_classes) probabilities, or (n,) numbers."""
        for name in self.features:
            column(features, name, self.name)
        try:
            raw = self._model.predict(features.select(list(self.features)).to_pandas())
        except Exception as error:  # the function may raise anything; one bad member never stops the rest
            raise MemberError("a model failed", where=f'member "{self.name}"', got=f"{error}") from error
        return answer(raw, features.num_rows, self.classes, self.name)

    def close(self) -> None:
        """Remove the private copy."""
        self._copy.cleanup()


def _loaded(folder: str, where: str) -> Any:
    try:
        pyfunc = importlib.import_module("mlflow.pyfunc")
    except ImportError:
        raise MissingExtra("an MLflow pyfunc needs the package mlflow", where=where, fix="pip install mlflow") from None
    try:
        return pyfunc.load_model(folder)
    except Exception as error:  # it may run anything, so it may raise anything
        what = f"{type(error).__name__}: {error}"
        raise MemberError("cannot load an MLflow pyfunc", where=where, got=what) from error


def folder_sha256(path: str | Path, *, copy: Path | None = None) -> str:
    r"""Return the hash of a folder: sha256 over the sorted lines ``<sha256 of the file>  <path>`` of its files.

    With ``copy`` the very bytes that were hashed are written there. Links are refused. It is what this prints::

        find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum
    """
    total = hashlib.sha256()
    path = Path(path)
    for name in sorted(_files(path), key=os.fsencode):
        data, digest = read_pinned(path / name)
        total.update(f"{digest}  {name}\n".encode())
        if copy is not None:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(data)
    return total.hexdigest()


def _files(path: Path) -> Iterator[str]:
    for place, folders, files in os.walk(path):
        for name in (*folders, *files):
            if (Path(place) / name).is_symlink():
                raise ConfigError("a model folder that is pinned holds a link", where=str(Path(place) / name))
        yield from ((Path(place) / name).relative_to(path).as_posix() for name in files)
