"""When to try again and how long to wait before, and what a refusal means. Pure but for a little chance."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from choirmaster.errors import (
    AccessError,
    ChoirmasterError,
    DeadlineExceeded,
    Forbidden,
    MissingExtra,
    NotFound,
    RequestError,
    TooLarge,
    Unavailable,
)

_AGAIN = (429, 502, 503, 504)
_ERRORS: dict[int, type[ChoirmasterError]] = {
    401: AccessError, 403: Forbidden, 404: NotFound, 413: TooLarge, 501: MissingExtra, 504: DeadlineExceeded,
}  # fmt: skip
_PARTS = ("where", "expected", "got", "fix")


@dataclass(frozen=True, slots=True)
class Tries:
    """How often to try in all, and how long to wait in between: 0.1 s and twice as long each time.

    A fifth of each pause is left to chance, so that many clients do not come back at the same moment.
    """

    most: int = 5
    longest_seconds: float = 30.0

    def pause(self, tried: int, told: float | None = None) -> float | None:
        """Return the seconds to wait after so many tries; None is: give up.

        ``told`` are the seconds of Retry-After; more than the longest pause is not waited for.
        """
        if tried >= self.most or (told is not None and told > self.longest_seconds):
            return None
        own = min(0.1 * 2.0 ** (tried - 1), 5.0) * (0.8 + 0.2 * random.random())
        return max(own, told or 0.0)


def again(status: int) -> bool:
    """Tell whether an answer is no answer yet: overload, not ready, a proxy without a server behind it."""
    return status in _AGAIN


def retry_after(text: str) -> float | None:
    """Return the seconds that a Retry-After header asks for; None where it asks for nothing.

    >>> retry_after("3"), retry_after("soon"), retry_after("Thu, 01 Jan 1970 00:00:00 GMT")
    (3.0, None, 0.0)
    """
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def refusal(response: Any, method: str, path: str) -> ChoirmasterError:
    """Return the error that an answer stands for, with what the server said of it."""
    status, parts = response.status_code, _parts(response)
    kind = _ERRORS.get(status, Unavailable if status >= 500 else RequestError)
    place, said = f"{method} {path}", str(parts.get("error", "no error text"))[:500]
    if "what" not in parts:
        return kind("the server refused", where=place, got=f"status {status}: {said}")
    words = {name: str(parts[name])[:500] for name in _PARTS if parts.get(name)}
    allowed = parts.get("allowed")
    return kind(str(parts["what"])[:500], **{"where": place, **words},
                allowed=[str(one) for one in allowed] if isinstance(allowed, list) else ())  # fmt: skip


def _parts(response: Any) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def given_up(place: str, last: str, tried: int) -> Unavailable:
    """Return the error for a server that gave no answer."""
    return Unavailable("the server does not answer", where=place, got=last,
                       fix=f"tried {tried} times; is it running there?")  # fmt: skip
