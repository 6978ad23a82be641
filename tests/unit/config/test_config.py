"""Every type's example parses, every problem is reported at once with its place, and nothing secret is shown."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.config import ConfigProblems, Duration, Secret, effective, parse
from choirmaster.config.json_schema import json_schema
from choirmaster.config.model import TYPES, Config
from choirmaster.config.read import SYNONYMS, Reading, read
from choirmaster.config.yaml_text import load
from choirmaster.errors import ConfigError
from choirmaster.times import DAY

PLAIN = """
store: ./data
ensembles:
  fraud:
    task: binary
    members: {boost: {file: b.onnx}, net: {url: "http://h/v2/models/net"}}
"""


def _read(text, files=None, **more):
    files = files or {}

    def read_file(name):
        if name not in files:
            raise FileNotFoundError(name)
        return files[name]

    return parse(text, env=more.pop("env", {}), read_file=read_file, **more)


def _problems(text, **more):
    with pytest.raises(ConfigProblems) as caught:
        _read(text, **more)
    return [str(one) for one in caught.value.problems]


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_every_example_parses(kind):
    reading = Reading()
    assert isinstance(read(kind, kind.example(), reading), kind), reading.problems


def test_whole_example_parses_as_text_and_passes_the_checks():
    config = _read(yaml.safe_dump(Config.example()))
    fraud = config.ensembles["fraud"]
    assert fraud.answer.deadline.seconds == 0.08
    assert fraud.monitor.window == "1d"
    assert fraud.alerts.rules[1].windows == 2
    assert config.sinks["oncall"].resolved_kind == "webhook"


def test_defaults_are_those_of_the_types():
    fraud = _read(PLAIN).ensembles["fraud"]
    assert (fraud.answer.quorum, fraud.monitor.clock, fraud.labels.expected) == (1, "wall", DAY)
    assert fraud.alerts.rules == ("default",)


def test_every_problem_is_reported_at_once_with_path_and_line():
    found = _problems("""
ensembles:
  fraud:
    task: binary
    threshold: 0.4
    members:
      boost: {file: b.onnx, timeout: 40 hr}
      net: {url: "http://h/v2/models/n", timout: 3s}
      old: {file: a.pkl}
  other: {members: 3}
accces: {}
""")
    assert any("$.ensembles.fraud.members.boost.timeout (choirmaster.yaml line 7)" in one for one in found)
    assert any('say "cutoff" in place of "threshold"' in one for one in found)
    assert any('did you mean "timeout"?' in one for one in found)
    assert any('did you mean "access"?' in one for one in found)
    assert any("$.ensembles.other.members" in one and "expected a mapping, got 3" in one for one in found)
    assert any('"task": binary or multiclass or multilabel or regression or quantile' in one for one in found)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("answer: {quorum: 3}", "quorum out of range, $.ensembles.fraud.answer.quorum"),
        ("answer: {deadline: 80}", "write the unit"),
        ("answer: {breaker: {failures: 0}}", "$.ensembles.fraud.answer.breaker.failures"),
        ("answer: {breaker: {share: 1.5}}", "above 0, at most 1, got 1.5"),
        ("answer: {breaker: {rest: 10m}}", "at most the longest, got 10m"),
        ("answer: {hedge: {budget: 0}}", "$.ensembles.fraud.answer.hedge.budget"),
        ("answer: {hedge: {quantile: 95}}", "between 0 and 1, got 95"),
        ("answer: {early: {tolerance: -1}}", "$.ensembles.fraud.answer.early.tolerance"),
        ("answer: {early: {least: 1}}", "both least and greatest"),
        ("answer: {fallback: bost}", 'did you mean "boost"?'),
        ("answer: {fallback: {a: 0.5, b: 0.4}}", "must sum to 1"),
        ("fusion: {rule: weighted_meen}", 'did you mean "weighted_mean"?'),
        ("fusion: {weights: {bost: 1}}", 'did you mean "boost"?'),
        ("classes: [a, b, c]", "a binary task has two classes"),
        ("{classes: [a, b], positive: c}", "not among the classes"),
        ("cutoff: 40", "cutoff out of range"),
        ("monitor: {timezone: Mars/Base}", "unknown time zone"),
        ("monitor: {window: 1w}", "the stored window is at most a day"),
        ("monitor: {reference: {}}", "exactly one of file and first"),
        ("monitor: {reference: {first: half}}", '"30%" or "14d"'),
        ("labels: {expected: 30d, absent_after: 3d}", "absent before they are expected"),
        ("alerts: {rules: [{name: a, metric: roc_auc}]}", "a rule needs a bound"),
        ("alerts: {rules: [usual]}", "unknown value"),
        ("alerts: {sinks: [pager]}", "unknown sink"),
        ("features: {numeric: [a], categorical: [a]}", "a feature has two types"),
    ],
)
def test_what_types_cannot_say(lines, said):
    lines = lines.strip("{}").replace("], positive", "]\n    positive") if lines.startswith("{") else lines
    assert any(said in one for one in _problems(PLAIN + f"    {lines}\n")), _problems(PLAIN + f"    {lines}\n")


@pytest.mark.parametrize(
    ("access", "said"),
    [
        ("listen: 0.0.0.0:80", ["needs tokens", "needs TLS"]),
        ("{listen: 0.0.0.0:80, behind_proxy: true}", ["needs tokens"]),
        ("listen: nowhere", ["cannot read an address"]),
        ("tokens: [{name: a, sha256: abc, roles: [score]}]", ["not a sha256"]),
        ("tokens: [{name: a, sha256: abc, roles: [root]}]", ["unknown value"]),
    ],
)
def test_access_is_refused_unless_guarded(access, said):
    found = _problems(f"access: {access}" if access.startswith("{") else f"access:\n  {access}")
    for text in said:
        assert any(text in one for one in found), found


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "localhost:80", "[::1]:80", "127.9.9.9:0"])
def test_loopback_needs_no_token(listen):
    assert _read(f'access: {{listen: "{listen}"}}').access.listen == listen


def test_variables_files_and_their_origin():
    text = 'store: ${WHERE}\nsinks: {a: {url: "${file:secret.txt}"}, b: {kind: log}}\njournal: ${J:-./j}'
    config = _read(text, files={"secret.txt": "https://hooks.test/x\n"}, env={"WHERE": "./here"})
    assert config.store.reveal() == "./here"
    assert config.sinks["a"].url.reveal() == "https://hooks.test/x"
    sources = {path: source for path, _, source in effective(config)}
    assert sources["$.store"] == "environment WHERE"
    assert sources["$.sinks.a.url"] == "file secret.txt"
    assert sources["$.sinks.a.timeout"] == "default"


def test_what_is_not_set_is_said():
    assert any("set PAGER" in one for one in _problems("store: ${PAGER}"))
    assert any("cannot read a file" in one for one in _problems("store: ${file:none}"))


def test_a_dollar_can_be_written():
    assert _read("store: $${x}").store.reveal() == "${x}"


def test_command_line_wins_over_environment_over_file():
    env = {"CHOIRMASTER__ACCESS__LISTEN": "127.0.0.1:1", "CHOIRMASTER__STORE": "./env"}
    config = _read("access: {listen: '127.0.0.1:2'}", env=env, overrides={"access.listen": "127.0.0.1:3"})
    sources = {path: (text, source) for path, text, source in effective(config)}
    assert sources["$.access.listen"] == ("127.0.0.1:3", "command line")
    assert sources["$.store"] == ("./env", "environment")


def test_includes_and_defaults():
    one = "ensembles: {late: {task: regression, members: {a: {file: a.onnx}}, monitor: {window: 6h}}}"
    text = "include: [e/*.yaml]\ndefaults: {monitor: {window: 1h, every: 9m}}" + PLAIN
    config = _read(text, files={"e/one.yaml": one}, list_files=lambda pattern: ["e/one.yaml"])
    assert config.ensembles["late"].monitor.window == "6h"
    assert config.ensembles["fraud"].monitor.window == "1h"
    assert config.ensembles["fraud"].monitor.every == Duration.read("9m")


def test_secrets_are_masked_everywhere():
    text = (
        'store: "postgresql://joe:hunter2@db/x"\n'
        'sinks: {a: {url: "https://u:hunter2@h.test/hunter2?k=hunter2", headers: {X: hunter2}}}'
    )
    config = _read(text)
    shown = repr(config) + str(effective(config)) + f"{config.store}"
    assert "hunter2" not in shown
    assert "h.test" in shown


def test_a_wrong_secret_is_not_repeated():
    assert "hunter2" not in str(_problems('sinks: {a: {url: ["hunter2"]}}'))


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("positive: yes", {"positive": "yes"}), ("a: 12:30", {"a": "12:30"}), ("a: 2013-04-22", {"a": "2013-04-22"}),
        ("a: 1e3", {"a": 1000.0}), ("a: 007", {"a": 7}), ("a: ~", {"a": None}), ("a: 1_000", {"a": "1_000"}),
        ("", None),
    ],
)  # fmt: skip
def test_yaml_means_what_people_mean(text, data):
    assert load(text).data == data


def test_keys_given_twice_are_a_problem():
    assert "$.a.b (line 3)" in str(load("a:\n  b: 1\n  b: 2\n").problems[0])


@pytest.mark.parametrize("text", ["a: [", "a: &x [*x]", "[" * 5000, "a: !!python/object:os.system {}", "\x00"])
def test_yaml_that_is_none_is_one_error(text):
    with pytest.raises(ConfigError):
        load(text)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["ensembles", "sinks", "access", "listen", "members", "tokens", "task", "a"]),
                        inner, max_size=4), max_leaves=12))  # fmt: skip
def test_whatever_stands_there_parses_or_is_refused_in_order(data):
    text = json.dumps(data)
    try:
        config = _read(text)
    except ConfigError as error:
        assert str(error)
    else:
        assert isinstance(config, Config)


def test_synonyms_lead_to_keys_that_exist():
    keys = {field for kind in TYPES for field in kind.__struct_encode_fields__} | {"label"}
    assert set(SYNONYMS.values()) <= keys


def test_json_schema_holds_every_key_and_shows_durations_as_written():
    schema = json_schema()
    assert json.dumps(schema)
    monitor = schema["$defs"]["Monitor"]
    assert monitor["properties"]["every"]["default"] == "5m"
    assert monitor["additionalProperties"] is False
    assert "origins" not in schema["$defs"]["Config"]["properties"]
    assert "for" in schema["$defs"]["Rule"]["properties"]


def test_secret_equality_is_by_text():
    assert Secret("a") == Secret("a") != Secret("b")


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("role: canary", "a canary needs a share"),
        ("share: 0.1", "nobody else has one"),
        ("role: canary, share: 2", "share out of range"),
        ("role: boss", "unknown value"),
        ("role: shadow", "quorum out of range"),
        ("batch: -1", "batch out of range"),
    ],
)
def test_roles_and_shares_of_members(member, said):
    text = "ensembles: {one: {task: regression, members: {a: {file: a.onnx, %s}}}}"
    assert any(said in problem for problem in _problems(text % member))
