"""Who gets in: nobody who is not named, from nowhere that is not named, and every write is written down."""

from __future__ import annotations

import base64

import pytest
from starlette.responses import Response

from choirmaster.errors import ConfigError
from choirmaster.http.app import build_app
from choirmaster.http.routes import matrix, table
from choirmaster.http.settings import ROLES, AccessSettings, Limits, Token
from choirmaster.http.table import OPERATE, READ, Route
from choirmaster.http.tokens import Failures, find_token, hash_token, new_token
from tests.entrances.http.kit import BASE, Browser, Clock, browser, services

SECRETS = {role: new_token(role, [role]) for role in ROLES}
TOKENS = tuple(token for _, token in SECRETS.values())
GUARDED = AccessSettings(tokens=TOKENS)


def bearer(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRETS[role][0]}"} if role else {}


# What each role may do, written down by hand: (method, path) -> roles. A route that is not here fails the test.
PUBLIC = {("GET", "/v2/health/live"), ("GET", "/v2/health/ready")}
ANY = {("GET", "/v2"), ("GET", "/v2/"), ("GET", "/openapi.json")}
SCORERS = {
    ("GET", one) for one in ("/v2/models", "/v2/models/{model}", "/v2/models/{model}/versions/{version}",
                             "/v2/models/{model}/ready", "/v2/models/{model}/versions/{version}/ready",
                             "/v2/models/{model}/config", "/v2/models/{model}/versions/{version}/config",
                             "/v2/models/{model}/stats", "/v2/models/{model}/versions/{version}/stats",
                             "/v2/models/stats")
} | {("POST", "/v2/repository/index")}  # fmt: skip
OPERATE_ONLY = {("POST", f"/v2/repository/models/{{model}}/{verb}") for verb in ("load", "unload")} | {
    ("POST", one) for one in ("/api/members/{ensemble}/{member}", "/api/members/{ensemble}/{member}/clear",
                              "/api/weights/{ensemble}", "/api/weights/{ensemble}/clear", "/api/freeze/{ensemble}",
                              "/api/unfreeze/{ensemble}", "/api/undo/{ensemble}")
}  # fmt: skip
SCORE_ONLY = {
    ("POST", one) for one in ("/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer",
                              "/api/predict/{ensemble}")
}  # fmt: skip
INGEST_ONLY = {
    ("POST", f"/api/ingest/{kind}{tail}") for kind in ("predictions", "labels") for tail in ("", "/{ensemble}")
}
READERS = {
    ("GET", one) for one in ("/api/ensembles", "/api/metrics", "/api/alerts", "/api/models", "/api/references",
                             "/api/audit", "/api/weights", "/api/overrides", "/api/predictions/{ensemble}/{id:path}",
                             "/metrics")
}  # fmt: skip
RECEIPT = {("GET", "/api/ingest/{receipt}")}


def expected(key: tuple[str, str]) -> set[str]:
    if key in PUBLIC:
        return {"", *ROLES}
    for group, roles in ((ANY, set(ROLES)), (SCORERS, {"score", "read", "operate"}), (SCORE_ONLY, {"score"}),
                         (INGEST_ONLY, {"ingest"}), (READERS, {"read", "operate"}),
                         (OPERATE_ONLY, {"operate"}), (RECEIPT, {"ingest", "read", "operate"})):  # fmt: skip
        if key in group:
            return roles | {"admin"}
    raise AssertionError(f"{key} is in no group: say who may use it")


def test_the_generated_table_is_the_one_written_by_hand():
    for method, path, may in matrix(table()):
        assert {role for role, yes in may.items() if yes} == expected((method, path)), (method, path)


def test_every_route_of_the_application_is_in_the_table():
    app = build_app(services(), GUARDED)
    known = {(one.method, one.path) for one in table()}
    for one in app.routes:
        for method in one.methods - {"HEAD"}:
            assert (method, one.path) in known


@pytest.mark.parametrize("role", ["", *ROLES])
def test_every_route_decides_for_every_role(role):
    ask = browser(GUARDED)
    for method, path, may in matrix(table()):
        real = path.replace("{id:path}", "r/0").replace("{receipt}", "j:1").replace("{ensemble}", "delays")
        status = ask(method, real.replace("{model}", "delays"), headers=bearer(role)).status_code
        refused = {401} if not role else {403}
        assert (status not in {401, 403}) == may[role], (method, path, role, status)
        assert may[role] or status in refused


def test_an_unknown_token_and_a_hash_are_refused():
    ask = browser(GUARDED)
    for secret in ("", "x" * 43, TOKENS[0].hash, TOKENS[0].hash.removeprefix("sha256:"), "\xff\xfe" * 30):
        response = ask.get("/api/ensembles", headers={"Authorization": b"Bearer " + secret.encode("latin-1")})
        assert response.status_code == 401 and "www-authenticate" in response.headers


def test_a_browser_may_send_the_token_as_a_password():
    ask = browser(GUARDED)
    word = base64.b64encode(f"me:{SECRETS['read'][0]}".encode()).decode()
    assert ask.get("/api/ensembles", headers={"Authorization": f"Basic {word}"}).status_code == 200
    for broken in ("!!", base64.b64encode(b"\xff\xff").decode(), ""):
        assert ask.get("/api/ensembles", headers={"Authorization": f"Basic {broken}"}).status_code == 401


def test_ten_failed_tokens_slow_down_and_a_right_one_still_opens():
    ask = browser(GUARDED)
    wrong = {"Authorization": "Bearer " + "w" * 43}
    assert [ask.get("/v2", headers=wrong).status_code for _ in range(12)] == [401] * 10 + [429] * 2
    assert ask.get("/v2", headers=wrong).headers["retry-after"] == "60"
    assert ask.get("/v2", headers=bearer("read")).status_code == 200
    assert ask.get("/v2").status_code == 401


def test_failures_are_forgotten_in_time_and_memory_is_bounded():
    now = [0.0]
    failures = Failures(Limits(failed_tokens=2, failed_seconds=60), lambda: now[0])
    assert [failures.add("a"), failures.add("a"), failures.add("a")] == [False, False, True]
    now[0] = 61.0
    assert failures.add("a") is False
    for number in range(10_500):
        failures.add(str(number))
    assert len(failures._at) <= 10_000


def test_tokens_have_256_bits_and_only_their_hash_is_kept():
    secret, token = new_token("x", ["read"])
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32
    assert secret not in repr(token) and token.hash == hash_token(secret)
    assert find_token(secret, [token]) is token and find_token(secret[:-1], [token]) is None
    short = Token("s", hash_token("guess"), ("admin",))
    assert find_token("guess", [short]) is None, "a secret below 128 bits never opens"


def test_every_entry_is_compared_in_constant_time(monkeypatch):
    import hmac

    from choirmaster.http import tokens

    seen = []
    monkeypatch.setattr(tokens.hmac, "compare_digest", lambda a, b: seen.append(b) or a == b)
    find_token(SECRETS["score"][0], TOKENS)
    assert seen == [one.hash for one in TOKENS] and hmac is tokens.hmac


WIDE = {"listen": "0.0.0.0:8080"}


@pytest.mark.parametrize(("settings", "words"), [
    (WIDE, "without tokens"),
    ({"listen": "[::]:8080"}, "without tokens"),
    ({"listen": "192.0.2.1:80"}, "without tokens"),
    ({"listen": "localhost.example.org:80"}, "without tokens"),
    (WIDE | {"behind_proxy": True}, "without tokens"),
    (WIDE | {"tokens": TOKENS}, "without TLS"),
    (WIDE | {"tokens": TOKENS, "tls_certificate": "c"}, "both files"),
    ({"tls_key": "k"}, "both files"),
    ({"listen": "8080"}, "cannot read an address"),
    ({"listen": "127.0.0.1:99999"}, "cannot read an address"),
    ({"tokens": (Token("a", "plain", ("read",)),)}, "hash only"),
    ({"tokens": (Token("a", TOKENS[0].hash, ()),)}, "role"),
    ({"tokens": (Token("a", TOKENS[0].hash, ("root",)),)}, "unknown role"),
    ({"tokens": (TOKENS[0], TOKENS[0])}, "share a name"),
])  # fmt: skip
def test_unsafe_settings_are_refused_before_anything_listens(settings, words):
    with pytest.raises(ConfigError, match=words):
        build_app(services(), AccessSettings(**settings))


@pytest.mark.parametrize("settings", [
    {}, {"listen": "[::1]:0"}, {"listen": "::1:8080"}, {"listen": "localhost:1"}, {"listen": "127.5.5.5:1"},
    WIDE | {"tokens": TOKENS, "behind_proxy": True}, WIDE | {"tokens": TOKENS, "tls_certificate": "c", "tls_key": "k"},
])  # fmt: skip
def test_safe_settings_pass(settings):
    AccessSettings(**settings).check()


def test_the_default_is_loopback():
    assert AccessSettings().host == "127.0.0.1" and AccessSettings().loopback


BAD_HOSTS = [
    "evil.example.org",
    "127.0.0.1.evil.org",
    "127.0.0.2:8080",
    "",
    "localhost@evil.org",
    "[::2]",
    "169.254.1.1",
]


@pytest.mark.parametrize("host", BAD_HOSTS)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v2/health/live"), ("POST", "/api/predict/delays"), ("GET", "/no")]
)
def test_a_wrong_host_is_403_on_every_path(host, method, path):
    response = browser()(method, path, headers={"Host": host})
    assert response.status_code == 403 and "error" in response.json()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8080", "LOCALHOST:80", "board.example.org"])
def test_a_right_host_passes(host):
    settings = AccessSettings(hosts=("board.example.org",))
    assert browser(settings).get("/v2/health/live", headers={"Host": host}).status_code == 200


BAD_ORIGINS = [
    "https://evil.org",
    "null",
    "http://127.0.0.1:9999",
    "http://localhost:8080",
    "",
    "file://",
    "http://[::",
]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "CONNECT", "post"])
@pytest.mark.parametrize("origin", BAD_ORIGINS)
def test_a_write_from_another_origin_is_403_for_every_method(method, origin):
    for path in ("/api/predict/delays", "/api/ingest/labels", "/v2/models/delays/infer", "/no"):
        assert browser()(method, path, headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_browser_that_says_it_comes_from_elsewhere_is_refused(site):
    assert browser().post("/api/predict/delays", json={"x": 1}, headers={"Sec-Fetch-Site": site}).status_code == 403


def test_reads_and_our_own_origins_pass():
    settings = AccessSettings(origins=("https://board.example.org",))
    assert browser().get("/v2", headers={"Origin": "https://evil.org"}).status_code == 200
    assert browser().post("/api/predict/delays", json={"x": 1}, headers={"Origin": BASE}).status_code == 200
    for extra in ({}, {"Sec-Fetch-Site": "cross-site"}):
        headers = {"Origin": "https://board.example.org", **extra}
        assert browser(settings).post("/api/predict/delays", json={"x": 1}, headers=headers).status_code == 200


def test_no_answer_lets_another_origin_read():
    response = browser().get("/v2", headers={"Origin": "https://evil.org"})
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/v2", "/no", "/api/ensembles", "/openapi.json"])
def test_security_headers_are_on_every_answer(path):
    headers = browser().get(path).headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"].split("script-src")[1].split(";")[0]
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store" and "strict-transport-security" not in headers


# -- pages and the audit --------------------------------------------------------------------------------------------


async def page(call):
    call.change.update(subject="delays", before="1", after="2", cause="asked")
    return Response(f"hello {call.who}", headers={"Cache-Control": "max-age=60"})


WRITE = Route("PUT", "/api/weights/{ensemble}", OPERATE, page, "Set weights", kind="write", action="weights set")
PAGE = Route("GET", "/", READ, page, "Overview", media=("text/html",))


def test_pages_declare_their_roles_like_every_route():
    ask = browser(GUARDED, pages=(PAGE,))
    assert ask.get("/").status_code == 401 and ask.get("/", headers=bearer("score")).status_code == 403
    response = ask.get("/", headers=bearer("read"))
    assert response.text == "hello read" and response.headers["cache-control"] == "max-age=60"


def test_a_write_is_written_down_with_who_when_cause_before_and_after():
    entries = []
    ask = browser(GUARDED, pages=(WRITE,), audit=entries.append)
    assert ask("PUT", "/api/weights/delays", headers=bearer("operate")).status_code == 200
    (entry,) = entries
    assert (entry.who, entry.action, entry.subject) == ("operate", "weights set", "delays")
    assert (entry.at, entry.cause, entry.before, entry.after) == (Clock().now(), "asked", "1", "2")


def test_a_refused_write_and_an_event_are_not():
    entries = []
    ask = browser(GUARDED, pages=(WRITE,), audit=entries.append)
    assert ask("PUT", "/api/weights/delays", headers=bearer("read")).status_code == 403
    assert ask.post("/api/predict/delays", json={"x": 1}, headers=bearer("score")).status_code == 200
    assert entries == []


def test_a_write_that_cannot_be_written_down_fails():
    def broken(entry):
        raise OSError("disk full")

    assert browser(pages=(WRITE,), audit=broken)("PUT", "/api/weights/delays").status_code == 500
    assert browser(pages=(WRITE,))("PUT", "/api/weights/delays").status_code == 500


@pytest.mark.parametrize("wrong", [
    {"roles": frozenset()}, {"roles": frozenset({"root"})}, {"kind": "read"}, {"kind": "other"},
])  # fmt: skip
def test_a_route_without_roles_or_with_a_wrong_kind_cannot_be_declared(wrong):
    given = {"roles": READ, "kind": "write"} | wrong
    with pytest.raises(ValueError, match="/y"):
        Route("POST", "/y", handler=page, summary="", **given)


def test_a_route_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="listed twice"):
        table((PAGE, PAGE))


def test_without_tokens_loopback_is_local():
    entries = []
    ask = browser(pages=(WRITE,), audit=entries.append)
    assert ask("PUT", "/api/weights/delays").status_code == 200 and entries[0].who == "local"
    assert isinstance(ask, Browser)
