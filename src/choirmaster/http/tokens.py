"""Tokens: made with 256 bits of entropy, kept as hashes, compared in constant time, guessed slowly."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence

from choirmaster.http.settings import ROLES, Limits, Token

LOCAL = "local"
_SHORTEST = 22  # characters of base64 that hold 128 bits
_MOST_ADDRESSES = 10_000


def new_token(name: str, roles: Sequence[str]) -> tuple[str, Token]:
    """Make a secret and its entry for the configuration; the secret is shown once and kept nowhere."""
    secret = secrets.token_urlsafe(32)
    return secret, Token(name, hash_token(secret), tuple(roles))


def hash_token(secret: str) -> str:
    """Return what the configuration keeps of a token.

    >>> hash_token("a")[:14]
    'sha256:ca97811'
    """
    return "sha256:" + hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def find_token(secret: str, tokens: Sequence[Token]) -> Token | None:
    """Return whose token it is; every entry is compared, each in constant time."""
    digest = hash_token(secret)
    found = None
    for one in tokens:
        if hmac.compare_digest(digest, one.hash):
            found = one
    return found if len(secret) >= _SHORTEST else None


def secret_of(authorization: str) -> str | None:
    """Return the token in an Authorization header: a Bearer one, or the password of Basic (for browsers)."""
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return None
    try:
        _, _, password = base64.b64decode(rest.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password


def may(have: Sequence[str], need: frozenset[str]) -> bool:
    """Tell whether roles open a route; ``admin`` opens every one.

    >>> may(("read",), frozenset({"read", "operate"})), may(("score",), frozenset({"read"}))
    (True, False)
    """
    return "admin" in have or any(role in need for role in have)


class Failures:
    """Counts failed tokens by address over a sliding time; bounded in memory."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits, self._monotonic = limits, monotonic
        self._at: OrderedDict[str, list[float]] = OrderedDict()

    def add(self, address: str) -> bool:
        """Count one failure; True when the address has used up its tries."""
        now = self._monotonic()
        recent = [one for one in self._at.pop(address, []) if now - one < self._limits.failed_seconds]
        over = len(recent) >= self._limits.failed_tokens
        if not over:
            recent.append(now)
        self._at[address] = recent
        while len(self._at) > _MOST_ADDRESSES:
            self._at.popitem(last=False)
        return over


ALL_ROLES = ROLES
