"""A member from a skops file: no code in the file, types by allow-list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skops.io import get_untrusted_types, loads

from choirmaster.errors import MemberError
from choirmaster.members.content import Kind, need_kind
from choirmaster.members.estimator import EstimatorMember
from choirmaster.members.pinned import read_pinned


class SkopsMember(EstimatorMember):
    """One estimator from a skops file.

    Parameters
    ----------
    name : str
        The member's name.
    path : path
        The file; told by its content, never by its ending.
    sha256 : str, optional
        Refuse the file if its hash is another.
    trusted : sequence of str
        Types, by their full name, that the file may hold beside those skops trusts. They come from the operator's
        configuration, never from the file.
    features : sequence of str, optional
        Feature names in the order of the estimator's columns; taken from the estimator where it knows them.
    threads : int
        Threads of the linear algebra and OpenMP libraries inside one call; set once per calling thread.
    """

    def __init__(
        self,
        name: str,
        path: str | Path,
        *,
        sha256: str | None = None,
        trusted: Sequence[str] = (),
        features: Sequence[str] = (),
        threads: int = 1,
    ) -> None:
        data, digest = read_pinned(path, sha256)
        estimator = load_estimator(data, trusted, str(path))
        super().__init__(name, estimator, digest, where=str(path), features=features, threads=threads)


def load_estimator(data: bytes, trusted: Sequence[str], where: str) -> Any:
    """Return the estimator in the bytes of a skops file, or say which types must be trusted first."""
    need_kind(data, Kind.SKOPS, where)
    try:
        unknown = sorted(set(get_untrusted_types(data=data)) - set(trusted))
        if unknown:
            raise MemberError(
                "a model file holds types that nobody trusts", where=where, expected=f"among {sorted(trusted)}",
                got=", ".join(unknown),
                fix="look at them, and add those that are meant to the member's `trusted_types`",
            )  # fmt: skip
        return loads(data, trusted=list(trusted))
    except MemberError:
        raise
    except Exception as error:  # a damaged archive may fail anywhere
        raise MemberError("cannot load a skops file", where=where, got=f"{type(error).__name__}: {error}") from None
