"""An independent client of the protocol, NVIDIA's tritonclient, blocking and asynchronous, against the server.

It sends tensors as bytes by default and reads bytes back, so what it accepts is what the binary extension says.
"""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from choirmaster.http.app import build_app
from choirmaster.http.settings import AccessSettings, Limits
from choirmaster.http.tokens import new_token
from tests.entrances.http.kit import Fake, runner, served, services
from tests.services import require_package

require_package("tritonclient", "make setup-test")

import tritonclient.http as triton  # noqa: E402  after the look for it
import tritonclient.http.aio as triton_aio  # noqa: E402
from tritonclient.utils import InferenceServerException  # noqa: E402

FREE = AccessSettings(listen="127.0.0.1:0")
U, V = np.array([1.0, 2.5, 3.0]), np.array([10, 20, 30], np.int64)


@pytest.fixture(scope="module")
def url():
    with served(build_app(services(), FREE), FREE) as (_, url):
        yield url.removeprefix("http://")


@pytest.fixture
def client(url):
    with triton.InferenceServerClient(url) as one:
        yield one


def inputs(*named, binary=True, kind=triton):
    out = []
    for name, values, datatype in named:
        one = kind.InferInput(name, list(values.shape), datatype)
        one.set_data_from_numpy(values, binary_data=binary)
        out.append(one)
    return out


def amounts(*, binary=True):
    return inputs(("u", U, "FP64"), ("v", V, "INT64"), binary=binary)


def test_health_and_metadata(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("delays") and client.is_model_ready("delays.a", "v1")
    assert not client.is_model_ready("nope")
    server = client.get_server_metadata()
    assert server["name"] == "choirmaster" and "binary_tensor_data" in server["extensions"]
    model = client.get_model_metadata("amounts")
    assert [one["name"] for one in model["inputs"]] == ["u", "v"]
    assert client.get_model_metadata("delays.a", "v1")["versions"] == ["v1"]
    assert client.get_model_config("amounts")["max_batch_size"] == 0


@pytest.mark.parametrize("there", [True, False], ids=["bytes in", "json in"])
@pytest.mark.parametrize("back", [True, False], ids=["bytes out", "json out"])
def test_inference(client, there, back):
    wanted = [triton.InferRequestedOutput(one, binary_data=back) for one in ("predict", "_id", "member.a.predict")]
    result = client.infer("amounts", amounts(binary=there), outputs=wanted, request_id="r7")
    assert result.as_numpy("predict").tolist() == [11.0, 22.5, 33.0]
    assert result.as_numpy("member.a.predict").dtype == np.float64
    ids = [one.decode() if isinstance(one, bytes) else one for one in result.as_numpy("_id").tolist()]
    assert ids == ["r7/0", "r7/1", "r7/2"]
    answer = result.get_response()
    assert answer["id"] == "r7" and answer["model_name"] == "amounts"
    assert answer["parameters"]["present"] == "a,b" and answer["parameters"]["degraded"] is False


def test_all_outputs_when_none_is_named(client):
    result = client.infer("amounts", amounts())
    assert result.as_numpy("predict").tolist() == [11.0, 22.5, 33.0]
    assert client.infer("amounts", amounts(), model_version=result.get_response()["model_version"])


def test_texts(client):
    words = np.array(["Zürich", "", "AA"], dtype=object)
    given = inputs(("x", np.array([0.5, 1.0, np.nan], np.float32), "FP32"), ("c", words, "BYTES"))
    result = client.infer("delays", given)
    assert result.as_numpy("predict").tolist() == [b"no"] * 3
    assert result.as_numpy("predict_proba").tolist() == [[0.5, 0.5]] * 3


def test_the_two_best_classes(client):
    wanted = [triton.InferRequestedOutput("predict_proba", class_count=2)]
    result = client.infer("delays.b", inputs(("x", np.array([1.0]), "FP64")), outputs=wanted)
    assert result.as_numpy("predict_proba").tolist() == [[b"0.75:1:yes", b"0.25:0:no"]]


@pytest.mark.parametrize("there", [None, "gzip", "deflate"])
@pytest.mark.parametrize("back", [None, "gzip", "deflate"])
def test_compression(client, there, back):
    many = np.tile(U, 200)
    given = inputs(("u", many, "FP64"), ("v", np.tile(V, 200), "INT64"))
    more = {"request_compression_algorithm": there, "response_compression_algorithm": back}
    result = client.infer("amounts", given, **more)
    assert result.as_numpy("predict").tolist() == [11.0, 22.5, 33.0] * 200


def test_parameters(client):
    result = client.infer("amounts", amounts(), parameters={"explain": True})
    shares = [result.as_numpy(f"member.{one}.share") for one in ("a", "b")]
    assert np.allclose(sum(shares), result.as_numpy("predict"))
    assert result.get_response()["parameters"]["shares"] == "share"
    with pytest.raises(InferenceServerException, match="the time of the request was over") as caught:
        client.infer("amounts", amounts(), timeout=1)  # a microsecond
    assert caught.value.status() == "504"


def test_repository_and_statistics(client):
    index = client.get_model_repository_index()
    assert {one["name"]: one["state"] for one in index}["delays.b"] == "READY"
    before = client.get_inference_statistics("amounts")["model_stats"][0]
    client.infer("amounts", amounts())
    after = client.get_inference_statistics("amounts")["model_stats"][0]
    assert after["inference_count"] - before["inference_count"] == 3
    assert after["execution_count"] - before["execution_count"] == 1
    everything = client.get_inference_statistics()["model_stats"]
    assert {"amounts", "amounts.a", "delays"} <= {one["name"] for one in everything}
    with pytest.raises(InferenceServerException, match="models come from the configuration"):
        client.load_model("amounts")


@pytest.mark.parametrize(("model", "given", "words"), [
    ("nope", amounts(), "unknown model"),
    ("amounts", inputs(("w", U, "FP64")), "unknown input"),
    ("amounts", inputs(("u", U.reshape(1, 3), "FP64")), "wrong shape"),
    ("amounts", inputs(("u", np.array(["a"], dtype=object), "BYTES")), "expected a number"),
])  # fmt: skip
def test_our_errors_are_read(client, model, given, words):
    with pytest.raises(InferenceServerException, match=words) as caught:
        client.infer(model, given)
    assert caught.value.status() in {"400", "404"}


def test_errors_before_and_around_the_model_are_read_too():
    secret, token = new_token("scorer", ["score"])
    settings = AccessSettings(listen="127.0.0.1:0", tokens=(token,), limits=Limits(body_bytes=20_000))
    down = runner({"a": Fake("a", OSError(), None, ("u", "v")), "b": Fake("b", OSError(), None, ("u", "v"))},
                  services().runners["amounts"].layout, "amounts")  # fmt: skip
    with served(build_app(services(runners={"amounts": down}), settings), settings) as (_, url):
        address, known = url.removeprefix("http://"), {"Authorization": f"Bearer {secret}"}
        with triton.InferenceServerClient(address) as client:
            for headers, given, words in (
                (None, amounts(), "needs a token"), (known, amounts(), "below its quorum"),
                (known, inputs(("u", np.zeros(9_000), "FP64")), "body too large"),
            ):  # fmt: skip
                with pytest.raises(InferenceServerException, match=words):
                    client.infer("amounts", given, headers=headers)
            with pytest.raises(InferenceServerException, match="may not use this route"):
                client.load_model("amounts", headers=known)


def test_the_asynchronous_client(url):
    async def ask():
        async with triton_aio.InferenceServerClient(url) as client:
            assert await client.is_server_live() and await client.is_server_ready()
            assert await client.is_model_ready("amounts") and not await client.is_model_ready("nope")
            assert (await client.get_server_metadata())["name"] == "choirmaster"
            assert (await client.get_model_metadata("amounts"))["name"] == "amounts"
            assert len(await client.get_model_repository_index()) == 6
            answers = await asyncio.gather(*(
                client.infer("amounts", inputs(("u", U, "FP64"), ("v", V, "INT64"), binary=binary, kind=triton_aio),
                             request_compression_algorithm=coding, response_compression_algorithm=coding)
                for binary in (True, False) for coding in (None, "gzip", "deflate")
            ))  # fmt: skip
            statistics = await client.get_inference_statistics("amounts")
            with pytest.raises(InferenceServerException, match="unknown model"):
                await client.infer("nope", inputs(("u", U, "FP64"), kind=triton_aio))
            return answers, statistics["model_stats"][0]

    answers, statistics = asyncio.run(ask())
    assert [one.as_numpy("predict").tolist() for one in answers] == [[11.0, 22.5, 33.0]] * 6
    assert statistics["execution_count"] >= 6
