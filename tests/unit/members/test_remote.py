"""A member on another server: our own, one that speaks binary, and one that hangs, drips, dies and lies."""

from __future__ import annotations

import json
import math
import socket
import time

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.errors import ConfigError, MemberError
from choirmaster.http.app import build_app
from choirmaster.http.settings import AccessSettings
from choirmaster.http.tokens import new_token
from choirmaster.members.remote_v2 import RemoteV2Member
from tests.entrances.http.kit import Fake, regression, runner, served, services
from tests.unit.members import scripted_v2 as bad

FREE = AccessSettings(listen="127.0.0.1:0")
ROWS = pa.table({"x": pa.array([0.25, None, 1.5]), "c": pa.array(["a", None, "ü"]).dictionary_encode(),
                 "u": [1.0, 2.0, 3.0], "v": [0.1, 0.2, 0.3]})  # fmt: skip


def metadata(inputs=(("u", "FP64", [-1]), ("v", "FP64", [-1])), outputs=(("predict", "FP64", [-1]),), **more):
    specs = [[{"name": n, "datatype": d, "shape": s} for n, d, s in some] for some in (inputs, outputs)]
    return {"name": "m", "versions": ["3"], "platform": "p", "inputs": specs[0], "outputs": specs[1], **more}


def test_a_choirmaster_server_answers_as_its_ensemble():
    def late(features):
        x = np.nan_to_num(features["x"].to_numpy(), nan=0.5) / 2
        known = [one is not None for one in features["c"].to_pylist()]
        return np.column_stack([1 - x * known, x * known])

    whole = runner({"a": Fake("a", late), "b": Fake("b", late)})
    with served(build_app(services(runners={"delays": whole, "amounts": regression()}), FREE), FREE) as (_, url):
        member = RemoteV2Member("m", f"{url}/v2/models/delays", classifies=True)
        assert member.classes == ("no", "yes") and member.features == ("x", "c") and member.version == whole.version
        assert (member.predict(ROWS) == whole.predict(ROWS.select(["x", "c"]))).all()
        number = RemoteV2Member("n", f"{url}/v2/models/amounts")
        assert number.classes is None and number.features == ("u", "v")
        assert number.predict(ROWS).tolist() == [1.1, 2.2, 3.3]
        one = RemoteV2Member("o", f"{url}/v2/models/delays.a")
        assert (one.predict(ROWS) == late(ROWS)).all()
        for each in (member, number, one):
            each.close()


def test_a_token_is_sent_and_its_lack_told():
    secret, token = new_token("t", ("score",))
    settings = AccessSettings(listen="127.0.0.1:0", tokens=(token,))
    with served(build_app(services(), settings), settings) as (_, url):
        with pytest.raises(MemberError, match=r"refuses.*401"):
            RemoteV2Member("m", f"{url}/v2/models/amounts", features=())
        member = RemoteV2Member("m", f"{url}/v2/models/amounts", headers={"Authorization": f"Bearer {secret}"})
        assert member.predict(ROWS).tolist() == [1.1, 2.2, 3.3]
        member.close()


@pytest.mark.parametrize("extensions", [[], ["binary_tensor_data"]])
@pytest.mark.parametrize("datatype", ["FP64", "FP32", "INT64"])
def test_tensors_travel_as_the_model_takes_them(extensions, datatype):
    told = metadata([("u", datatype, [-1, 1]), ("c", "BYTES", [-1])])
    with bad.scripted(bad.adds, metadata=told, extensions=extensions) as (server, url):
        member = RemoteV2Member("m", url)
        assert member.predict(ROWS).tolist() == [2.0, 2.0, 3.0 + (2 if extensions else 1)]
        first = server.asked[0]["inputs"][0]
        assert (first["shape"], first["datatype"], "data" in first) == ([3, 1], datatype, not extensions)
        assert member.version == ("7" if extensions else "3")
        assert server.asked[0]["parameters"]["timeout"] == 10_000_000
        member.close()


def test_inputs_are_mapped_and_may_be_one_matrix():
    with bad.scripted(bad.adds, metadata=metadata()) as (server, url):
        member = RemoteV2Member("m", url, inputs={"u": "v", "v": "x"})
        assert member.features == ("v", "x")
        member.predict(ROWS.slice(0, 1))
        assert [(one["name"], one["data"]) for one in server.asked[-1]["inputs"]] == [("u", [0.1]), ("v", [0.25])]
        member.close()
    with bad.scripted(bad.adds, metadata=metadata([("input-0", "FP32", [-1, 2])])) as (server, url):
        with pytest.raises(ConfigError, match="which features"):
            RemoteV2Member("m", url)
        for more in ({}, {"inputs": {"input-0": "*"}}):
            member = RemoteV2Member("m", url, features=["u", "v"], **more)
            assert member.predict(ROWS) == pytest.approx([1.1, 2.2, 3.3], abs=1e-6)
            assert server.asked[-1]["inputs"][0]["shape"] == [3, 2]
            member.close()


def test_the_output_is_found_or_declared():
    two = [("score", "FP64", [-1]), ("other", "FP64", [-1])]
    act = bad.says(bad.tensor("score", [1, 2, 3]), bad.tensor("other", [4, 5, 6]))
    with bad.scripted(act, metadata=metadata(outputs=two)) as (_, url):
        member, told = RemoteV2Member("m", url), RemoteV2Member("m", url, tensor="other")
        with pytest.raises(MemberError, match=r"cannot tell which output.*score, other"):
            member.predict(ROWS)
        assert told.predict(ROWS).tolist() == [4, 5, 6]
        for one in (member, told):
            one.close()


def test_probabilities_are_told_by_name_and_classes_by_the_metadata():
    outputs = [("predict", "INT64", [-1]), ("predict_proba", "FP64", [-1, 2])]
    shares = [[0.1, 0.9], [0.4, 0.6], [1, 0]]
    act = bad.says(bad.tensor("predict", [1, 1, 0], "INT64"), bad.tensor("predict_proba", shares))
    for parameters in ({"classes": '["no", "yes"]'}, {"classes": ["no", "yes"]}):
        with bad.scripted(act, metadata=metadata(outputs=outputs, parameters=parameters)) as (_, url):
            member = RemoteV2Member("m", url, classifies=True)
            assert member.classes == ("no", "yes") and member.predict(ROWS).tolist() == shares
            member.close()


GOOD = bad.tensor("predict", [1.0, 2.0, 3.0])
LIES = {
    "no JSON": bad.raw(b"<html>"),
    "cut JSON": bad.raw(b'{"outputs": ['),
    "not a number": bad.raw(b'{"outputs":[{"name":"predict","datatype":"FP64","shape":[3],"data":[NaN,1,2]}]}'),
    "another output": bad.says(bad.tensor("other", [1, 2, 3])),
    "too few": bad.says(bad.tensor("predict", [1, 2])),
    "too many": bad.says(bad.tensor("predict", [1, 2, 3, 4])),
    "another shape than its data": bad.says(GOOD | {"shape": [4]}),
    "a negative shape": bad.says(GOOD | {"shape": [-3]}),
    "a huge shape": bad.says(GOOD | {"shape": [2**62, 2**62]}),
    "deep shape": bad.says(GOOD | {"shape": [3] + [1] * 50}),
    "texts for numbers": bad.says(GOOD | {"data": ["1", "2", "3"]}),
    "texts": bad.says(GOOD | {"datatype": "BYTES"}),
    "an unknown datatype": bad.says(GOOD | {"datatype": "FP128"}),
    "ragged": bad.says(GOOD | {"data": [[1, 2], [3]]}),
    "no data": bad.says({"name": "predict", "datatype": "FP64", "shape": [3]}),
    "binary data that is not there": bad.says(GOOD | {"parameters": {"binary_data_size": 24}}),
    "a negative size": bad.says(GOOD | {"parameters": {"binary_data_size": -24}}),
    "a size of text": bad.says(GOOD | {"parameters": {"binary_data_size": "24"}}),
    "a header beyond the body": bad.says(GOOD, Inference_Header_Content_Length="99999999"),
    "a header of words": bad.says(GOOD, Inference_Header_Content_Length="all"),
    "compressed": bad.says(GOOD, Content_Encoding="gzip"),
    "an error": bad.raw(json.dumps({"error": "\x1b[31mout of memory\n" + "x" * 5000}).encode(), 500),
    "an error of another form": bad.raw(b"[1]", 503),
    "created": bad.says(GOOD, status=201),
    "a redirect": bad.redirects,
    "deep JSON": bad.raw(b"[" * 100_000),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_an_error_of_this_call_only(lie):
    with bad.scripted(LIES[lie], metadata=metadata()) as (server, url):
        member = RemoteV2Member("m", url)
        with pytest.raises(MemberError) as caught:
            member.predict(ROWS)
        text = str(caught.value)
        assert 'member "m"' in text and len(text) < 800 and text.isprintable()
        assert not [path for _, path, _ in server.seen if path == "/elsewhere"]
        server.act = bad.says(GOOD)
        assert member.predict(ROWS).tolist() == [1.0, 2.0, 3.0]
        member.close()


@pytest.mark.parametrize("act", [bad.hangs, bad.drips], ids=["hangs", "drips"])
def test_a_call_is_cancelled_at_its_deadline(act):
    with bad.scripted(act, metadata=metadata()) as (server, url):
        member = RemoteV2Member("m", url)
        start = time.monotonic()
        with pytest.raises(MemberError, match="does not answer in time"):
            member.predict_within(ROWS, 0.2)
        assert 0.2 <= time.monotonic() - start < 2.0
        if act is bad.hangs:  # the other side sees the connection end: nothing is left running
            until = time.monotonic() + 5.0
            while not server.gone and time.monotonic() < until:
                time.sleep(0.01)
            assert server.gone == [True]
        member.close()


def test_a_call_that_breaks_off_or_floods():
    with bad.scripted(bad.dies, metadata=metadata()) as (server, url):
        member = RemoteV2Member("m", url)
        with pytest.raises(MemberError, match="breaks off"):
            member.predict(ROWS)
        server.act = bad.floods
        with pytest.raises(MemberError, match="answers too much"):
            member.predict(ROWS)
        assert server.sent < 20_000_000
        member.close()


def test_connections_are_kept_and_bounded():
    with bad.scripted(bad.says(GOOD), metadata=metadata()) as (server, url):
        opened = []
        own = server.get_request
        server.get_request = lambda: (opened.append(1), own())[1]
        member = RemoteV2Member("m", url, concurrency=2)
        for _ in range(20):
            member.predict(ROWS)
        assert len(opened) == 1
        member.close()
        with pytest.raises(MemberError):
            member.predict(ROWS)


def test_nothing_of_the_environment_is_used(monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{closed.getsockname()[1]}")
        with bad.scripted(bad.says(GOOD), metadata=metadata()) as (_, url):
            member = RemoteV2Member("m", url)
            assert member.predict(ROWS).tolist() == [1.0, 2.0, 3.0]
            member.close()


def test_a_server_that_is_away_is_asked_again_where_enough_is_declared():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/v2/models/m"
        with pytest.raises(MemberError, match="cannot be reached"):
            RemoteV2Member("m", url)
        with pytest.raises(MemberError, match="cannot be reached"):
            RemoteV2Member("m", url, features=["u"], classifies=True)
        member = RemoteV2Member("m", url, features=["u"])
        with pytest.raises(MemberError, match="cannot be reached"):
            member.predict(ROWS)
    with bad.scripted(bad.says(GOOD), metadata=None) as (server, url):
        member = RemoteV2Member("m", url, features=["u"])
        with pytest.raises(MemberError, match=r"refuses.*404"):
            member.predict(ROWS)
        server.metadata = metadata([("u", "FP32", [-1])])
        assert member.predict(ROWS).tolist() == [1.0, 2.0, 3.0]
        assert member.version == "3"
        member.close()


@pytest.mark.parametrize(
    "url", ["", "model", "ftp://h/v2/models/m", "http://h", "http://h/v2", "http:///v2/models/m", "file:///v2/models/m"]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ConfigError, match="address of a remote model"):
        RemoteV2Member("m", url)


def test_a_password_in_the_address_is_not_shown():
    with pytest.raises(ConfigError) as caught:
        RemoteV2Member("m", "ftp://joe:hunter2@h/v2/models/m")
    assert "hunter2" not in str(caught.value)


def test_whole_numbers_that_are_missing_or_do_not_fit():
    with bad.scripted(bad.adds, metadata=metadata([("x", "INT64", [-1])])) as (_, url):
        member = RemoteV2Member("m", url)
        with pytest.raises(MemberError, match="whole number is missing"):
            member.predict(ROWS)
        with pytest.raises(MemberError, match="does not fit"):
            member.predict(ROWS.slice(2, 1))
        member.close()


def test_null_is_not_a_number():
    with bad.scripted(bad.says(GOOD | {"data": [1.0, None, 3.0]}), metadata=metadata()) as (_, url):
        member = RemoteV2Member("m", url)
        answer = member.predict(ROWS)
        assert math.isnan(answer[1]) and answer[[0, 2]].tolist() == [1.0, 3.0]
        member.close()
