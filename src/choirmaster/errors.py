"""Every exception choirmaster raises on purpose.

The tree::

    ChoirmasterError
    |-- ConfigError          configuration file, command line, environment
    |-- SchemaError          which column plays which role
    |-- DataError            rows, files and frames
    |   |-- ShapeMismatch    arrays that do not fit together
    |   `-- NotAProbability  a number that is not in [0, 1], or rows that do not sum to 1
    |-- StateMismatch        states that must not be added
    |-- UnknownName          a name that no registry knows
    |-- MissingExtra         an optional package that is not installed
    |-- RequestError         a request that cannot be understood
    |   `-- TooLarge         a request beyond a stated limit
    |-- NotFound             something asked for that is not there
    |-- AccessError          who asks is not known
    |   `-- Forbidden        who asks is known and may not
    |-- Unavailable          not now: overload, not ready, below quorum
    |   `-- DeadlineExceeded the time for the whole answer ran out
    |-- MemberError          one member failed
    |-- StoreError           the store
    |-- JournalError         the journal
    `-- SinkError            one sink; says whether to try again

Messages follow one template: *what* could not be done, *where*, *expected* against *got*, *allowed* names with the
nearest one, *what to do next*. Lower case, no full stop, no secrets.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import ClassVar

_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/@\s]*@")
_MAX_ALLOWED = 12


def redact(text: str) -> str:
    """Hide the user and password part of every URL in a text.

    >>> redact("cannot reach postgresql://joe:secret@db/x")
    'cannot reach postgresql://***@db/x'
    """
    return _USERINFO.sub(r"\g<scheme>***@", text)


def nearest(got: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that looks most like the one that was typed, or None."""
    matches = difflib.get_close_matches(got, list(allowed), n=1, cutoff=0.6)
    return matches[0] if matches else None


class ChoirmasterError(Exception):
    """Base of all; carries the parts of the message so that machines can read them."""

    code: ClassVar[str] = "error"

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        expected: str = "",
        got: str = "",
        allowed: Iterable[str] = (),
        fix: str = "",
    ) -> None:
        self.what, self.where = redact(what), redact(where)
        self.expected, self.got = redact(expected), redact(got)
        self.allowed, self.fix = tuple(allowed), redact(fix)
        super().__init__(self._text())

    def _text(self) -> str:
        head = f"{self.what}, {self.where}" if self.where else self.what
        parts = [_expectation(self.expected, self.got), _allowed(self.allowed, self.got), self.fix]
        tail = "; ".join(part for part in parts if part)
        return f"{head}: {tail}" if tail else head

    def as_dict(self) -> dict[str, object]:
        """Return the parts that are set, for ``--json`` and HTTP answers."""
        parts = {
            "code": self.code, "what": self.what, "where": self.where, "expected": self.expected,
            "got": self.got, "allowed": list(self.allowed), "fix": self.fix,
        }  # fmt: skip
        return {key: value for key, value in parts.items() if value}


def _expectation(expected: str, got: str) -> str:
    if expected and got:
        return f"expected {expected}, got {got}"
    if expected:
        return f"expected {expected}"
    return f"got {got}" if got else ""


def _allowed(allowed: tuple[str, ...], got: str) -> str:
    if not allowed:
        return ""
    shown = ", ".join(allowed[:_MAX_ALLOWED])
    more = f" and {len(allowed) - _MAX_ALLOWED} more" if len(allowed) > _MAX_ALLOWED else ""
    guess = nearest(got.strip("\"'"), allowed)
    return f"allowed: {shown}{more}" + (f' (did you mean "{guess}"?)' if guess else "")


class ConfigError(ChoirmasterError):
    """Configuration file, command line or environment."""

    code = "config"


class SchemaError(ChoirmasterError):
    """Which column plays which role."""

    code = "schema"


class DataError(ChoirmasterError):
    """Rows, files and frames."""

    code = "data"


class ShapeMismatch(DataError):
    """Arrays that do not fit together."""

    code = "shape"


class NotAProbability(DataError):
    """A number outside [0, 1], or a row that does not sum to 1."""

    code = "probability"


class StateMismatch(ChoirmasterError):
    """States of different kind or reference part."""

    code = "state"


class UnknownName(ChoirmasterError):
    """A name that no registry knows."""

    code = "unknown"


class MissingExtra(ChoirmasterError):
    """An optional package that is not installed."""

    code = "missing_extra"


class RequestError(ChoirmasterError):
    """A request that cannot be understood."""

    code = "request"


class TooLarge(RequestError):
    """A request beyond a stated limit."""

    code = "too_large"


class NotFound(ChoirmasterError):
    """Something asked for that is not there."""

    code = "not_found"


class AccessError(ChoirmasterError):
    """Who asks is not known."""

    code = "access"


class Forbidden(AccessError):
    """Who asks is known and may not."""

    code = "forbidden"


class Unavailable(ChoirmasterError):
    """Not now: overload, not ready, below quorum."""

    code = "unavailable"


class DeadlineExceeded(Unavailable):
    """The time for the whole answer ran out."""

    code = "deadline"


class MemberError(ChoirmasterError):
    """One member failed."""

    code = "member"


class StoreError(ChoirmasterError):
    """The store could not do what was asked."""

    code = "store"


class JournalError(ChoirmasterError):
    """The journal could not make something durable."""

    code = "journal"


class SinkError(ChoirmasterError):
    """One sink could not deliver; ``retryable`` says whether trying again can help."""

    code = "sink"

    def __init__(self, what: str, *, retryable: bool, where: str = "", got: str = "", fix: str = "") -> None:
        super().__init__(what, where=where, got=got, fix=fix)
        self.retryable = retryable


def unknown(kind: str, name: str, known: Iterable[str], *, where: str = "") -> UnknownName:
    """Build the one message for a name that is not in a registry."""
    return UnknownName(f"unknown {kind}", where=where, got=f'"{name}"', allowed=sorted(known))


def missing_extra(package: str, extra: str, *, purpose: str) -> MissingExtra:
    """Build the one message for an optional package that is not installed."""
    return MissingExtra(
        f"{purpose} needs the package {package}", fix=f'install it with: pip install "choirmaster[{extra}]"'
    )


# Top-level module -> (package, extra). What is not here is no optional package of ours.
EXTRA_OF = {
    "starlette": ("starlette", "serve"), "uvicorn": ("uvicorn", "serve"), "httpx": ("httpx", "serve"),
    "prometheus_client": ("prometheus-client", "serve"), "apprise": ("apprise", "serve"),
    "sqlalchemy": ("sqlalchemy", "store"), "alembic": ("alembic", "store"), "deltalake": ("deltalake", "store"),
    "duckdb": ("duckdb", "store"), "sklearn": ("scikit-learn", "train"), "skops": ("skops", "train"),
    "threadpoolctl": ("threadpoolctl", "train"), "onnxruntime": ("onnxruntime", "onnx"),
    "skl2onnx": ("skl2onnx", "onnx"), "onnx": ("onnx", "onnx"), "lightgbm": ("lightgbm", "boost"),
    "xgboost": ("xgboost-cpu", "boost"), "pyspark": ("pyspark", "spark"),
}  # fmt: skip


def extra_for(error: ModuleNotFoundError) -> MissingExtra | None:
    """Return the error that names the extra to install, or None where the module is none of ours.

    >>> str(extra_for(ModuleNotFoundError("x", name="sklearn.base")))
    'this needs the package scikit-learn: install it with: pip install "choirmaster[train]"'
    """
    known = EXTRA_OF.get((error.name or "").partition(".")[0])
    return None if known is None else missing_extra(known[0], known[1], purpose="this")
