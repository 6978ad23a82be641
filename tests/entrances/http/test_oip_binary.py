"""Tensors as bytes behind the JSON: the same answers as JSON gives, and every lie about a length is a plain refusal."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from choirmaster.http.oip.messages import Tensor
from choirmaster.http.oip.tensors import elements
from choirmaster.layout import Layout, Output, SeriesSpec, Task
from tests.entrances.http.kit import Fake, browser, runner
from tests.entrances.http.test_malformed import check

ASK = browser()
SOME = max(200, settings().max_examples)  # more in `make soak`
AMOUNTS, DELAYS = "/v2/models/amounts/infer", "/v2/models/delays/infer"


def texts(*words):
    return b"".join(struct.pack("<I", len(word)) + word for word in (one.encode() for one in words))


def sized(name, datatype, shape, raw, **more):
    return {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": len(raw)}, **more}


def body(inputs, *tails, **more):
    head = json.dumps({"inputs": inputs, **more}).encode()
    return b"".join((head, *tails)), {"Inference-Header-Content-Length": str(len(head))}


def send(path, inputs, *tails, ask=ASK, **more):
    content, headers = body(inputs, *tails, **more)
    return ask.post(path, content=content, headers=headers)


def answer(response):
    """Return the JSON of an answer, and its outputs by name, as arrays or lists, wherever they stand."""
    cut = response.headers.get("inference-header-content-length")
    head, tail = (
        (response.content, b"") if cut is None else (response.content[: int(cut)], response.content[int(cut) :])
    )
    found = json.loads(head)
    out = {}
    for one in found["outputs"]:
        size = one.get("parameters", {}).get("binary_data_size")
        if size is None:
            out[one["name"]] = one["data"]
            continue
        assert "data" not in one
        raw, tail = tail[:size], tail[size:]
        assert len(raw) == size
        if one["datatype"] == "FP64":
            out[one["name"]] = np.frombuffer(raw, "<f8").reshape(one["shape"])
            continue
        words = []
        while raw:
            (length,) = struct.unpack_from("<I", raw)
            words.append(raw[4 : 4 + length].decode())
            raw = raw[4 + length :]
        assert len(words) == np.prod(one["shape"], dtype=int)
        out[one["name"]] = words
    assert tail == b""
    return found, out


def test_the_protocol_s_example_of_a_binary_request():
    """Sixteen bytes of UINT32 [2,2] behind the JSON, one output back as bytes; with this model's names."""
    raw = np.array([[1, 2], [3, 4]], "<u4").tobytes()
    wanted = [{"name": "predict", "parameters": {"binary_data": True}}]
    response = send(AMOUNTS, [sized("x", "UINT32", [2, 2], raw)], raw, outputs=wanted, model_name="amounts")
    assert response.status_code == 200 and response.headers["content-type"] == "application/octet-stream"
    found, out = answer(response)
    assert found["outputs"] == [
        {"name": "predict", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": 16}}
    ]
    assert response.content.endswith(struct.pack("<2d", 3.0, 7.0)) and out["predict"].tolist() == [3.0, 7.0]


def test_the_protocol_s_example_of_booleans_is_a_byte_each():
    assert elements(Tensor("input1", [3], "BOOL"), memoryview(b"\x01\x00\x01")).tolist() == [True, False, True]


NUMBERS = {"FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "INT64": "<i8", "INT32": "<i4", "INT16": "<i2", "INT8": "<i1",
           "UINT64": "<u8", "UINT32": "<u4", "UINT16": "<u2", "UINT8": "<u1", "BOOL": "?"}  # fmt: skip


@pytest.mark.parametrize("datatype", NUMBERS)
def test_every_type_of_number(datatype):
    values = np.array([0, 1, 1], NUMBERS[datatype])
    raw, ones = values.tobytes(), np.ones(3).tobytes()
    response = send(AMOUNTS, [sized("u", datatype, [3], raw), sized("v", "FP64", [3, 1], ones)], raw, ones)
    assert answer(response)[1]["predict"] == [1.0, 2.0, 2.0], response.text


def test_the_upper_half_of_a_number():
    raw = np.array([1.5, -2.0], np.float32).view("<u4").__rshift__(16).astype("<u2").tobytes()
    assert elements(Tensor("u", [2], "BF16"), memoryview(raw)).tolist() == [1.5, -2.0]


def test_whole_numbers_beyond_2_to_the_53_stay_whole_as_ids():
    big, ones = np.array([2**63 - 1], "<i8").tobytes(), np.ones(1).tobytes()
    inputs = [sized("_id", "INT64", [1], big), sized("u", "FP64", [1], ones), sized("v", "FP64", [1], ones)]
    assert answer(send(AMOUNTS, inputs, big, ones, ones))[1]["_id"] == [str(2**63 - 1)]


def test_reserved_inputs_and_all_outputs_as_bytes():
    kept = []
    ask = browser(runners={"delays": runner(kept=kept)})
    parts = [
        ("x", "FP32", np.array([1.5, np.nan], "<f4").tobytes()), ("c", "BYTES", texts("Zürich", "")),
        ("_id", "BYTES", texts("f1", "f2")), ("_time", "INT64", np.array([7, 8], "<i8").tobytes()),
        ("_segment.shop", "BYTES", texts("north", "south")),
    ]  # fmt: skip
    inputs = [sized(name, kind, [2], raw) for name, kind, raw in parts]
    tails = [raw for _, _, raw in parts]
    response = send("/v2/models/delays/infer", inputs, *tails, ask=ask, parameters={"binary_data_output": True})
    found, out = answer(response)
    assert out["predict"] == ["no", "no"] and out["_id"] == ["f1", "f2"]
    assert out["predict_proba"].tolist() == [[0.5, 0.5]] * 2
    assert found["parameters"]["present"] == "a,b"
    rows = kept[0].rows
    assert rows["x.x"].to_pylist() == [1.5, None] and rows["x.c"].to_pylist() == ["Zürich", ""]
    assert rows["time"].cast("int64").to_pylist() == [7, 8] and rows["tag.shop"].to_pylist() == ["north", "south"]


def test_an_output_s_own_wish_wins_over_that_for_all():
    raw = np.ones(2).tobytes()
    wanted = [{"name": "predict", "parameters": {"binary_data": False}}, {"name": "_id"}]
    response = send(AMOUNTS, [sized("x", "FP64", [1, 2], raw)], raw, outputs=wanted, id="r",
                    parameters={"binary_data_output": True})  # fmt: skip
    found, out = answer(response)
    assert out == {"predict": [2.0], "_id": ["r/0"]} and "data" in found["outputs"][0]


def test_not_answered_is_not_a_number_or_an_empty_text():
    ask = browser(runners={"delays": runner({"a": Fake("a", half), "b": Fake("b", half)})})
    raw = np.ones(2).tobytes()
    response = send(DELAYS, [sized("x", "FP64", [2], raw)], raw, ask=ask, parameters={"binary_data_output": True})
    out = answer(response)[1]
    assert out["predict"] == ["no", ""]
    assert np.array_equal(out["predict_proba"], [[0.5, 0.5], [np.nan, np.nan]], equal_nan=True)


def half(table):
    out = np.full((table.num_rows, 2), 0.5)
    out[1:] = np.nan
    return out


def one_feature(kind):
    layout = Layout(Task.REGRESSION, (SeriesSpec("a", Output.VALUE), SeriesSpec("fused", Output.VALUE)),
                    numeric=("u",) if kind == "FP64" else (), categorical=() if kind == "FP64" else ("u",))  # fmt: skip

    def say(table):
        column = table["u"]
        return np.asarray(column) if kind == "FP64" else np.array([len(one) for one in column.to_pylist()], float)

    return browser(runners={"one": runner({"a": Fake("a", say, None, ("u",))}, layout, "one")})


@pytest.mark.parametrize(("kind", "raw", "says"), [
    ("FP64", np.array([2.0, 3.5]).tobytes(), [2.0, 3.5]), ("BYTES", texts("ab", "", "xyz"), [2.0, 0.0, 3.0]),
])  # fmt: skip
def test_a_body_of_nothing_but_the_one_tensor(kind, raw, says):
    response = one_feature(kind).post("/v2/models/one/infer", content=raw,
                                      headers={"Inference-Header-Content-Length": "0"})  # fmt: skip
    assert answer(response)[1]["predict"].tolist() == says, response.text


@pytest.mark.parametrize(("kind", "raw"), [("FP64", b"123"), ("BYTES", b"\x05\x00\x00\x00ab"), ("BYTES", b"\x01")])
def test_a_body_of_one_broken_tensor(kind, raw):
    response = one_feature(kind).post("/v2/models/one/infer", content=raw,
                                      headers={"Inference-Header-Content-Length": "0"})  # fmt: skip
    assert response.status_code == 400 and list(response.json()) == ["error"]


def test_a_body_without_json_does_not_fit_a_model_of_two_inputs():
    response = ASK.post(AMOUNTS, content=b"\0" * 16, headers={"Inference-Header-Content-Length": "0"})
    assert response.status_code == 400 and "one input only" in response.json()["error"]


ONE, TWO = np.ones(1).tobytes(), np.ones(2).tobytes()
TWICE = sized("u", "FP64", [1], ONE)
WRONG = {
    "no header": ([sized("x", "FP64", [1, 2], TWO)], None, TWO, "send the header"),
    "header beyond the body": ([sized("x", "FP64", [1, 2], TWO)], "9999", TWO, "at most"),
    "header no number": ([sized("x", "FP64", [1, 2], TWO)], "-1", TWO, "whole number"),
    "header of digits that are no ASCII": ([sized("x", "FP64", [1, 2], TWO)], "1" * 30, TWO, "whole number"),
    "size beyond the rest": ([sized("x", "FP64", [1, 2], TWO + ONE)], "", TWO, "the bytes left"),
    "bytes left over": ([sized("x", "FP64", [1, 2], TWO)], "", TWO + b"\0", "left over"),
    "size does not fit the shape": ([sized("x", "FP64", [2, 2], TWO)], "", TWO, "does not fit its shape"),
    "size is text": ([{"name": "u", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": "8"}}], "",
                     ONE, "bad binary_data_size"),
    "size is true": ([{"name": "u", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": True}}], "",
                     ONE, "bad binary_data_size"),
    "size below zero": ([{"name": "u", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": -8}}], "",
                        ONE, "bad binary_data_size"),
    "data and bytes": ([sized("u", "FP64", [1], ONE, data=[1])], "", ONE, "has both"),
    "the same input twice": ([TWICE, TWICE], "", TWO, "given twice"),
    "a shape beyond 64 bits": ([sized("x", "FP64", [2**33, 2**33], TWO)], "", TWO, "too many rows"),
    "unknown type": ([sized("u", "FP65", [1], ONE)], "", ONE, "unknown datatype"),
    "text for a number": ([sized("u", "BYTES", [1], texts("1"))], "", texts("1"), "expected a number"),
    "flag that is no truth": ([sized("x", "FP64", [1, 2], TWO)], "", TWO, "true or false"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_a_lie_is_refused_and_named(case):
    inputs, header, tail, words = WRONG[case]
    more = {"parameters": {"binary_data_output": 1}} if case.startswith("flag") else {}
    content, headers = body(inputs, tail, **more)
    if header is None:
        headers = {}
    elif header:
        headers["Inference-Header-Content-Length"] = header
    response = ASK.post(AMOUNTS, content=content, headers=headers)
    assert response.status_code in {400, 413}, response.text
    assert list(response.json()) == ["error"]
    if case != "no header":  # bytes behind JSON are no JSON
        assert words in response.json()["error"], response.json()


@pytest.mark.parametrize(
    "raw", [b"", b"\x01", b"\xff\xff\xff\xff", texts("a") + b"\0", texts("a", "b"), b"\x01\0\0\0\xff"]
)
def test_texts_that_do_not_end_where_they_should(raw):
    response = send(DELAYS, [sized("c", "BYTES", [1], raw)], raw)
    assert response.status_code == 400 and list(response.json()) == ["error"], response.text


# -- the same as JSON, and never a fault of the server ----------------------------------------------------------------

rows = st.lists(st.tuples(st.floats(-1e6, 1e6) | st.just(float("nan")), st.text(max_size=5)), min_size=1, max_size=6)


@given(rows, st.booleans())
@settings(max_examples=SOME)
def test_bytes_and_json_give_the_same_answer(given_rows, back):
    numbers, words = [one for one, _ in given_rows], [one for _, one in given_rows]
    raw, coded = np.array(numbers).tobytes(), texts(*words)
    n = len(numbers)
    said = {"parameters": {"binary_data_output": back}, "id": "r"}
    outputs = [{"name": one} for one in ("predict", "predict_proba", "_id", "member.b.predict_proba")]
    binary = send(DELAYS, [sized("x", "FP64", [n], raw), sized("c", "BYTES", [n], coded)], raw, coded,
                  outputs=outputs, **said)  # fmt: skip
    plain = ASK.post(DELAYS, json={"inputs": [
        {"name": "x", "shape": [n], "datatype": "FP64", "data": [None if one != one else one for one in numbers]},
        {"name": "c", "shape": [n], "datatype": "BYTES", "data": words}], "outputs": outputs, "id": "r"})  # fmt: skip
    (_, first), (_, second) = answer(binary), answer(plain)
    for name, values in second.items():
        assert np.asarray(first[name]).ravel().tolist() == values


whole_bodies = st.sampled_from([
    body([sized("x", "FP64", [1, 2], TWO)], TWO),
    body([sized("u", "INT8", [1], b"\1"), sized("v", "FP32", [1], b"\0\0\x80\x3f")], b"\1", b"\0\0\x80\x3f"),
    body([sized("u", "BYTES", [2], texts("a", "bc")), sized("v", "FP64", [2], TWO)], texts("a", "bc"), TWO),
])  # fmt: skip


@given(whole_bodies, st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4), st.integers(-30, 30),
       st.none() | st.integers(-2, 400) | st.text(max_size=6))  # fmt: skip
@settings(max_examples=3 * SOME)
def test_mutated_bodies(whole, changes, cut, header):
    content, headers = bytearray(whole[0]), dict(whole[1])
    for place, value in changes:
        content[place % len(content)] = value
    content = content[:cut] if cut < 0 else content + b"\0" * cut
    if header is not None:
        headers["Inference-Header-Content-Length"] = str(header).encode("ascii", "ignore").decode().strip("\0\r\n\t ")
    response = ASK.post(AMOUNTS, content=bytes(content), headers=headers)
    if response.status_code == 200:
        answer(response)
    else:  # a shape of many rows that no member can use is answered as below quorum
        assert response.status_code == 503 or check(response, AMOUNTS) is None
