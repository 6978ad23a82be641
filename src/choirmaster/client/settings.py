"""What both clients share: where the server is, and the options of the connection."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from choirmaster.errors import ConfigError, missing_extra

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def library() -> Any:
    """Return httpx, or say which extra has it."""
    try:
        import httpx
    except ImportError:
        raise missing_extra("httpx", "serve", purpose="cm.Client") from None
    return httpx


def checked_url(url: str) -> str:
    """Return the address of a server without its final slash.

    Raises
    ------
    ConfigError
        It is no http or https address, or holds a user and password.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("cannot read the address of a server", got=f'"{url}"', expected="http://host:port")
    if parts.username or parts.password:
        raise ConfigError("an address holds no secret", got=f'"{url}"', fix="give the token as token=")
    return url.rstrip("/")


def options(url: str, token: str | None, timeout_seconds: float, transport: Any) -> dict[str, Any]:
    """Return the arguments of the httpx client.

    No proxy and no .netrc from the environment: a token goes to the address given here and nowhere else.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if urlsplit(url).hostname in _LOOPBACK:
        headers["Accept-Encoding"] = "identity"  # on one machine, compressing takes longer than sending
    return {"base_url": url, "headers": headers, "timeout": timeout_seconds, "trust_env": False, "transport": transport}
