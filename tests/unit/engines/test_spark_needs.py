"""What Spark needs is named where it is missing, before anything starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import choirmaster as cm
from choirmaster.engines import spark
from choirmaster.errors import MissingExtra, SchemaError, UnknownName


def java(folder: Path, says: str) -> None:
    (folder / "bin").mkdir()
    program = folder / "bin" / "java"
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    program.chmod(0o755)


VERSIONS = {
    'openjdk version "11.0.2" 2019-01-15': "11",
    'java version "1.8.0_392"': "8",
    "something else": "one that does not tell its version",
}


@pytest.mark.parametrize("says", VERSIONS)
def test_an_old_java_is_refused(says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java(tmp_path, says)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(
        MissingExtra, match=f"JAVA_HOME: expected version 17 or newer, got {VERSIONS[says]}; install it"
    ):
        spark.require_java()


@pytest.mark.parametrize("says", ['openjdk version "17.0.15" 2025-04-15', 'openjdk version "25-ea" 2025-09-16'])
def test_a_java_of_today_is_fine(says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java(tmp_path, says)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    spark.require_java()


def test_no_java_is_named_with_the_line_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtra, match="got none; install it with: apt-get install openjdk-17-jre-headless"):
        spark.require_java()


def test_no_pyspark_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(MissingExtra, match=r'pip install "choirmaster\[spark\]"'):
        cm.monitor("nowhere.parquet", engine="spark")


def test_an_unknown_engine_is_told_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r'unknown engine, engine: got "sparc"; allowed: local, spark \(did you mean'):
        cm.monitor({"y": [1]}, engine="sparc")


def test_what_needs_an_order_is_refused() -> None:
    from choirmaster.app.on_spark import refuse_ordered

    refuse_ordered("1d", "past.parquet")
    with pytest.raises(SchemaError, match="window: got 7; measure it without engine"):
        refuse_ordered(7, None)
