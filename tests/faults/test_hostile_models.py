"""Hostile model files run nothing: no unpickling, no process, no file written, none read that lies elsewhere."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import threading
from pathlib import Path

import pytest

from choirmaster.errors import ConfigError, MemberError
from choirmaster.members.loading import Source, load
from tests.faults.hostile_models import GOOD, Runs, descriptions, dumps, files

SOAK = os.environ.get("CHOIRMASTER_SOAK") == "1"
WANTED = 500 if SOAK else 90
OURS = "choirmaster.members.worker"
FORBIDDEN = (
    "pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn",
    "os.remove", "os.rename", "os.symlink", "os.link", "os.mkdir", "shutil.", "socket.connect", "ctypes.dlopen",
)  # fmt: skip


class Watch:
    """Notes what Python's audit events say while it is armed, in the thread that armed it."""

    def __init__(self):
        self.armed, self.seen = 0, []
        sys.addaudithook(self.hook)

    def hook(self, event, args):
        if self.armed != threading.get_ident():
            return
        if event == "open":
            if "secret" in str(args[0]):
                self.seen.append(("read elsewhere", str(args[0])))
            elif args[0] != os.devnull and self._writes(args):
                self.seen.append((event, str(args[0])[:100]))
        elif event.startswith(FORBIDDEN) and OURS not in str(args):  # ours reads a file first; the canary watches it
            self.seen.append((event, str(args)[:100]))

    @staticmethod
    def _writes(args):
        mode, flags = args[1], args[2]
        return bool(set(mode or "") & set("wax+")) or bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))

    def __enter__(self):
        self.seen, self.armed = [], threading.get_ident()
        return self

    def __exit__(self, *_):
        self.armed = 0


WATCH = Watch()


@pytest.fixture
def place(tmp_path):
    """A folder of the operator, a secret outside it, and a canary that a payload would make."""
    (tmp_path / "secret").write_bytes(dumps(GOOD))
    (tmp_path / "operator").mkdir()
    (tmp_path / "operator" / "good").write_bytes(dumps(GOOD))
    load(source(tmp_path / "operator" / "good"))
    for name in ("onnx", "lightgbm", "xgboost", "mlflow", "trusted"):  # what is loaded late is loaded now
        importlib.import_module(f"choirmaster.members.{name}")
    return tmp_path


def source(path, **more):
    return Source(name="m", file=str(path), folder=str(path.parent), features=("a", "b"), **more)


def refused(path, **more):
    with pytest.raises((MemberError, ConfigError)) as caught, WATCH:
        load(source(path, **more))
    assert WATCH.seen == [], (path, WATCH.seen)
    assert len(str(caught.value)) < 5_000


def test_the_payload_runs_where_it_is_unpickled(place):
    canary = place / "canary"
    with WATCH:
        pickle.loads(pickle.dumps(Runs(f"touch {canary}")))
    assert canary.exists() and {event for event, _ in WATCH.seen} >= {"pickle.find_class", "os.system"}


def test_hostile_files_run_nothing(place):
    canary, home = place / "canary", place / "operator"
    made = files(f"touch {canary}", str(place / "secret"))
    assert len(made) >= 500
    for name, data in made[:WANTED]:
        path = home / name
        path.write_bytes(data)
        refused(path)
        refused(path, sha256="0" * 64, trusted=True)  # flagged, but another file than the one that was pinned
        path.unlink()
    assert not canary.exists() and sorted(one.name for one in home.iterdir()) == ["good"]
    assert sorted(one.name for one in place.iterdir()) == ["operator", "secret"]


def test_hostile_folders_run_nothing(place):
    canary, home = place / "canary", place / "operator" / "model"
    (home / "code").mkdir(parents=True)
    (home / "code" / "evil.py").write_text(f"open({str(canary)!r}, 'w')")
    (home / "model.pkl").write_bytes(pickle.dumps(Runs(f"touch {canary}")))
    (home / "link").symlink_to(place / "secret")
    for text in descriptions(f"touch {canary}"):
        (home / "MLmodel").write_text(text)
        refused(home)
    assert not canary.exists() and "evil" not in sys.modules


def test_a_pinned_file_that_is_swapped_between_check_and_load_is_refused(place, monkeypatch):
    from choirmaster.members import loading

    path, canary = place / "operator" / "m", place / "canary"
    path.write_bytes(dumps(GOOD))
    own = loading.kind_of

    def swap(data, where):
        kind = own(data, where)
        Path(where).write_bytes(dumps([GOOD, GOOD]))
        return kind

    monkeypatch.setattr(loading, "kind_of", swap)
    with pytest.raises(MemberError, match="not the one that was pinned"):
        load(source(path))
    assert not canary.exists()
