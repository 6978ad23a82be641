"""schema.yaml: what is written is read back, comments explain, and errors say the line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.config.problems import ConfigProblems
from choirmaster.config.schema_file import dump_schema, load_schema
from choirmaster.errors import ChoirmasterError, SchemaError
from choirmaster.schema import Schema

WHOLE = Schema(
    "binary", label="is late?", members={"a": "p: a", "b": {"output": "class", "columns": "#b"}}, fused="p", time="ts",
    classes=["yes", "no"], positive="yes", timezone="Europe/Berlin", segments=["carrier"], features=["x", "y"],
    categorical=["y"], cutoff={"a": 0.3}, value="eur", id="id", notes=["label: by its name", "odd: note"],
)  # fmt: skip


def test_what_is_written_is_read_back():
    text = dump_schema(WHOLE, source="data.csv")
    assert load_schema(text) == WHOLE
    assert "# by its name\nlabel:" in text
    assert "# Guessed from data.csv" in text
    assert "# odd: note" in text


_ODD = ["yes", "null", "1e3", "007", "08", "1.", "12:30", "~", "#", "- a"]
_NAMES = st.text(min_size=1, max_size=12) | st.sampled_from(_ODD)
_CONTROL = {*map(chr, [*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF])}


@given(st.lists(_NAMES, min_size=2, max_size=3, unique=True), _NAMES, _NAMES)
def test_any_name_survives(classes, label, column):
    try:
        schema = Schema(
            "multiclass", label=label, classes=classes, members={"m": {"output": "class", "columns": column}}
        )
    except ChoirmasterError:
        return
    if any(_CONTROL & set(one) for one in [*classes, label, column]):
        return
    assert load_schema(dump_schema(schema)) == schema


def test_every_problem_at_once():
    with pytest.raises(ConfigProblems) as caught:
        load_schema("tasks: binary\ntruth: y\nsegments: carrier\nlabel: [y]\ncutoff: often\n")
    text = str(caught.value)
    assert 'say "label" in place of "truth"' in text
    assert 'did you mean "task"?' in text
    assert "$.segments (schema.yaml line 3)" in text
    assert "expected a list" in text
    assert '"task": binary' in text
    assert "$.cutoff" in text


def test_errors_of_the_declaration_carry_the_line():
    with pytest.raises(SchemaError, match=r"\$\.members\.a\.output \(s\.yaml line 4\)|line 4") as caught:
        load_schema("task: binary\nlabel: y\nmembers:\n  a: {output: value, columns: p}\n", name="s.yaml")
    assert "s.yaml line" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "task: nonsense\nprediction: p",
        "task: binary\nmembers: 3",
        "task: binary\nmembers: {a: [1]}",
        "task: binary\nmembers: {a: {columns: 3}}",
        "task: binary\nprediction: 3",
        "task: binary\nmembers: {a: {columns: null}}",
    ],
)
def test_what_is_wrong_is_one_of_ours(text):
    with pytest.raises(ChoirmasterError):
        load_schema(text)
