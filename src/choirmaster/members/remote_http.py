"""HTTP as a remote member needs it: a pool, one limit of time for the whole exchange, one of size, no redirects."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from choirmaster.errors import ConfigError, MemberError, redact

META_BYTES = 4 * 2**20
_IDLE_SECONDS = 4.0  # less than servers keep an idle connection, so that none is used just when it is closed
_ERROR_CHARS = 200
_MODEL_PATH = "/v2/models/"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer with status 200."""

    body: bytes
    headers: httpx.Headers


class _Loop:
    """The event loop of all remote members of this process, on a thread of its own."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and wait for what comes of it."""
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="remote-members", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


_LOOP = _Loop()


class Link:
    """The connections to one model.

    Parameters
    ----------
    url : str
        The model's address.
    headers : mapping
        Sent with each request.
    ca : str
        A file of certificates to trust in place of the usual ones.
    concurrency : int
        Connections that may be open at the same time.
    where : str
        Who asks, for messages.
    """

    def __init__(self, url: str, headers: Mapping[str, str], *, ca: str, concurrency: int, where: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or _MODEL_PATH not in parts.path or parts.query:
            raise ConfigError("cannot read the address of a remote model", where=where, got=f'"{redact(url)}"',
                              expected="http(s)://host[:port]/v2/models/NAME")  # fmt: skip
        self._url, self._where = url.rstrip("/"), where
        self._root = self._url[: self._url.index(_MODEL_PATH) + len("/v2")]
        limits = httpx.Limits(
            max_connections=concurrency, max_keepalive_connections=concurrency, keepalive_expiry=_IDLE_SECONDS
        )
        # No proxy and no netrc of the environment: only the address that the operator wrote is spoken to.
        self._client = httpx.AsyncClient(
            headers={"Accept-Encoding": "identity", **headers}, limits=limits,
            timeout=None,  # noqa: S113 - each exchange as a whole has its limit, which a dripping server cannot stretch
            follow_redirects=False,
            trust_env=False, verify=_tls(ca, where),
        )  # fmt: skip

    def get(self, path: str, *, seconds: float) -> Reply:
        """Ask for something below the model's address."""
        return self._within(self._exchange("GET", self._url + path, b"", {}, META_BYTES), seconds)

    def get_root(self, *, seconds: float) -> Reply:
        """Ask for the server's own metadata."""
        return self._within(self._exchange("GET", self._root, b"", {}, META_BYTES), seconds)

    def post(self, path: str, body: bytes, headers: Mapping[str, str], *, seconds: float, most: int) -> Reply:
        """Send a body and return the answer of at most so many bytes."""
        return self._within(self._exchange("POST", self._url + path, body, headers, most), seconds)

    def close(self) -> None:
        """Close all connections."""
        _LOOP.run(self._client.aclose())

    def _within(self, work: Coroutine[Any, Any, Reply], seconds: float) -> Reply:
        try:
            return _LOOP.run(asyncio.wait_for(work, max(0.0, seconds)))
        except (TimeoutError, CancelledError):
            raise self._failed("does not answer in time", f"within {seconds:.3g} s", "nothing whole") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise self._failed("cannot be reached", "", str(error) or type(error).__name__) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise self._failed("breaks off", "a whole answer", what[:_ERROR_CHARS]) from None

    async def _exchange(self, method: str, url: str, body: bytes, headers: Mapping[str, str], most: int) -> Reply:
        async with self._client.stream(method, url, content=body or None, headers=dict(headers)) as reply:
            if reply.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise self._failed("answers compressed", "no Content-Encoding", "another one than asked for")
            most = most if reply.status_code == httpx.codes.OK else META_BYTES
            parts, size = [], 0
            async for part in reply.aiter_raw():
                size += len(part)
                if size > most:
                    raise self._failed("answers too much", f"at most {most} bytes", f"more than {most}")
                parts.append(part)
            whole = b"".join(parts)
        if reply.status_code != httpx.codes.OK:
            raise self._status(reply, whole)
        return Reply(whole, reply.headers)

    def _status(self, reply: httpx.Response, body: bytes) -> MemberError:
        if reply.has_redirect_location:
            return self._failed("redirects", "an answer; redirects are not followed", f"status {reply.status_code}")
        try:
            said = str(msgspec.json.decode(body, type=dict[str, Any]).get("error", ""))
        except msgspec.MsgspecError:
            said = ""
        text = "".join(one for one in redact(said)[:_ERROR_CHARS] if one.isprintable())
        return self._failed("refuses", "status 200", f"{reply.status_code}{f': {text}' if text else ''}")

    def _failed(self, what: str, expected: str, got: str) -> MemberError:
        return MemberError(f"a remote model {what}", where=f"{self._where}, {self._url}", expected=expected, got=got)


def _tls(ca: str, where: str) -> ssl.SSLContext | bool:
    if not ca:
        return True
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError("cannot read certificates", where=where, got=f"{ca}: {error}") from None
