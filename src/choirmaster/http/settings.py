"""Who may reach the server, and how much of it. Defaults stand here, each with its unit."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from choirmaster.errors import ConfigError

ROLES = ("score", "ingest", "read", "operate", "admin")
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_LISTEN = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]]+):(?P<port>\d{1,5})")
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Token:
    """One caller: a name for the audit log, the hash of the secret, and what it may do."""

    name: str
    hash: str  # "sha256:" and 64 hexadecimal digits
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request and of the server.

    Attributes
    ----------
    body_bytes, inflated_bytes : int
        A body as sent, and after decompression.
    header_bytes, headers : int
        All headers together, and how many.
    target_bytes : int
        Path and query together.
    in_flight : int
        Predictions and events at once; more are answered 503 with Retry-After, before their body is read.
    threads : int
        Threads that answer predictions; ingest and queries have four of their own.
    failed_tokens, failed_seconds : int
        Failed tokens from one address within so many seconds before it is answered 429.
    head_seconds, body_seconds : float
        How long a client may take to send its headers, and its body.
    drain_seconds : float
        How long requests in flight may take to finish after SIGTERM.
    """

    body_bytes: int = 32 * 2**20
    inflated_bytes: int = 128 * 2**20
    header_bytes: int = 32 * 2**10
    headers: int = 100
    target_bytes: int = 8 * 2**10
    in_flight: int = 128
    threads: int = 32
    failed_tokens: int = 10
    failed_seconds: int = 60
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    drain_seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Where to listen and whom to let in; deny by default.

    Attributes
    ----------
    listen : str
        ``host:port``. Anything but loopback needs tokens, and TLS files or ``behind_proxy``.
    tokens : tuple of Token
        With none, whoever reaches loopback is ``local`` and may do everything.
    tls_certificate, tls_key : str
        PEM files.
    behind_proxy : bool
        Something in front ends TLS.
    hosts : tuple of str
        Names by which the server may be asked for, beside loopback and the listening host.
    origins : tuple of str
        Other origins whose pages may write, such as ``https://board.example.org``.
    """

    listen: str = "127.0.0.1:8080"
    tokens: tuple[Token, ...] = ()
    tls_certificate: str = ""
    tls_key: str = ""
    behind_proxy: bool = False
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    @property
    def host(self) -> str:
        """The address to bind, without brackets."""
        return self._parts()[0]

    @property
    def port(self) -> int:
        """The port to bind; 0 takes a free one."""
        return self._parts()[1]

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    @property
    def tls(self) -> bool:
        """Whether the server itself ends TLS."""
        return bool(self.tls_certificate and self.tls_key)

    @property
    def url(self) -> str:
        """Where to find the server."""
        host = self.host
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self.tls else 'http'}://{shown}:{self.port}"

    @property
    def known_hosts(self) -> frozenset[str]:
        """Every host name a request may name."""
        return frozenset(one.lower().strip("[]") for one in (*_LOCAL_NAMES, self.host, *self.hosts))

    def check(self) -> None:
        """Raise ConfigError for the first setting that must not be run."""
        self._parts()
        check_tokens(self.tokens)
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ConfigError("TLS needs both files", where="$.access", expected="tls_certificate and tls_key")
        if self.loopback:
            return
        if not self.tokens:
            raise ConfigError("refusing to listen beyond loopback without tokens", where="$.access.listen",
                              got=f'"{self.listen}"', expected='"127.0.0.1:<port>", or tokens',
                              fix="choirmaster token makes one; its hash goes under $.access.tokens")  # fmt: skip
        if not (self.tls or self.behind_proxy):
            raise ConfigError("refusing to listen beyond loopback without TLS", where="$.access.listen",
                              got=f'"{self.listen}"', expected="tls_certificate and tls_key, or behind_proxy: true",
                              fix="behind_proxy says that something in front of this server ends TLS")  # fmt: skip

    def _parts(self) -> tuple[str, int]:
        match = _LISTEN.fullmatch(self.listen)
        if match is None or int(match["port"]) > 65_535:
            raise ConfigError("cannot read an address", where="$.access.listen", got=f'"{self.listen}"',
                              expected='host:port such as "127.0.0.1:8080"')  # fmt: skip
        return match["host"].strip("[]"), int(match["port"])


def is_loopback(host: str) -> bool:
    """Tell whether an address is reachable from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0"), is_loopback("::1")
    (True, False, True)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_tokens(tokens: Sequence[Token]) -> None:
    """Raise ConfigError for a token entry that is wrong."""
    for index, one in enumerate(tokens):
        where = f"$.access.tokens[{index}]"
        if not _HASH.fullmatch(one.hash):
            raise ConfigError("a token is kept as its hash only", where=f"{where}.hash",
                              expected="sha256: and 64 hex digits", fix="choirmaster token makes one")  # fmt: skip
        if not one.roles:
            raise ConfigError("a token without a role may do nothing", where=f"{where}.roles", allowed=ROLES)
        for role in one.roles:
            if role not in ROLES:
                raise ConfigError("unknown role", where=f"{where}.roles", got=f'"{role}"', allowed=ROLES)
    names = [one.name for one in tokens]
    if len(set(names)) != len(names):
        raise ConfigError("two tokens share a name", where="$.access.tokens", got=str(names))
