"""A member that is a Python function, named by its import path."""

from __future__ import annotations

import hashlib
import importlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.errors import ConfigError, MemberError
from choirmaster.members.columns import answer, column
from choirmaster.members.pinned import VERSION_LENGTH


class CallableMember:
    """One function ``features (pyarrow.Table) -> array``: (n, n_classes) probabilities, or (n,) numbers.

    Parameters
    ----------
    name : str
        The member's name.
    target : str or callable
        ``package.module:function``, or the function itself.
    classes : sequence of str or None
        Class names in the order of the answer's columns; None for a regressor.
    features : sequence of str
        The features it takes.
    version : str, optional
        By default the start of the sha256 of the source file that defines it.
    """

    def __init__(
        self,
        name: str,
        target: str | Callable[[pa.Table], Any],
        *,
        classes: Sequence[str] | None,
        features: Sequence[str],
        version: str = "",
    ) -> None:
        self.name = name
        self.classes = None if classes is None else tuple(classes)
        self.features = tuple(features)
        self._function = imported(target) if isinstance(target, str) else target
        self.version = version or _source_version(self._function)

    def predict(self, features: pa.Table) -> np.ndarray:
        """Answer for each row; whatever the function raises becomes a ``MemberError``."""
        for name in self.features:
            column(features, name, self.name)
        try:
            raw = self._function(features.select(list(self.features)))
        except Exception as error:  # the function may raise anything; one bad member never stops the rest
            raise MemberError("a member failed", where=f'member "{self.name}"', got=f"{error}") from error
        return answer(raw, features.num_rows, self.classes, self.name)


def imported(path: str) -> Callable[[pa.Table], Any]:
    """Return the function behind ``package.module:function``.

    >>> imported("math:sqrt")(9.0)
    3.0
    """
    module, _, attribute = path.partition(":")
    if not module or not attribute:
        raise ConfigError("cannot import a member", where=path, expected='"package.module:function"', got=f'"{path}"')
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError("cannot import a member", where=path, got=str(error)) from None
    if not callable(found):
        raise ConfigError("cannot call a member", where=path, expected="a function", got=type(found).__name__)
    told: Callable[[pa.Table], Any] = found
    return told


def _source_version(function: Callable[..., Any]) -> str:
    try:
        source = Path(inspect.getfile(function)).read_bytes()
    except (TypeError, OSError):
        source = repr(getattr(function, "__qualname__", type(function).__qualname__)).encode()
    return hashlib.sha256(source).hexdigest()[:VERSION_LENGTH]
