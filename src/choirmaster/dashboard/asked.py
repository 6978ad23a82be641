"""What the address of a page asks for: span, segment, metric, form. Read once, checked, and written back into links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from choirmaster.errors import RequestError
from choirmaster.times import isoformat, parse_instant

FORMS = ("html", "json", "csv")
KEYS = ("start", "end", "segment", "metric", "state", "series", "window", "ensemble")
MAX_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a page.

    Attributes
    ----------
    path : str
        The page's own address without a query.
    given : Mapping
        The known keys of the query as they were typed, empty ones left out.
    form : str
        ``html``, ``json`` or ``csv``.
    table : str
        For CSV: only this table.
    """

    path: str
    given: Mapping[str, str] = field(default_factory=dict)
    form: str = "html"
    table: str = ""

    def get(self, key: str, default: str = "") -> str:
        """Return what was typed for a key."""
        return self.given.get(key, default)

    @property
    def start(self) -> str | None:
        """The first instant of the span, in ISO form."""
        return _instant(self.get("start"), "start")

    @property
    def end(self) -> str | None:
        """The instant behind the span, in ISO form."""
        return _instant(self.get("end"), "end")

    def href(self, **changes: str) -> str:
        """Return this page's address with some keys changed; an empty text removes one.

        >>> Asked("/alerts", {"state": "firing"}).href(format="json")
        '/alerts?state=firing&format=json'
        """
        merged = {key: text for key, text in {**self.given, **changes}.items() if text}
        return f"{self.path}?{urlencode(merged)}" if merged else self.path


def read(path: str, query: Mapping[str, str]) -> Asked:
    """Read a query; refuse what is too long or of an unknown form."""
    form = query.get("format", "html")
    if form not in FORMS:
        raise RequestError("cannot show a page", where="query format", got=f'"{form[:40]}"', allowed=FORMS)
    given = {key: query[key] for key in KEYS if query.get(key)}
    for key, text in given.items():
        if len(text) > MAX_LENGTH:
            raise RequestError("cannot read a query", where=f"query {key}", expected=f"at most {MAX_LENGTH} characters")
    asked = Asked(quote(path, safe="/"), given, form, query.get("table", ""))
    if asked.start and asked.end and asked.start >= asked.end:
        raise RequestError(
            "cannot read a span", where="query start", expected="a start before the end", got=asked.start
        )
    return asked


def page_path(*parts: str) -> str:
    """Return an address whose parts cannot break out of it.

    >>> page_path("ensembles", "a/b?c")
    '/ensembles/a%2Fb%3Fc'
    """
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _instant(text: str, key: str) -> str | None:
    return isoformat(parse_instant(text, where=f"query {key}")) if text else None
