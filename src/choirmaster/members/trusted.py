"""A member from a pickle or joblib file, which runs code when it is read: only what the operator pinned and flagged."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from choirmaster.errors import MemberError
from choirmaster.members.estimator import EstimatorMember
from choirmaster.members.pinned import need_trust, read_pinned


class JoblibMember(EstimatorMember):
    """One estimator from a joblib or pickle file.

    Nothing tells a harmless file of this kind from a hostile one. It is read only if the operator's configuration says
    ``trusted: true`` and pins its sha256, if it lies in the operator's folder, and if not everyone can write it. The
    bytes that were hashed are the bytes that are read.

    Parameters
    ----------
    name : str
        The member's name.
    path : path
        The file.
    folder : path
        The operator's folder, that of the configuration.
    sha256 : str
        The hash of the file.
    trusted : bool
        That it may run code.
    features : sequence of str, optional
        Feature names in the order of the estimator's columns; taken from the estimator where it knows them.
    """

    def __init__(
        self,
        name: str,
        path: str | Path,
        *,
        folder: str | Path,
        sha256: str | None,
        trusted: bool,
        features: Sequence[str] = (),
        threads: int = 1,
    ) -> None:
        need_trust(Path(path), folder, trusted=trusted, sha256=sha256, what="a pickle")
        data, digest = read_pinned(path, sha256)
        import joblib

        try:
            estimator = joblib.load(io.BytesIO(data))
        except Exception as error:  # it may run anything, so it may raise anything
            what = f"{type(error).__name__}: {error}"
            raise MemberError("cannot load a joblib file", where=str(path), got=what) from error
        super().__init__(name, estimator, digest, where=str(path), features=features, threads=threads)
