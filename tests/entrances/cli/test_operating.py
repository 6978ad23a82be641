"""The operator's verbs on the command line, over a real store: what is said, kept, listed and refused."""

from __future__ import annotations

import json

import pytest

from choirmaster.app.services import Services
from choirmaster.cli.main import main

CONFIG = """\
store: ./data
ensembles:
  fraud:
    task: binary
    classes: [legit, fraud]
    members:
      boost: {file: models/boost.onnx}
      net: {file: models/net.onnx}
    fusion: {rule: weighted_mean}
    answer: {quorum: 1, fallback: net}
"""
WHY = ("--reason", "times out", "--who", "ana")


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("CHOIRMASTER_URL", raising=False)
    config = tmp_path / "choirmaster.yaml"
    config.write_text(CONFIG)

    def call(*argv, code=0):
        found = main([*argv, "--config", str(config)], Services)
        out, err = capsys.readouterr()
        assert found == code, err
        return out + err

    call.config = config
    return call


def test_the_verbs_say_what_was_and_what_is(run):
    said = run("member", "set", "fraud", "boost", "--role", "canary", "--share", "0.1", *WHY)
    assert said == "fraud: boost: voter -> boost: canary 0.1\n"
    assert run("weights", "set", "fraud", "net=4", *WHY) == (
        "fraud: weights: boost 1, net 1 (equal) -> weights: boost 1, net 4 (decision-2)\n")  # fmt: skip
    assert "not frozen -> frozen until 20" in run("freeze", "fraud", "--for", "5d", *WHY)
    assert run("undo", "fraud", *WHY) == "fraud: frozen -> not frozen\n"
    listed = run("member", "list", "fraud").splitlines()
    assert listed[1].split("\t") == ["fraud", "boost", "canary", "0.1", "1", "voter", "ana", "", "times out"]
    assert listed[3].startswith("fraud: weights: boost 1, net 4 (decision-2), set by ana")
    assert "boost: voter" in run("member", "clear", "fraud", "boost", *WHY)
    assert "(equal)" in run("weights", "clear", "fraud", *WHY)
    assert json.loads(run("member", "list", "--json"))[0]["overrides"] == []


@pytest.mark.parametrize(("argv", "words"), [
    (("member", "set", "fraud", "boost", "--role", "off"), "a reason is needed"),
    (("member", "set", "fraud", "bost", "--role", "off", *WHY), 'did you mean "boost"'),
    (("member", "set", "fraud", "boost", "--role", "of", *WHY), 'did you mean "off"'),
    (("member", "set", "frod", "boost", "--role", "off", *WHY), 'did you mean "fraud"'),
    (("weights", "set", "fraud", "boost", *WHY), 'expected member=weight, such as boost=2, got "boost"'),
    (("weights", "set", "fraud", "boost=much", *WHY), "cannot read a weight"),
    (("weights", "set", "fraud", "boost=nan", *WHY), "weight out of range"),
    (("freeze", "fraud", "--for", "soon", *WHY), "cannot read a duration"),
    (("unfreeze", "fraud", *WHY), "not frozen"),
    (("undo", "fraud", *WHY), "nothing to undo"),
])  # fmt: skip
def test_what_cannot_be_is_usage(run, argv, words):
    assert words in run(*argv, code=2)


def test_the_last_voter_goes_out_by_force_only(run):
    run("member", "set", "fraud", "boost", "--role", "shadow", *WHY)
    assert "--force" in run("member", "set", "fraud", "net", "--role", "shadow", *WHY, code=2)
    run("member", "set", "fraud", "net", "--role", "shadow", "--force", *WHY)


def test_the_fallback_goes_out_by_force_only(run):
    assert "the fallback would not answer" in run("member", "set", "fraud", "net", "--role", "off", *WHY, code=2)
    run("member", "set", "fraud", "net", "--role", "off", "--force", *WHY)


def test_check_says_what_holds_in_place_of_the_file_and_makes_no_store(run):
    before = run("check", code=2)  # the models are not there
    assert not (run.config.parent / "data").exists()
    assert "$.ensembles.fraud.members.boost.role" in before and "set by" not in before
    run("member", "set", "fraud", "boost", "--role", "shadow", *WHY)
    run("weights", "set", "fraud", "net=4", *WHY)
    lines = run("check", code=2).splitlines()
    assert "$.ensembles.fraud.members.boost.role\tshadow\tset by ana: times out" in lines
    assert "$.ensembles.fraud.fusion.weights.net\t4\tset by ana: times out" in lines
    assert "fraud: boost: shadow, where the file says voter; set by ana: times out" in lines
