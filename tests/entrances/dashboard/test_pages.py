"""Every page over a made-up year: it answers, its twin has the same numbers, and no name can do harm."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from html.parser import HTMLParser

import httpx
import pytest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from choirmaster.dashboard import routes
from choirmaster.dashboard.words import number
from tests.entrances.dashboard.fake import FakeQueries

PATHS = (
    "/",
    "/ensembles/delays",
    "/ensembles/delays?segment=carrier%3DAA&start=2013-05-01&end=2013-06-01",
    "/ensembles/delays/features",
    "/ensembles/delays/features?metric=ks&start=2013-12-01",
    "/ensembles/delays/features/temp",
    "/ensembles/delays/features/temp?window=2013-07-01T04:00:00Z",
    "/ensembles/delays/segments",
    "/ensembles/delays/segments?metric=log_loss&series=boost",
    "/alerts",
    "/alerts?state=firing&ensemble=delays",
    "/audit",
)
EVIL = "<script>alert(1)<script>\"'><img src=x onerror=alert(1)>\u202e{{7*7}}..?a=b#c"


class Call:
    """A request as the server hands it over."""

    def __init__(self, request):
        self.request = request

    async def off_loop(self, work):
        return await run_in_threadpool(work)


def opened(handler):
    async def endpoint(request):
        return await handler(Call(request))

    return endpoint


class Browser:
    """Asks the routes in this process, without a socket."""

    def __init__(self, queries: FakeQueries):
        self.kept: dict[str, httpx.Response] = {}
        self.app = Starlette(routes=[Route(r.path, opened(r.handler), methods=[r.method]) for r in routes(queries)])

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        if path in self.kept and not headers:
            return self.kept[path]

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as asked:
                return await asked.get(path, headers=headers)

        answer = asyncio.run(ask())
        if not headers:
            self.kept[path] = answer
        return answer


def client(queries: FakeQueries) -> Browser:
    return Browser(queries)


@pytest.fixture(scope="module")
def year() -> Browser:
    return client(FakeQueries())


def with_format(path: str, form: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}format={form}"


class Elements(HTMLParser):
    """Collects what a policy without inline code would refuse, the text, and every address."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def refused(self) -> list[str]:
        wrong = []
        for tag, attrs in self.tags:
            wrong += [f"{tag} {name}" for name in attrs if name == "style" or name.startswith("on")]
            if tag == "style" or (tag == "script" and not attrs.get("src")):
                wrong.append(tag)
            wrong += [
                f"{tag} {name}={attrs[name]}"
                for name in ("src", "href", "action")
                if (attrs.get(name) or "/").lower().startswith(("http:", "https:", "//", "javascript:", "data:"))
            ]
        return wrong


def numbers(page: dict) -> set[str]:
    """Return every number of a page's tables as the page writes it."""
    found = set()
    for table in page["tables"]:
        for row in table["rows"]:
            for cell in row.values():
                one = cell.get("value") if isinstance(cell, dict) else cell
                if isinstance(one, int | float):
                    found.add(number(one))
    return found


@pytest.mark.parametrize("path", PATHS)
def test_each_page_answers_and_holds_to_its_policy(year: Browser, path: str):
    answer = year.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    page = Elements(answer.text)
    assert page.refused() == []
    assert "undefined" not in page.text.lower()
    assert {tag for tag, _ in page.tags} >= {"main", "h1", "header", "footer"}


@pytest.mark.parametrize("path", PATHS)
def test_the_twin_has_the_numbers_of_the_page(year: Browser, path: str):
    page = year.get(with_format(path, "json"))
    assert page.headers["content-type"].startswith("application/json")
    shown = Elements(year.get(path).text).text
    # Every window is in the twin; the page shows the newest ones.
    data = page.json()
    data["tables"] = [one for one in data["tables"] if one["name"] != "drift-windows"]
    wanted = numbers(data)
    assert wanted or "audit" in path
    assert [text for text in wanted if text not in shown] == []


@pytest.mark.parametrize("path", PATHS)
def test_the_csv_file_has_every_row(year: Browser, path: str):
    answer = year.get(with_format(path, "csv"))
    assert answer.headers["content-type"].startswith("text/csv")
    rows = [row for row in csv.reader(io.StringIO(answer.text)) if row]
    data = year.get(with_format(path, "json")).json()
    charts = sum(len(chart["windows"]) for chart in data["charts"])
    tables = [one for one in data["tables"] if "chart-" not in one["name"]]
    several = len(tables) + len(data["charts"])
    assert len(rows) == sum(len(one["rows"]) for one in tables) + charts + several


def test_a_formula_in_a_name_is_text_in_the_file(year: Browser):
    assert "'=cmd|" in year.get("/audit?format=csv").text


def test_the_worst_ensemble_stands_first(year: Browser):
    names = [row["name"]["text"] for row in year.get("/?format=json").json()["tables"][0]["rows"]]
    assert names == ["delays", "fresh", "calm"]


def test_a_value_that_is_not_defined_says_why(year: Browser):
    assert "only one class among the labels" in year.get("/ensembles/delays/segments").text
    assert "no label has arrived for this window yet" in year.get("/ensembles/delays").text


def test_segments_name_the_weakest_with_its_correction_and_the_gaps_between_groups(year: Browser):
    page = year.get("/ensembles/delays/segments")
    data = year.get("/ensembles/delays/segments?format=json").json()
    tables = {one["name"]: one for one in data["tables"]}
    assert list(tables) == ["segments", "weakest", "fairness-carrier", "fairness-origin"]
    assert tables["weakest"]["rows"][0]["name"]["text"] == "carrier OO"
    assert tables["weakest"]["rows"][0]["p_adjusted"] == 0.0004
    shown = Elements(page.text).text
    assert "adjusted by Holm" in shown
    assert "Gaps between groups of origin" in shown
    assert "4.0e-04" in shown
    rows = year.get("/ensembles/delays/segments?format=csv&table=weakest").text.splitlines()
    assert len(rows) == 1 + len(tables["weakest"]["rows"])


def test_f1_names_its_cutoff_and_months_count_the_wins(year: Browser):
    page = year.get("/ensembles/delays").text
    assert "chosen cutoff 0.2871" in page
    assert "in 12 of 12 months" in page


def test_the_span_of_the_address_is_the_span_of_the_charts(year: Browser):
    page = year.get("/ensembles/delays?start=2013-05-01&end=2013-06-01&format=json").json()
    assert {chart["windows"][0][:10] for chart in page["charts"]} == {"2013-05-01"}
    assert {chart["windows"][-1][:10] for chart in page["charts"]} == {"2013-05-31"}


def test_the_fused_answer_is_the_first_line(year: Browser):
    chart = year.get("/ensembles/delays?format=json").json()["charts"][0]
    assert [line["name"] for line in chart["series"]] == ["fused", "boost", "forest", "logit", "mlp"]
    assert chart["bounds"] == [{"value": 0.66, "text": "quality", "series": "fused"}]
    assert len(chart["annotations"]) == 2


@pytest.mark.parametrize("place", ["name", "member", "feature"])
def test_markup_in_a_name_stays_text(place: str):
    asked = client(FakeQueries(days=12, **{place: EVIL}))
    links = ["/"]
    seen = set()
    while links:
        path = links.pop()
        seen.add(path)
        answer = asked.get(path)
        assert answer.status_code in {200, 404}, path
        if answer.status_code == 404:
            assert "calm" in path or "fresh" in path
            continue
        page = Elements(answer.text)
        assert page.refused() == [], path
        assert "img" not in {tag for tag, attrs in page.tags if attrs.get("src") == "x"}
        assert "{{7*7}}" in page.text or EVIL[:8] not in page.text
        assert "\u202e" not in answer.text
        hrefs = {attrs["href"] or "" for tag, attrs in page.tags if tag == "a"}
        inner = {href for href in hrefs if href.startswith("/ensembles") and "format=" not in href}
        links += [one for one in inner - seen - set(links) if len(seen) + len(links) < 30]
    assert any("features/" in path for path in seen)


def test_a_page_of_nothing_says_so():
    empty = client(FakeQueries(days=0))
    assert empty.get("/ensembles/delays").status_code == 200
    assert "no alert so far" in empty.get("/alerts").text
    assert "no window has been compared yet" in empty.get("/ensembles/delays/features").text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/ensembles/none", 404, "unknown ensemble"),
        ("/ensembles/delays/features/none", 404, "no such feature"),
        ("/ensembles/delays?start=yesterday", 400, "cannot read a time"),
        ("/ensembles/delays?start=2013-06-01&end=2013-05-01", 400, "cannot read a span"),
        ("/alerts?format=xml", 400, "cannot show a page"),
        ("/alerts?state=" + "x" * 600, 400, "at most 500 characters"),
    ],
)
def test_what_cannot_be_answered_says_why(year: Browser, path: str, status: int, words: str):
    answer = year.get(path)
    assert answer.status_code == status
    assert words in answer.text
    if "format" not in path:
        twin = year.get(with_format(path, "json"))
        assert twin.status_code == status
        assert twin.json()["error"]["what"]


def test_an_unchanged_page_is_not_sent_again(year: Browser):
    first = year.get("/ensembles/delays?format=json")
    again = year.get("/ensembles/delays?format=json", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_every_static_file_a_page_names_is_there_and_nothing_else(year: Browser):
    page = Elements(year.get("/").text)
    named = {attrs.get("src") or attrs.get("href") for tag, attrs in page.tags if tag in {"script", "link", "img"}}
    for path in (one for one in named if one and one.startswith("/static/")):
        assert year.get(path).status_code == 200
    script = year.get("/static/dashboard.js").text
    for inner in re.findall(r'from "\./([a-z]+\.js)"', script):
        assert year.get(f"/static/{inner}").headers["content-type"].startswith("text/javascript")
    for path in ("../entry.py", "%2e%2e/entry.py", "vendor", "none.js", "/etc/passwd"):
        assert year.get(f"/static/{path}").status_code == 404


def test_own_scripts_write_no_markup_and_reach_only_this_server(year: Browser):
    for name in ("dashboard.js", "charts.js", "live.js"):
        text = year.get(f"/static/{name}").text
        for refused in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "http:", "https:", "document.write"):
            assert refused not in text, (name, refused)


def test_routes_name_their_roles():
    found = routes(FakeQueries(days=1))
    assert {one.method for one in found} == {"GET"}
    assert all(one.roles == frozenset({"read", "operate"}) for one in found)
    assert len({one.name for one in found}) == len(found)


def test_what_operators_decided_stands_on_both_pages_and_only_where_there_is_something(year: Browser):
    for path in ("/", "/ensembles/delays"):
        page = Elements(year.get(path).text)
        assert "Set by operators" in page.text
        assert "set by logit until 2013-12-31 05:00" in page.text, page.text
        (shown,) = [one for one in year.get(with_format(path, "json")).json()["tables"] if one["name"] == "decided"]
        assert [(row["what"], row["now"], row["file"]) for row in shown["rows"]] == [("logit", "off", "voter")]
    calm = client(FakeQueries(days=30))
    assert "Set by operators" not in calm.get("/").text
    assert "Set by operators" not in calm.get("/ensembles/delays").text
