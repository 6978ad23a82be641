"""``python -m benchmarks.serve``: answers a second and their times, against the same models called bare."""

from __future__ import annotations

import argparse
import json
import pickle
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.app.clock import RealClock
from choirmaster.layout import Layout, SeriesSpec, Task
from choirmaster.members.convert import write_model
from choirmaster.members.fake import FakeMember
from choirmaster.members.onnx import OnnxMember
from choirmaster.serve.request import PredictRequest, features_table
from choirmaster.serve.runner import EnsembleRunner
from choirmaster.serve.settings import EarlySettings, EnsembleSettings

NAMES = tuple(f"f{k}" for k in range(20))
CONNECTIONS = 8
STRAGGLES, STRAGGLER_SECONDS = 0.03, 0.05
CONFIG = """\
store: ./data
ensembles:
  flights:
    task: binary
    classes: [no, yes]
    positive: yes
    features: {{numeric: [{features}]}}
    fusion: {{rule: soft_vote}}
    answer: {{deadline: 10s}}
    members:
{members}
access: {{listen: "127.0.0.1:0"}}
"""


def _fitted() -> tuple[dict[str, Any], Any]:
    """Return four fitted models and the vote over the same ones."""
    import pandas as pd
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import LabelEncoder

    rng = np.random.default_rng(1)
    rows = rng.normal(size=(4_000, len(NAMES)))
    truth = np.where(rows[:, :4].sum(axis=1) + rng.normal(size=len(rows)) > 0, "yes", "no")
    frame = pd.DataFrame(rows, columns=list(NAMES))
    models = {
        "logit": LogisticRegression(max_iter=500), "forest": RandomForestClassifier(100, max_depth=8, random_state=1),
        "boost": GradientBoostingClassifier(random_state=1), "mlp": MLPClassifier((32,), max_iter=100, random_state=1),
    }  # fmt: skip
    for model in models.values():
        model.fit(frame, truth)
    vote = VotingClassifier(list(models.items()), voting="soft")
    vote.estimators_, vote.le_ = list(models.values()), LabelEncoder().fit(truth)
    vote.classes_ = vote.le_.classes_
    return models, vote


def _members(models: dict[str, Any], folder: Path) -> dict[str, OnnxMember]:
    rng = np.random.default_rng(2)
    sample = pa.table({name: rng.normal(size=200) for name in NAMES})
    written = {name: write_model(model, name, folder, sample) for name, model in models.items()}
    for name, one in written.items():
        if one.format != "onnx":
            raise RuntimeError(f"{name} is no ONNX file: {one.note}")
    return {name: OnnxMember(name, one.file) for name, one in written.items()}


def _layout(names: Any) -> Layout:
    return Layout(Task.BINARY, (*(SeriesSpec(name) for name in names), SeriesSpec("fused")), ("no", "yes"), "yes",
                  NAMES)  # fmt: skip


def _rows(count: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(count, len(NAMES)))


def _timed(work: Callable[[], Any], seconds: float, pause: float = 0.0) -> np.ndarray:
    took = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
        if pause:
            time.sleep(pause)
    return np.array(took)


def _quantiles(took: Any) -> dict[str, float]:
    p50, p99 = np.quantile(took, [0.5, 0.99]) * 1e3
    return {"p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3), "answers": len(took)}


def overhead(members: dict[str, OnnxMember], rows: int, seconds: float) -> dict[str, Any]:
    """Compare an ensemble in this process, at half load, with the slowest of its members called bare."""
    layout = _layout(members)
    columns = dict(zip(NAMES, _rows(rows).T, strict=True))
    request = PredictRequest(features_table(layout, columns, rows))
    bare = {name: _timed(partial(one.predict, request.features), seconds / 4) for name, one in members.items()}
    slowest = max(bare.values(), key=lambda took: float(np.median(took)))
    runner = EnsembleRunner(EnsembleSettings("flights", layout, fusion="soft_vote"), members, RealClock())
    runner.warm()
    pause = float(np.median(_timed(lambda: runner.answer(request), seconds / 4)))
    took = _timed(lambda: runner.answer(request), seconds, pause)
    runner.close()
    whole, member = _quantiles(took), _quantiles(slowest)
    extra = {key: round(whole[key] - member[key], 3) for key in ("p50_ms", "p99_ms")}
    print(f"{rows} rows in process: ensemble p50 {whole['p50_ms']} ms, p99 {whole['p99_ms']} ms; slowest member bare "
          f"{member['p50_ms']} and {member['p99_ms']} ms; above it {extra['p50_ms']} and {extra['p99_ms']} ms",
          flush=True)  # fmt: skip
    return {"rows": rows, "ensemble": whole, "slowest_member": member, "above": extra}


def early(seconds: float) -> dict[str, Any]:
    """Compare a vote that answers as soon as it is decided with one that waits, where a member straggles at times."""
    layout = _layout("abcde")
    requests = [PredictRequest(features_table(layout, {NAMES[0]: [float(k)]}, 1)) for k in range(1000)]
    late = np.random.default_rng(4).random(1000) < STRAGGLES

    def straggles(table: pa.Table) -> float:
        if late[int(table[NAMES[0]][0].as_py())]:
            time.sleep(STRAGGLER_SECONDS)
        return 0.3

    said = {}
    for name, how in (("waiting", None), ("early", EarlySettings())):
        members = {one: FakeMember(one, share) for one, share in zip("abcd", (0.9, 0.8, 0.7, 0.6), strict=True)}
        members["e"] = FakeMember("e", straggles)
        settings = EnsembleSettings("flights", layout, fusion="hard_vote", early=how)
        runner = EnsembleRunner(settings, members, RealClock())
        labels, took, until = [], [], time.perf_counter() + 10 * seconds
        for request in requests:
            start = time.perf_counter()
            labels.append(runner.answer(request).prediction(0))
            took.append(time.perf_counter() - start)
            if time.perf_counter() > until:
                break
        runner.close()
        said[name] = (labels, _quantiles(took))
    same = sum(one == other for one, other in zip(said["waiting"][0], said["early"][0], strict=False))
    count = min(len(said[name][0]) for name in said)
    ratio = said["waiting"][1]["p99_ms"] / said["early"][1]["p99_ms"]
    print(f"a member that straggles for {STRAGGLER_SECONDS * 1e3:.0f} ms in {STRAGGLES:.0%} of calls: p99 waiting "
          f"{said['waiting'][1]['p99_ms']} ms, early {said['early'][1]['p99_ms']} ms, {ratio:.1f} times lower; "
          f"{same} of {count} labels the same", flush=True)  # fmt: skip
    return {"waiting": said["waiting"][1], "early": said["early"][1], "ratio": round(ratio, 1), "same": same / count}


def over_http(models: dict[str, Any], vote: Any, folder: Path, seconds: float) -> list[dict[str, Any]]:
    """Compare ``choirmaster serve`` with a VotingClassifier of the same models behind a minimal server."""
    lines = "\n".join(f"      {name}: {{file: {name}.onnx}}" for name in models)
    config = folder / "choirmaster.yaml"
    config.write_text(CONFIG.format(features=", ".join(NAMES), members=lines), encoding="utf-8")
    (folder / "vote.pickle").write_bytes(pickle.dumps(vote))
    out = []
    commands = {
        "choirmaster": (["-m", "choirmaster", "serve", str(config), "--no-monitor"], "/api/predict/flights"),
        "VotingClassifier": (
            ["-W", "ignore", str(Path(__file__).parent / "voting_server.py"), str(folder / "vote.pickle")],
            "/",
        ),
    }
    for name, (command, path) in commands.items():
        with _Served(command) as address:
            for rows in (1, 64):
                body = folder / "body.json"
                table = _rows(rows).tolist()
                asked = [dict(zip(NAMES, row, strict=True)) for row in table] if name == "choirmaster" else table
                body.write_text(json.dumps({"rows": asked}), encoding="utf-8")
                _load(address + path, body, 1.0)
                took = _load(address + path, body, seconds)
                found = {"server": name, "rows": rows, "per_second": round(len(took) / seconds), **_quantiles(took)}
                print(f"{name}, {rows} rows a request, {CONNECTIONS} connections: {found['per_second']} requests/s, "
                      f"p50 {found['p50_ms']} ms, p99 {found['p99_ms']} ms", flush=True)  # fmt: skip
                out.append(found)
    for rows in (1, 64):
        ours, theirs = (next(one["per_second"] for one in out if one["rows"] == rows and one["server"] == name)
                        for name in commands)  # fmt: skip
        print(f"{rows} rows: {ours / max(theirs, 1):.1f} times the requests of the VotingClassifier", flush=True)
    return out


class _Served:
    """A server in a process of its own, and where it listens."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            found = re.search(r"http://[\d.]+:\d+", line)
            if found:
                threading.Thread(target=self._process.stdout.read, daemon=True).start()
                time.sleep(1.0)
                return found.group()
        raise RuntimeError("the server ended")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)


def _load(address: str, body: Path, seconds: float) -> list[float]:
    command = [
        sys.executable,
        str(Path(__file__).parent / "load.py"),
        address,
        str(body),
        str(CONNECTIONS),
        str(seconds),
    ]
    found: list[float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def main(seconds: float = 5.0) -> dict[str, Any]:
    """Print and return all of it; each figure takes about so many seconds."""
    models, vote = _fitted()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        members = _members(models, folder)
        for model in models.values():  # the other server sends plain arrays, and is to say nothing about that
            del model.feature_names_in_
        inside = [overhead(members, rows, seconds) for rows in (1, 64)]
        straggling = early(seconds)
        served = over_http(models, vote, folder, seconds)
    return {"in_process": inside, "early": straggling, "http": served}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.serve")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each figure is measured")
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args()
    figures = main(given.seconds)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
