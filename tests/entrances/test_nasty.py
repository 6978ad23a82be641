"""Nasty rows: each gives values, or a reason by name, or one error that names the column; and never moves the others.

A case changes the clean rows of :mod:`tests.entrances.nasty`. It says what must be found about what it changed: values
or reasons by (feature or series, metric), words that a note holds, or the words of the error. Everything about the
columns that it did not touch must be, to the last bit, what the clean rows give.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import choirmaster as cm
from choirmaster.catalogue.facts import Facts
from choirmaster.catalogue.ranking import choose_metrics, names
from choirmaster.errors import ChoirmasterError
from choirmaster.layout import Task
from tests.entrances.nasty import START, N, clean, in_form

FACTS = Facts(Task.BINARY, 2, members=2, numeric=1, categorical=1)
MEASURED = [*names(choose_metrics(FACTS)), "mean", "mean_shift", "not_finite_rate", "out_of_range_rate", "rare_rate",
            "constant"]  # fmt: skip
SCHEMA: dict[str, Any] = {"task": "binary", "label": "y", "members": ["p", "q"], "fusion": "mean", "time": "ts",
                          "id": "id", "positive": "1"}  # fmt: skip
FORMS = ("columns", "polars", "parquet", "csv", "jsonl")
FRAMES = ("records", "pandas")
FEATURE = frozenset({"odd"})
Found = Mapping[tuple[str, str], Any]  # (feature, or series where it is of none; metric) -> value or reason


@dataclass(frozen=True)
class Case:
    """One nasty input.

    Attributes
    ----------
    change : dict or callable
        Columns that are put in, or a function of the clean columns that gives the frame.
    expect : dict
        (feature or series, metric) -> the value, or the reason's name.
    note : str
        Words of one note.
    error : str
        Words of the error, which must be one of choirmaster's.
    touched : frozenset or None
        Features and series whose values may differ from those of the clean rows; None where all may.
    forms : tuple of str
        How the rows come in.
    reference : dict or callable or str or None
        What the rows are compared with: the clean ones where it is an empty dict; the changed ones where it is "same".
    schema, window : as ``cm.monitor`` takes them, over those of a clean input.
    """

    change: Any
    expect: dict[tuple[str, str], Any] = field(default_factory=dict)
    note: str = ""
    error: str = ""
    touched: frozenset[str] | None = FEATURE
    forms: tuple[str, ...] = ("columns",)
    reference: Any = "same"
    schema: dict[str, Any] = field(default_factory=dict)
    window: Any = None


def fill(*cells: Any) -> list[Any]:
    """Return the cells again and again, one for each row."""
    return [cells[at % len(cells)] for at in range(N)]


def odd(column: Any, **more: Any) -> Case:
    """Return the case of one more feature."""
    return Case({"odd": column}, **more)


def named(name: str, forms: tuple[str, ...] = FORMS) -> Case:
    """Return the case of a feature with a strange name."""
    return Case({name: fill(1.0, 2.0)}, {(name, "mean"): 1.5}, forms=forms, touched=frozenset({name}))


def labels(write: Callable[[int], Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return the change that writes the labels in another way."""
    return lambda columns: columns | {"y": [write(one) for one in columns["y"]]}


def without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda columns: {one: columns[one] for one in columns if one != name}


def first(count: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda columns: {name: column[:count] for name, column in columns.items()}


def coded(indices: list[int | None], values: list[Any]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int8()), pa.array(values))


def from_pandas(name: str, column: Any) -> Callable[[dict[str, Any]], pd.DataFrame]:
    return lambda columns: pd.DataFrame(columns).assign(**{name: column})


def from_polars(column: pl.Series) -> Callable[[dict[str, Any]], pl.DataFrame]:
    return lambda columns: pl.DataFrame(columns).with_columns(column.alias("odd"))


MEAN, MISSING, PSI, UNSEEN = ("odd", "mean"), ("odd", "missing_rate"), ("odd", "psi"), ("odd", "unseen_rate")
INFINITE, OUTSIDE = ("odd", "not_finite_rate"), ("odd", "out_of_range_rate")
ABSENT = {MISSING: 1.0, PSI: "no_reference", UNSEEN: "all_missing"}
NAMES = {MISSING: 0.0, PSI: 0.0, UNSEEN: 0.0}
NO_NUMBER = {MISSING: 1.0, MEAN: "no_rows", PSI: "no_reference", OUTSIDE: "no_reference"}
P, Q = frozenset({"p", "fused", "all"}), frozenset({"q", "fused", "all"})
MEMBERS = frozenset({"p", "q", "fused", "all"})
ARRIVAL = frozenset({"odd", "all"})  # how rows arrived is told of all of them
CLOCK = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
AGAIN, FUTURE, BACK, FRESH = (
    ("all", name) for name in ("duplicate_id_rate", "future_time_rate", "backwards_time_rate", "freshness")
)
HOUR = dt.timedelta(hours=1)

FEATURES: dict[str, Case] = {
    "all null": odd(pa.nulls(N, pa.float64()), expect=NO_NUMBER, forms=("columns", "parquet")),
    "all null, in text": odd(fill(""), expect=ABSENT, forms=FORMS),
    "all null, of no type": odd(pa.nulls(N), note='"odd" is left out, its type is null', forms=("columns", "parquet")),
    "all not a number": odd(fill(math.nan), expect=NO_NUMBER, forms=FRAMES),
    "null now, numbers before": odd(fill(None), expect={MISSING: 1.0, MEAN: "no_rows"}, forms=FRAMES,
                                    reference={"odd": fill(1.0, 2.0)}),
    "texts now, numbers before": odd(fill("x", "1"), expect={MISSING: 0.5, MEAN: 1.0}, note='"odd": 60 not a number',
                                     reference={"odd": fill(1.0, 2.0)}, forms=FRAMES),
    "numbers now, texts before": odd(fill(1.0), expect={UNSEEN: 1.0}, reference={"odd": fill("a")}),
    "lists now, numbers before": odd(fill([1.0]), expect={MISSING: 1.0}, note="not a number but list",
                                     reference={"odd": fill(1.0)}),
    "not in the reference": odd(fill(1.0), expect={MEAN: "no_rows", PSI: "no_reference", MISSING: 0.0},
                                note="lacks odd", reference={}),
    "only in the reference": Case({}, {}, reference={"odd": fill(1.0)}),
    "mixed types": odd(fill(1, "a", 2.5, None, True), expect={MISSING: 0.2, UNSEEN: 0.0}, forms=FRAMES),
    "mixed with lists": odd(fill("a", [1]), expect=NAMES, forms=FRAMES),
    "mixed whole and broken numbers": odd(fill(1, 2.5), expect={MEAN: 1.75}, forms=FRAMES),
    "numbers in text": odd(fill("1", "2", " x", ""), expect={MISSING: 0.25, UNSEEN: 0.0}, forms=FORMS),
    "numbers, some of them texts": odd(
        [("n.a.", "?", "")[at % 3] if at % 30 < 3 else f"{at}.5" for at in range(N)], forms=FORMS,
        expect={("odd", "type_fault_rate"): 8 / 116, MISSING: 0.1}, note="not a number, such as n.a.",
        schema={"numeric": ["x", "odd"], "categorical": ["place"]}),
    "objects": odd(fill(1 + 2j), expect=NAMES, forms=FRAMES),
    "a value that is no Unicode": odd(fill("\ud800", "a"), expect=NAMES, forms=("columns", "records")),
    "as many categories as rows": odd([f"c{at}" for at in range(N)], expect=NAMES),
    "constant": odd(fill(5.0), expect={MEAN: 5.0, PSI: 0.0}, forms=FORMS),
    "constant text": odd(fill("k"), expect=NAMES, forms=FORMS),
    "constant, another than before": odd(fill(5.0), expect={OUTSIDE: 1.0}, reference={"odd": fill(4.0)}),
    "one value": odd([None] * (N - 1) + [1.0], expect={MEAN: 1.0, MISSING: (N - 1) / N}, forms=("columns", "polars")),
    "huge": odd(fill(1e308, -1e308), expect={MEAN: "out_of_range", INFINITE: 0.0}, forms=("columns", "parquet", "csv")),
    "huge beside small": odd([1e308] + [1.0] * (N - 1), expect={MISSING: 0.0}, reference={"odd": fill(1.0, 2.0)}),
    "denormal": odd(fill(5e-324, -5e-324), expect={MEAN: 0.0}, forms=("columns", "parquet", "csv")),
    "negative zero": odd(fill(-0.0, 0.0), expect={MEAN: 0.0, PSI: 0.0, OUTSIDE: 0.0}, forms=("columns", "parquet")),
    "infinite": odd(fill(math.inf, -math.inf, 1.0), expect={INFINITE: 2 / 3, MEAN: 1.0}, forms=("columns", "parquet")),
    "all infinite": odd(fill(math.inf), expect={INFINITE: 1.0, MEAN: "no_rows", PSI: "no_reference"}),
    "beyond 2^53": odd(fill(2**53 + 1, 2**62), expect={MISSING: 0.0, PSI: 0.0}, forms=("columns", "parquet")),
    "unsigned": odd(pa.array(fill(2**64 - 1, 2**63), pa.uint64()), expect={MISSING: 0.0}),
    "beyond 2^64": odd(fill(2**70, 0), expect={MEAN: 2.0**69}, forms=FRAMES),
    "decimals": odd(fill(Decimal("1.25"), Decimal("1.75"), None), expect={MEAN: 1.5}, forms=("columns", "parquet")),
    "wide decimals": odd(pa.array(fill(Decimal("1" * 60)), pa.decimal256(70, 5)), expect={MISSING: 0.0}),
    "half floats": odd(pa.array(np.array(fill(1.0, 2.0), np.float16)), expect={MEAN: 1.5}),
    "bools": odd(fill(True, False, None), expect={MISSING: 1 / 3, UNSEEN: 0.0}, forms=FORMS),
    "dictionary, unused value": odd(coded(fill(0, 1), ["a", "b", "never"]), expect=NAMES),
    "dictionary, value twice": odd(coded(fill(0, 1, 2), ["a", "b", "a"]), expect=NAMES),
    "dictionary, null value": odd(coded(fill(0, 1, None), ["a", None]), expect={MISSING: 2 / 3, UNSEEN: 0.0}),
    "dictionary, empty": odd(coded(fill(None), []), expect={}, note='"odd" is left out'),
    "dictionary of numbers": odd(pa.array(fill(1.5, 2.5)).dictionary_encode(), note='"odd" is left out'),
    "lists": odd(fill([1, 2], [3]), note='"odd" is left out, its type is', forms=("columns", "parquet", "polars")),
    "structs": odd(fill({"a": 1}, {"a": None}), note='"odd" is left out', forms=("columns", "records", "parquet")),
    "maps": odd(pa.array(fill([("a", 1)]), pa.map_(pa.string(), pa.int64())), note='"odd" is left out'),
    "binary": odd(fill(b"\xff\x00", b"ab"), note='"odd" is left out', forms=("columns", "parquet", "pandas")),
    "long texts": odd(fill("z" * 100_000, "short"), expect=NAMES, forms=FORMS),
    "control characters": odd(fill("a\0b", "\x1b[31m"), expect=NAMES, forms=("columns", "parquet", "jsonl")),
    "accents and emoji": odd(fill("😀", "é", "e\u0301"), expect=NAMES, forms=FORMS),
    "formulas": odd(fill("=1+1", "@x"), expect=NAMES, forms=FORMS),
    "large and viewed texts": odd(pa.array(fill("a", "b")).cast(pa.string_view()), expect=NAMES),
    "durations": odd(fill(HOUR), note='"odd" is left out, its type is duration', forms=("columns", "polars")),
    "dates": odd(fill(dt.date(1, 1, 1), dt.date(9999, 12, 31)), note='"odd" is left out', forms=("columns", "parquet")),
    "run-end encoded": odd(pa.RunEndEncodedArray.from_arrays(pa.array([N], pa.int32()), pa.array([1.0])),
                           note='"odd" is left out'),
    "two dimensions": odd(np.zeros((N, 2)), error='column "odd": expected one number or text'),
    "too short": odd([1.0], error="odd expected length"),
    "pandas: categories never used": Case(
        from_pandas("odd", pd.Categorical(fill("a", None), categories=["b", "a", "zz"])), {MISSING: 0.5, UNSEEN: 0.0}
    ),
    "pandas: whole numbers with nulls": Case(from_pandas("odd", pd.array(fill(1, None), dtype="Int64")), {MEAN: 1.0}),
    "pandas: sparse": Case(from_pandas("odd", pd.arrays.SparseArray([0.0] * N)), {MEAN: 0.0}),
    "pandas: periods": Case(from_pandas("odd", pd.period_range("2026", periods=N, freq="M")), note='"odd" is left out'),
    "pandas: index with repeats": Case(lambda columns: pd.DataFrame(columns, index=[0] * N)),
    "pandas: column named by a number": Case(
        from_pandas("7", fill(1.0)), {("7", "mean"): 1.0}, touched=frozenset({"7"})
    ),
    "pandas: two columns of one name": Case(
        lambda columns: pd.concat([pd.DataFrame(columns), pd.DataFrame({"x": fill(1.0)})], axis=1),
        error='two columns share a name: got "x"',
    ),
    "polars: categories": Case(from_polars(pl.Series(fill("a", None), dtype=pl.Categorical)), {MISSING: 0.5}),
    "polars: 128-bit numbers": Case(from_polars(pl.Series(fill(1), dtype=pl.Int128)), {MEAN: 1.0}),
    "polars: objects": Case(from_polars(pl.Series(fill(object()), dtype=pl.Object)), note='"odd" is left out'),
    "two columns of one name": Case(
        lambda columns: pa.table([*map(pa.array, columns.values()), fill(1), fill(2)], [*columns, "odd", "odd"]),
        error='two columns share a name: got "odd"',
    ),
    "named with a dot": named("a.b"),
    "named with quotes": named('say "x"'),
    "named with a comma": named("a,b"),
    "named like a segment": named("x=1&y%~"),
    "named with a line break": named("a\nb"),
    "named in Unicode": named("naïve 😀"),
    "named with a digit first": named("1st"),
    "named like a keyword": named("select"),
    "named like a role": named("label"),
    "named like a series": named("fused", ("columns",)),
    "named like a canonical column": named("m.p.p.1"),
    "named at length": named("y" * 300),
    "named by a blank": named(" ", ("columns", "parquet", "jsonl")),
    "named as another, with a blank": named("x ", ("columns", "parquet", "jsonl")),
    "named twice in a file": Case({"x ": fill(1.0)}, error='line 1: got "x"', forms=("csv",)),
}  # fmt: skip

ROLES: dict[str, Case] = {
    "scores below zero": Case({"p": fill(-0.5, 0.5)}, note='"p": 120 not a probability', touched=P),
    "scores above one": Case({"p": fill(1.5)}, {("p", "accuracy"): "all_missing"}, note="not a probability", touched=P),
    "scores that round to one": Case({"p": fill(1 + 1e-12, -1e-12)}, touched=P),
    "scores not a number": Case({"p": fill(math.nan, 0.2)}, touched=P, forms=FORMS[:-1]),
    "scores infinite": Case({"p": fill(math.inf, 0.3)}, note='"p": 120 not finite', touched=P),
    "scores all null": Case({"p": pa.nulls(N, pa.float64())}, {("p", "roc_auc"): "all_missing"}, touched=P),
    "scores of no type": Case({"p": pa.nulls(N)}, touched=P),
    "scores constant": Case({"p": fill(0.5)}, {("p", "roc_auc"): 0.5}, touched=P, forms=FORMS),
    "scores in text": Case({"p": fill("0.5", "x")}, note='"p": 120 not a number', touched=P, forms=FORMS),
    "scores in percent": Case({"p": fill("50%")}, note='"p": 240 not a number, such as 50%', touched=P, forms=FORMS),
    "scores true and false": Case({"p": fill(True, False)}, touched=P, forms=FORMS),
    "scores in lists": Case({"p": fill([0.1])}, note="not a number but list", touched=P, forms=("columns", "parquet")),
    "scores in decimals": Case({"p": fill(Decimal("0.5"))}, touched=P, forms=("columns", "parquet")),
    "scores of another type": Case({"p": pa.array(fill(START))}, note="not a number but timestamp", touched=P),
    "a member twice": Case({}, schema={"members": {"p": "p", "r": "p"}}, touched=MEMBERS | {"r"}),
    "a member that is another": Case(lambda columns: columns | {"p": columns["q"]}, touched=P),
    "a member that is the label": Case({}, schema={"members": {"p": "y", "q": "q"}}, touched=P),
    "a member that is an id": Case({}, schema={"members": {"p": "id", "q": "q"}}, note="not a number", touched=P),
    "a member that is not there": Case({}, schema={"members": {"p": "zz"}}, error='$.members.p: got "zz"'),
    "a member without a right name": Case({}, schema={"members": {"a.b": "p"}}, error="bad member name"),
    "a weight for a stranger": Case({}, schema={"fusion": "weighted_mean", "weights": {"zz": 2}}, error='got "zz"'),
    "a negative weight": Case({}, schema={"fusion": "weighted_mean", "weights": {"p": -1}}, error="none negative"),
    "weights of nothing": Case({}, schema={"fusion": "weighted_mean", "weights": {"p": 0, "q": 0}}, error="above zero"),
    "a weight in text": Case({}, schema={"fusion": "weighted_mean", "weights": {"p": "a"}}, error="$.weights.p"),
    "labels in floats": Case(labels(float), forms=FORMS),
    "labels in texts": Case(labels(str), forms=FORMS),
    "labels with blanks": Case(labels(lambda one: f" {one} "), forms=FORMS),
    "labels in texts now, numbers before": Case(labels(lambda one: f" {one}"), reference={}),
    "labels in decimals": Case(labels(lambda one: Decimal(f"{one}.0"))),
    "labels true and false": Case(labels(bool), schema={"positive": "true"}, forms=FORMS, touched=None),
    "labels half missing": Case({"y": fill(None, 0, 1)}, {("p", "label_share"): 2 / 3}, touched=MEMBERS, forms=FORMS),
    "labels empty in text": Case({"y": fill("", "0", "1")}, {("p", "label_share"): 2 / 3}, touched=MEMBERS,
                                 forms=FORMS),
    "labels all null": Case({"y": pa.nulls(N)}, {("p", "accuracy"): "no_labels"}, touched=MEMBERS),
    "labels of one class": Case({"y": fill(1)}, {("p", "roc_auc"): "one_class_only"}, touched=MEMBERS, forms=FORMS),
    "labels outside the classes": Case({"y": fill(0, 1, 2)}, {("p", "label_share"): 2 / 3}, touched=MEMBERS,
                                       note='"y": 80 not among the classes, such as 2', schema={"classes": [0, 1]}),
    "labels of three classes": Case({"y": fill(0, 1, 2)}, error="a binary task has two classes"),
    "labels infinite": Case({"y": fill(math.inf, 0.0, 1.0)}, error="$.classes: got 0, 1, inf"),
    "labels in lists": Case({"y": fill([0], [2])}, error="$.classes: got 1, [0], [2]"),
    "labels of other names before": Case({}, reference={"y": fill("a", "b")}, error="$.classes: got 0, 1, a, b"),
    "an id for all": Case({"id": fill("a")}, {AGAIN: (N - 1) / N}, forms=FORMS, touched=ARRIVAL),
    "ids null": Case({"id": pa.nulls(N)}, {AGAIN: None}, touched=ARRIVAL),
    "ids at length": Case({"id": [f"{'i' * 5000}{at % 60}" for at in range(N)]}, {AGAIN: 0.5}, forms=FORMS,
                          touched=ARRIVAL),
    "ids that differ in a blank": Case({"id": [f"{at // 2}{' ' * (at % 2)}" for at in range(N)]}, {AGAIN: 0.0},
                                       forms=("columns", "parquet", "jsonl"), touched=ARRIVAL),
    "ids, some null": Case({"id": fill("a", None, "é", None)}, {AGAIN: (N / 2 - 2) / (N / 2)}, touched=ARRIVAL,
                           forms=("columns", "parquet", "csv", "jsonl")),
    "ids in lists": Case({"id": fill([1], [2])}, window=50, touched=None),
    "ids in bytes": Case({"id": fill(b"\xff")}, window=50, touched=None),
    "ids in broken numbers": Case({"id": fill(1.5, math.nan)}, window=50, touched=None),
    "values negative": Case({"v": fill(-1.0)}, schema={"value": "v"}, touched=MEMBERS),
    "values null": Case({"v": pa.nulls(N, pa.float64())}, schema={"value": "v"}, touched=MEMBERS),
    "values infinite": Case({"v": fill(math.inf, 1.0)}, schema={"value": "v"}, touched=MEMBERS),
    "values huge": Case({"v": fill(1e308)}, schema={"value": "v"}, touched=MEMBERS),
    "values in text": Case({"v": fill("x", "3")}, schema={"value": "v"}, note='"v": 120 not a number', touched=MEMBERS),
    "segments null": Case({"odd": fill(None, "a")}, schema={"segments": ["odd"]}),
    "segments all null": Case({"odd": pa.nulls(N)}, schema={"segments": ["odd"]}),
    "segments in numbers": Case({"odd": fill(1.5, math.nan)}, schema={"segments": ["odd"]}),
    "segments in lists": Case({"odd": fill([1])}, schema={"segments": ["odd"]}),
    "segments in bytes": Case({"odd": fill(b"\xff")}, schema={"segments": ["odd"]}),
    "segments with separators": Case({"odd": fill("a&b", "a=b", "a%b", "~")}, schema={"segments": [["odd", "place"]]}),
    "a segment that is the label": Case({}, schema={"segments": ["y"]}, touched=frozenset({"y"})),
    "no rows": Case(first(0), note="there is none", touched=None, reference={},
                    forms=("columns", "pandas", "csv", "parquet")),
    "one row": Case(first(1), {("x", "missing_rate"): 0.0}, touched=None, reference={}, forms=FORMS),
    "no columns": Case(lambda _: {}, error='$.label: got "y"'),
    "no frame": Case(lambda _: 7, error="cannot read a frame"),
    "windows of one row": Case(first(5), window=1, touched=None, reference={}),
    "windows of time of one row": Case(first(5), window="1h", touched=None, reference={}),
    "a window larger than all": Case({}, window=10**12, touched=None),
    "a window of no rows": Case({}, window=0, error="must be positive"),
    "a window of broken rows": Case({}, window=1.5, error="cannot read a window, window"),
    "a window in no unit": Case({}, window="5q", error='got "5q"'),
    "reference empty": Case({}, {("x", "psi"): "no_reference"}, touched=None,
                            reference=lambda columns: pa.table(columns).slice(0, 0)),
    "reference of one row": Case({}, {("x", "missing_rate"): 0.0}, touched=None, reference=first(1)),
    "reference without a member": Case({}, {("q", "score_psi"): "no_reference"}, note="reference: lacks q", touched=Q,
                                       reference=without("q")),
    "reference without a label": Case({}, {("x", "psi"): 0.0}, note="reference: lacks y", touched=MEMBERS,
                                      reference=without("y")),
    "reference without a time": Case({}, note="reference: lacks ts", reference=without("ts")),
    "reference of nothing": Case({}, reference=lambda _: [], note="reference: lacks", touched=None),
    "reference of all rows": Case({}, reference="first 100%", error='got "first 100%"'),
    "reference that is no file": Case({}, reference="nofile.csv", error='no such file: got "nofile.csv"'),
}  # fmt: skip

ZONE = {"timezone": "Europe/Berlin"}


def times(column: Any, seen: int = N, **more: Any) -> Case:
    """Return the case of other times; ``seen`` rows must lie in windows of a day."""
    return Case({"ts": column}, {("p", "rows"): seen}, touched=None, reference=None, window="1d", **more)


TIMES: dict[str, Case] = {
    "unsorted": Case(lambda columns: columns | {"ts": columns["ts"][::-1]}, {BACK: (N - 1) / N}, forms=FORMS,
                     touched=ARRIVAL),
    "after the clock": Case({"ts": fill(dt.datetime(2200, 1, 1))}, {FUTURE: 1.0, FRESH: "no_rows"}, forms=FORMS,
                            touched=ARRIVAL),
    "one after the clock": Case(lambda columns: columns | {"ts": [dt.datetime(2200, 1, 1), *columns["ts"][1:]]},
                                {FUTURE: 1 / N, BACK: (N - 1) / N}, forms=FORMS, touched=ARRIVAL),
    "all the same": times(fill(START), forms=FORMS),
    "null": times(fill(None, START), N // 2, note="60 rows have no readable time", forms=FORMS),
    "all null": times(pa.nulls(N, pa.timestamp("us")), 0, note="120 rows have no readable time"),
    "of no type": times(pa.nulls(N), 0, note="120 rows have no readable time"),
    "year 1 and year 9999": times(fill(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31), START), N // 3,
                                  note='"ts": 80 a time before the year 100 or after 9900',
                                  forms=("columns", "parquet", "pandas")),
    "year 1 in text": times(fill("0001-01-01", "2026-03-01"), N // 2, forms=FORMS),
    "beyond 64 bits of microseconds": times(pa.array(fill(2**60, 0), pa.timestamp("s")), N // 2,
                                            note="60 a time before"),
    "far days": times(pa.array(fill(2**31 - 1, 0), pa.int32()).cast(pa.date32()), N // 2, note="60 a time before"),
    "far, in a zone": times(pa.array(fill(2**62, 0), pa.timestamp("us")), N // 2, note="60 a time before", schema=ZONE),
    "the hour that is not there": times([dt.datetime(2026, 3, 29) + at * HOUR / 12 for at in range(N)], schema=ZONE,
                                        note="12 never shown by the clock", forms=("columns", "pandas", "csv")),
    "the hour that is there twice": times([dt.datetime(2026, 10, 25) + at * HOUR / 12 for at in range(N)], schema=ZONE,
                                          note="12 shown twice by the clock", forms=("columns", "pandas", "csv")),
    "of two zones": times(fill(START.replace(tzinfo=dt.UTC), START.replace(tzinfo=ZoneInfo("Asia/Tokyo")))),
    "with a zone and without": times(fill("2026-03-01T00:00:00+02:00", "2026-03-01T00:00:00"), forms=FORMS),
    "words": times(fill("2026-03-01", "yesterday", ""), N // 3, forms=FORMS,
                   note='"ts": 40 not a time, such as yesterday'),
    "words alone": times(fill("yesterday"), error='column "ts": expected ISO 8601', forms=FORMS),
    "30 February": times(fill("2026-02-30", "2026-02-28"), N // 2, note='"ts": 60 not a time', forms=FORMS),
    "a leap second": times(fill("2026-12-31T23:59:60Z", "2026-12-31T23:59:59Z"), N // 2, note="60 not a time"),
    "days or months": times(fill("03/04/2026"), error="days and months cannot be told apart", forms=("columns", "csv")),
    "seconds since 1970": times(fill(1_770_000_000), note="read as s since 1970", forms=("columns", "parquet")),
    "seconds, some infinite": times(fill(1.77e9, math.nan, math.inf), N // 3, note="read as s since 1970"),
    "before 1970": times(fill(-1_770_000_000_000), note="read as ms since 1970"),
    "numbers beyond every year": times(pa.array(fill(2**64 - 1, 1_770_000_000, 1_770_000_000), pa.uint64()), 2 * N // 3,
                                       note="40 a time before"),
    "true and false": times(fill(True), error='column "ts": expected times'),
    "lists": times(fill([1]), error='column "ts": expected times'),
}  # fmt: skip

TASKS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "quantile": (
        {"task": "quantile", "label": "y", "prediction": {0.1: "a", 0.5: "b", 0.9: "c"}},
        {"y": [at / N for at in range(N)], "a": fill(0.0), "b": fill(0.5), "c": fill(1.0)},
        {"crossing": {"a": fill(2.0), "c": fill(-2.0)}, "one null": {"b": pa.nulls(N, pa.float64())},
         "infinite": {"c": fill(math.inf)}, "huge": {"c": fill(1e308)}, "in text": {"c": fill("x")},
         "labels null": {"y": pa.nulls(N)}, "labels in text": {"y": fill("x")},
         "labels huge": {"y": fill(1e308, -1e308)},
         "labels in lists": {"y": fill([1])}},
    ),
    "regression": (
        {"task": "regression", "label": "y", "members": ["a", "b"], "fusion": "mean"},
        {"y": [at / N for at in range(N)], "a": fill(0.5, 0.25), "b": fill(0.75)},
        {"constant": {"y": fill(1.0)}, "all right": {"y": fill(0.0), "a": fill(0.0), "b": fill(0.0)},
         "huge": {"a": fill(1e308, -1e308)}, "labels huge": {"y": fill(1e308, -1e308)},
         "labels huge alike": {"y": fill(1e308)},
         "labels denormal": {"y": fill(5e-324)}, "labels null": {"y": pa.nulls(N)}, "labels times": {"y": fill(START)},
         "labels whole": {"y": fill(2**62)}},
    ),
    "multilabel": (
        {"task": "multilabel", "label": "y", "prediction": {"cat": "a", "dog": "b"}},
        {"y": fill(["cat"], ["cat", "dog"], []), "a": fill(0.2, 0.7), "b": fill(0.4)},
        {"unknown classes": {"y": fill(["cat"], ["zebra"], None)}, "one text": {"y": fill("cat|dog", "dog", "")},
         "numbers": {"y": fill(1)}, "null": {"y": pa.nulls(N)}, "null inside": {"y": fill(["cat", None])},
         "twice": {"y": fill(["cat", "cat"])}, "lists in lists": {"y": fill([["cat"]])}},
    ),
    "multiclass": (
        {"task": "multiclass", "label": "y", "prediction": {"a": "a", "b": "b", "c": "c"}},
        {"y": fill("a", "b", "c"), "a": fill(0.2), "b": fill(0.3), "c": fill(0.5)},
        {"sums above one": {"a": fill(0.9)}, "all zero": {"a": fill(0.0), "b": fill(0.0), "c": fill(0.0)},
         "not a number": {"a": fill(math.nan)}, "unknown class": {"y": fill("a", "zebra")},
         "ties": {"a": fill(1 / 3), "b": fill(1 / 3), "c": fill(1 / 3)}},
    ),
}  # fmt: skip

EVERY = {**FEATURES, **ROLES, **{f"times {name}": case for name, case in TIMES.items()}}
Row = tuple[Any, ...]


def rows_of(result: cm.Result, touched: frozenset[str]) -> dict[Row, Row]:
    """Return the values about what was not touched, all rows together."""
    return {
        (one["window_start"], one["series"], one["segment"], one["feature"], one["target"], one["metric"]): tuple(
            one[name] for name in ("value", "lower", "upper", "resolution", "n", "kind", "reason")
        )
        for one in result.table.to_pylist()
        if (one["feature"] or one["series"]) not in touched and one["segment"] == ""
    }


@cache
def usual() -> cm.Result:
    """Return what the clean rows give."""
    return cm.monitor(clean(), schema=cm.Schema(**SCHEMA), window=None, reference=clean(), metrics=MEASURED,
                      now=CLOCK)  # fmt: skip


def found_of(result: cm.Result) -> Found:
    out: dict[tuple[str, str], Any] = {}
    for one in result.table.to_pylist():
        if one["segment"] == "" and one["target"] in ("", "1", "fused", "predictions"):
            out[one["feature"] or one["series"], one["metric"]] = one["reason"] or one["value"]
    counted = [one for one in result.table.to_pylist() if (one["series"], one["metric"]) == ("p", "label_share")]
    out["p", "rows"] = sum(one["n"] for one in counted)
    return out


def frame_of(change: Any) -> Any:
    return change(clean()) if callable(change) else clean() | change


def measured(case: Case, form: str, folder: Any) -> cm.Result:
    rows = frame_of(case.change)
    rows = in_form(form, rows, folder) if isinstance(rows, dict) else rows
    past = case.reference
    if past == "same":
        past = frame_of(case.change)
    elif past is not None and not isinstance(past, str):
        past = frame_of(past)
    return cm.monitor(
        rows,
        schema=cm.Schema(**SCHEMA | case.schema),
        window=case.window,
        reference=past,
        metrics=MEASURED,
        now=CLOCK,
    )


CASES = [pytest.param(case, form, id=f"{name} ({form})") for name, case in EVERY.items() for form in case.forms]


def test_there_are_as_many_cases_as_promised():
    assert len(EVERY) + sum(len(changes) for _, _, changes in TASKS.values()) >= 60


@pytest.mark.parametrize(("case", "form"), CASES)
def test_nasty_rows_give_values_or_reasons_and_move_nothing_else(tmp_path, caplog, case, form):
    if case.error:
        with pytest.raises(ChoirmasterError) as caught:
            measured(case, form, tmp_path)
        assert case.error in str(caught.value)
        return
    with caplog.at_level(logging.WARNING):
        result = measured(case, form, tmp_path)
    check(result, caplog)
    found = found_of(result)
    wrong = {key: found.get(key) for key, value in case.expect.items() if not same(found.get(key), value)}
    assert not wrong
    assert not case.note or any(case.note in note for note in result.notes), result.notes
    if case.touched is not None:
        here, there = rows_of(result, case.touched), rows_of(usual(), case.touched)
        if form in ("csv", "jsonl", "parquet"):  # binned, hence another road for what has a resolution
            here, there = (exact_only(one) for one in (here, there))
        assert here
        assert here == there


def same(found: Any, expected: Any) -> bool:
    both = isinstance(found, float) and isinstance(expected, float | int)
    return math.isclose(found, expected, rel_tol=1e-11) if both else bool(found == expected)


def exact_only(rows: dict[Row, Row]) -> dict[Row, Row]:
    return {key: value for key, value in rows.items() if key[3] and key[5] not in ("ks", "type_fault_rate")}


@pytest.mark.parametrize("compared", ["with clean rows", "with themselves"])
@pytest.mark.parametrize(("task", "name"), [(task, name) for task, (_, _, some) in TASKS.items() for name in some])
def test_nasty_rows_of_every_task(caplog, task, name, compared):
    declared, columns, changes = TASKS[task]
    rows = columns | changes[name]
    with caplog.at_level(logging.WARNING):
        result = cm.monitor(rows, schema=cm.Schema(**declared),
                            reference=columns if compared == "with clean rows" else rows)  # fmt: skip
    check(result, caplog)
    assert result.rows == N


def check(result: cm.Result, caplog: pytest.LogCaptureFixture) -> None:
    """Hold every value to a number or a reason, none of them that a metric broke, and the log to silence."""
    table = result.table.to_pylist()
    assert all((one["value"] is None) != (one["reason"] is None) for one in table)
    assert all(one["value"] is None or math.isfinite(one["value"]) for one in table)
    assert not [one for one in table if one["reason"] == "failed"]
    assert not [one.getMessage() for one in caplog.records if one.name.startswith("choirmaster")]
