"""Values of the configuration that are more than their text: durations, secrets, addresses, class names, counts."""

from __future__ import annotations

import re
from typing import Any

from choirmaster.errors import ConfigError, redact
from choirmaster.times import SECOND, format_duration, parse_duration, parse_grain

_WINDOWS = re.compile(r"\s*(\d+)\s*(?:windows?)?\s*")
_MASK = "***"
AUTO = "auto"


class Duration(int):
    """A span of time in microseconds, written as ``80ms``, ``5m`` or ``90d``.

    >>> Duration.read("80ms").seconds, str(Duration.read("120m"))
    (0.08, '2h')
    """

    @classmethod
    def read(cls, value: Any, where: str = "") -> Duration:
        """Read a text with a unit; a bare number is refused, because its unit would be a guess."""
        if not isinstance(value, str):
            raise ConfigError("cannot read a duration", where=where, expected='a duration such as "1h"',
                              got=_shown(value), fix="write the unit: us, ms, s, m, h, d, w or y")  # fmt: skip
        return cls(parse_duration(value, where=where))

    @property
    def seconds(self) -> float:
        """The span in seconds."""
        return int(self) / SECOND

    def __str__(self) -> str:
        return format_duration(int(self))

    def __repr__(self) -> str:
        return f"Duration({str(self)!r})"


class WindowLength(str):
    """A window length such as ``1h`` or ``1d``, which ``times.parse_grain`` turns into a grain; or ``auto``.

    >>> WindowLength.read("1d"), WindowLength.read("auto").chosen
    ('1d', True)
    """

    __slots__ = ()

    @classmethod
    def read(cls, value: Any, where: str = "") -> WindowLength:
        """Read a window length, or say what one looks like."""
        if not isinstance(value, str):
            raise ConfigError("cannot read a window length", where=where, expected='a length such as "1d", or "auto"',
                              got=_shown(value))  # fmt: skip
        return cls(AUTO if value.strip() == AUTO else str(parse_grain(value, where=where)))

    @property
    def chosen(self) -> bool:
        """Whether the length is chosen by the traffic."""
        return self == AUTO


class Windows(int):
    """A number of windows in a row, written as ``2 windows`` or ``2``.

    >>> Windows.read("2 windows")
    2
    """

    @classmethod
    def read(cls, value: Any, where: str = "") -> Windows:
        """Read how many windows."""
        match = _WINDOWS.fullmatch(str(value)) if isinstance(value, int | str) and not isinstance(value, bool) else None
        if match is None or int(match[1]) < 1:
            raise ConfigError("cannot read a number of windows", where=where, expected='"2 windows"', got=_shown(value))
        return cls(int(match[1]))


class ClassName(str):
    """The name of a class; ``1``, ``1.0`` and ``"1"`` are the same class.

    >>> ClassName.read(1.0), ClassName.read(True)
    ('1', 'true')
    """

    __slots__ = ()

    @classmethod
    def read(cls, value: Any, where: str = "") -> ClassName:
        """Read a class name from any plain value."""
        from choirmaster.schema import class_text

        if not isinstance(value, str | int | float) or value == "":
            raise ConfigError("cannot read a class name", where=where, expected="a text or a number", got=_shown(value))
        return cls(class_text(value))


class Secret:
    """A text that no message, log or report shows.

    >>> Secret("hunter2"), Secret("hunter2").reveal()
    (***, 'hunter2')
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def read(cls, value: Any, where: str = "") -> Secret:
        """Read a text; what it was is not repeated when it is none."""
        if not isinstance(value, str) or not value:
            raise ConfigError("cannot read a secret", where=where, expected="a text", got=type(value).__name__)
        return cls(value)

    def reveal(self) -> str:
        """Return the text itself, for the one place that needs it."""
        return self._text

    def shown(self) -> str:
        """Return what may be shown."""
        return _MASK

    def __str__(self) -> str:
        return self.shown()

    def __repr__(self) -> str:
        return self.shown()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Secret) and other.reveal() == self._text

    def __hash__(self) -> int:
        return hash((type(self), self._text))


class Address(Secret):
    """A path or URL that may hold a password: user, password and query are hidden, the rest is shown.

    >>> Address("postgresql://joe:pw@db/x?sslkey=k")
    postgresql://***@db/x?***
    """

    __slots__ = ()

    def shown(self) -> str:
        """Return the address without what may be secret in it."""
        head, mark, _ = redact(self.reveal()).partition("?")
        return f"{head}?{_MASK}" if mark else head


class SinkUrl(Secret):
    """The URL of a sink; often its path is the secret, so only scheme and host are shown.

    >>> SinkUrl("https://hooks.example.com/services/T0/B1")
    https://hooks.example.com/***
    """

    __slots__ = ()

    def shown(self) -> str:
        """Return scheme and host of a web address, the scheme alone of any other."""
        scheme, mark, rest = redact(self.reveal()).partition("://")
        if not mark:
            return _MASK
        host = rest.split("/", 1)[0].split("?", 1)[0].rpartition("@")[2]
        return f"{scheme}://{host}/{_MASK}" if scheme in ("http", "https") else f"{scheme}://{_MASK}"


SCALARS: tuple[type, ...] = (Duration, WindowLength, Windows, ClassName, Secret, Address, SinkUrl)


def _shown(value: Any) -> str:
    return f'"{value[:80]}"' if isinstance(value, str) else f"{value!r}"[:80]
