"""Posts JSON to a web address. The address is resolved, checked and pinned, so that a name cannot lead inside.

An address of this machine or of a private network is refused unless ``allow_private`` is set; redirects are not
followed. The body is ``sinks/payload.py``; the header ``Idempotency-Key`` holds fingerprint and status, so that a
receiver can drop a repeat.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from choirmaster.errors import SinkError
from choirmaster.ports import Notification
from choirmaster.sinks.payload import as_json

_RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
Resolve = Callable[[str, int], list[str]]


def system_resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, as the system says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def is_public(address: str) -> bool:
    """Tell whether an address is one of the open internet.

    >>> is_public("203.0.113.7"), is_public("127.0.0.1"), is_public("::ffff:10.0.0.1"), is_public("93.184.216.34")
    (False, False, False, True)
    """
    one = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(one, "ipv4_mapped", None) or getattr(one, "sixtofour", None)
    return one.is_global and not one.is_multicast and (mapped is None or (mapped.is_global and not mapped.is_multicast))


class WebhookSink:
    """One web address.

    Parameters
    ----------
    name : str
    url : str
        ``http`` or ``https``; a user and password in it are not supported, use ``headers``.
    headers : Mapping
        Further headers, such as a token.
    timeout_seconds : float
        For connecting, and again for each read.
    allow_private : bool
        Whether addresses of this machine and of private networks may be reached.
    resolve : callable, optional
        Returns the addresses of (host, port).
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
        allow_private: bool = False,
        resolve: Resolve = system_resolve,
    ) -> None:
        self.name, self._headers = name, dict(headers or {})
        self._timeout, self._allow_private, self._resolve = timeout_seconds, allow_private, resolve
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SinkError("a webhook needs an http or https url", retryable=False, where=f'sink "{name}"')
        self._https, self._host = parts.scheme == "https", parts.hostname
        self._port = parts.port or (443 if self._https else 80)
        self._netloc = parts.netloc.rpartition("@")[2]
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def send(self, notification: Notification) -> None:
        """Post it; raises SinkError, retryable for time-outs, refused connections, 408, 425, 429 and 5xx."""
        address = self._address()
        connection = _Pinned(self._host, self._port, address, self._timeout, https=self._https)
        try:
            connection.request(
                "POST", self._target, body=as_json(notification), headers=self._all_headers(notification)
            )
            response = connection.getresponse()
            status = response.status
            response.read(65_536)
        except (OSError, http.client.HTTPException) as error:
            certificate = isinstance(error, ssl.SSLCertVerificationError)
            raise self._error("cannot reach a webhook", type(error).__name__, retryable=not certificate) from None
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise self._error(
                "a webhook did not take a notification", f"status {status}", retryable=status in _RETRYABLE
            )

    def _all_headers(self, notification: Notification) -> dict[str, str]:
        key = f"{notification.fingerprint}-{notification.status}"
        own = {"Host": self._netloc, "Content-Type": "application/json", "User-Agent": "choirmaster"}
        return self._headers | own | {"Idempotency-Key": key.encode("ascii", "replace").decode()}

    def _address(self) -> str:
        """Return the one address that is connected to: resolved now, checked, and used as it is."""
        try:
            found = self._resolve(self._host, self._port)
        except OSError as error:
            raise self._error("cannot resolve a webhook's host", type(error).__name__, retryable=True) from None
        if not found:
            raise self._error("cannot resolve a webhook's host", "no address", retryable=True)
        if not self._allow_private and not all(is_public(one) for one in found):
            raise self._error("a webhook leads to a private address", self._host, retryable=False,
                              fix="set allow_private: true where that is meant")  # fmt: skip
        return found[0]

    def _error(self, what: str, got: str, *, retryable: bool, fix: str = "") -> SinkError:
        return SinkError(what, retryable=retryable, where=f'sink "{self.name}", {self._host}', got=got, fix=fix)


class _Pinned(http.client.HTTPConnection):
    """A connection to a fixed address; the certificate is checked against the name."""

    def __init__(self, host: str, port: int, address: str, timeout: float, *, https: bool) -> None:
        super().__init__(host, port, timeout=timeout)
        self._address, self._https = address, https

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._https:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
