"""A schema guessed from a frame's names, types and values, each role with its reason.

Guesses are aloud: what is taken stands in ``Schema.notes``, and what could be two things is an error that names both
and the line to type. Only the first 10,000 rows are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.errors import SchemaError, unknown
from choirmaster.guess.columns import (
    MAX_CLASSES,
    PREDICTION_WORDS,
    ROWS,
    TIME_FORMATS,
    Column,
    facts,
    head,
    is_epoch,
    is_index,
    looks_like_time,
    task_of,
    words,
)
from choirmaster.schema import Schema, class_text

__all__ = ["ROWS", "TIME_FORMATS", "guess_schema", "looks_like_time"]

_LABELS = ("y_true", "label", "target", "y", "truth", "ground_truth", "outcome", "actual", "actual_class", "true_label",
           "true_class", "observed", "result")  # fmt: skip
_LABEL_WORDS = {"label", "target", "outcome", "actual", "truth", "true", "observed"}
_EVENT_WORDS = {"late", "fraud", "churn", "churned", "default", "defaulted", "converted", "clicked", "click", "spam",
                "delayed", "failed", "bought", "purchased", "died", "survived", "readmitted"}  # fmt: skip
_LOGIT_WORDS = {"logit", "logits", "margin", "logodds"}
_FUSED_WORDS = {"fused", "ensemble", "blend", "blended", "final", "combined", "average", "avg"}
_TIMES = ("time", "ts", "timestamp", "datetime", "event_time", "event_timestamp", "date", "created_at", "day")
_POSITIVE = ("1", "true", "yes", "y", "positive", "pos", "t")
_MAX_SEGMENT_VALUES, _MAX_SEGMENTS = 50, 3


def guess_schema(
    frame: Any,
    *,
    task: str | None = None,
    label: str | None = None,
    time: str | None = None,
    id: str | None = None,
    positive: Any = None,
    members: Mapping[str, Any] | Sequence[str] | None = None,
) -> Schema:
    """Guess which column plays which role; what is given is taken as given.

    Examples
    --------
    >>> import pyarrow as pa
    >>> schema = guess_schema(pa.table({"late": ["yes", "no"], "p_a": [0.9, 0.2], "p_b": [0.7, 0.1]}))
    >>> schema.label, list(schema.members), schema.positive
    ('late', ['a', 'b'], 'yes')
    """
    table = head(frame)
    columns = {name: Column.of(name, table.column(name)) for name in table.column_names}
    given = [one for one in (label, time, id) if one is not None]
    for name in given:
        if name not in columns:
            raise unknown("column", name, columns)
    guess = _Guess(columns, [])
    guess.take_time(time)
    guess.take_id(id)
    guess.take_label(label, task)
    if members is None:
        guess.take_members()
    else:
        guess.declared = members if isinstance(members, Mapping) else {name: name for name in members}
        guess.note("members", "as given")
    guess.take_positive(positive)
    guess.take_segments()
    return guess.schema()


class _Guess:
    """The roles taken so far."""

    def __init__(self, columns: Mapping[str, Column], notes: list[str]) -> None:
        self.columns, self.notes = columns, notes
        self.task, self.label, self.time, self.id = "", "", "", ""
        self.classes: tuple[str, ...] = ()
        self.positive = ""
        self.declared: Mapping[str, Any] = {}
        self.fused: Any = None
        self.segments: list[str] = []

    def note(self, role: str, text: str) -> None:
        self.notes.append(f"{role}: {text}")

    def free(self) -> list[Column]:
        taken = {self.time, self.id, self.label, *self._member_columns()}
        return [one for name, one in self.columns.items() if name not in taken]

    def _member_columns(self) -> list[str]:
        series = [*self.declared.values(), *([self.fused] if self.fused else [])]
        out: list[str] = []
        for one in series:
            columns = one.get("columns", one) if isinstance(one, Mapping) else one
            out += [columns] if isinstance(columns, str) else list(columns.values())
        return out

    # -- time and id ------------------------------------------------------------------------------------------
    def take_time(self, given: str | None) -> None:
        found = [one.name for one in self.columns.values() if one.kind == "time" or is_epoch(one)]
        named = [name for name in _TIMES if name in {one.lower() for one in found}]
        if given:
            self.time = given
            self.note("time", f"{given}, as given")
        elif named:
            self.time = next(one for one in found if one.lower() == named[0])
            self.note("time", f"{self.time}, by its name and values")
        elif len(found) == 1:
            self.time = found[0]
            self.note("time", f"{self.time}, the only column of times")
        elif found:
            raise _ambiguous("time", found)
        others = [name for name in found if name != self.time and self.columns[name].kind == "time"]
        if others:
            self.note("time", f"{', '.join(others)} also hold times and are not used")

    def take_id(self, given: str | None) -> None:
        unique = [one.name for one in self.free() if one.rows and one.nulls == 0 and one.distinct == one.rows
                  and one.kind in ("text", "number") and (one.kind == "text" or one.whole)]  # fmt: skip
        named = [name for name in unique if {"id", "uuid", "key", "guid"} & set(words(name))]
        named.sort(key=lambda name: name.lower() not in ("id", "uuid"))
        if given:
            self.id = given
            self.note("id", f"{given}, as given")
        elif named:
            self.id = named[0]
            more = f"; {', '.join(named[1:])} would do as well" if len(named) > 1 else ""
            self.note("id", f"{self.id}, by its name, each value once{more}")

    # -- label and task ---------------------------------------------------------------------------------------
    def take_label(self, given: str | None, task: str | None) -> None:
        if given:
            self.label = given
            self.note("label", f"{given}, as given")
        else:
            self.label = self._find_label()
        if not self.label:
            self.task = task or "binary"
            self.note("label", "no column looks like labels, so quality will not be measured")
            self.note("task", self.task if task else "binary, because nothing says otherwise")
            return
        column = self.columns[self.label]
        self.task = task or task_of(column)
        self.note("task", f"{self.task}, {'as given' if task else facts(column)}")
        if self.task != "regression":
            self.classes = column.values
            if column.nulls:
                self.note("label", f"{column.nulls} of {column.rows} cells are empty: labels that have not arrived")

    def _find_label(self) -> str:
        names = {one.name.lower(): one.name for one in self.free() if one.kind != "time"}
        for name in _LABELS:
            if name in names:
                self.note("label", f"{names[name]}, by its name")
                return names[name]
        likely = [one for one in self.free() if not one.says_prediction and one.kind in ("text", "number", "bool")]
        for wanted in (_LABEL_WORDS, _EVENT_WORDS):
            found = [one.name for one in likely if wanted & set(one.words) and one.distinct <= MAX_CLASSES]
            if len(found) > 1:
                raise _ambiguous("label", found)
            if found:
                self.note("label", f"{found[0]}, by a word in its name and {facts(self.columns[found[0]])}")
                return found[0]
        found = [one.name for one in likely if one.distinct == 2]
        if len(found) > 1:
            raise _ambiguous("label", found)
        if found:
            self.note("label", f"{found[0]}, the only column with two values that is no prediction")
        return found[0] if found else ""

    # -- members ----------------------------------------------------------------------------------------------
    def take_members(self) -> None:
        found: dict[str, Any] = {}
        whys: dict[str, str] = {}
        for column, name, declared, why in self._predictions():
            if declared is not None:
                key = _member_name(name, found)
                found[key], whys[key] = declared, f"{column}: {why}"
        if not found:
            raise SchemaError("no column looks like a prediction", got=", ".join(self.columns)[:200],
                              fix='give members={"name": "column"}, or name the columns p_<model> for probabilities '
                                  "and pred_<model> for classes or values")  # fmt: skip
        fused = [key for key in found if set(words(key)) & _FUSED_WORDS] if len(found) > 2 else []
        if "model" in found and len(found) > 2 and not fused:
            fused = ["model"]
        if len(fused) == 1:
            self.fused = found.pop(fused[0])
            self.note("fused", f"{whys.pop(fused[0])}; its name says that it is the answer of all")
        self.declared = found
        for key in found:
            self.note("members", f"{key} is {whys[key]}")

    def _predictions(self) -> list[tuple[str, str, Any, str]]:
        if self.task == "regression":
            named = [one for one in self.free() if one.kind == "number" and one.says_prediction]
            return [(one.name, one.name, one.name, "a number, by its name") for one in named]
        grouped, used = self._by_class()
        rest = [one for one in self.free() if one.name not in used]
        single = [self._one(one) for one in rest] if self.task == "binary" else [self._class(one) for one in rest]
        found = grouped + [one for one in single if one is not None]
        if not any(one[2] for one in found) and self.task == "binary":
            found += self._by_values(rest)
        return found

    def _by_class(self) -> tuple[list[tuple[str, str, Any, str]], set[str]]:
        """Find members with a probability column for each class, such as ``p_boost_late`` and ``p_boost_ontime``."""
        groups: dict[str, dict[str, str]] = {}
        for one in self.free():
            if one.kind != "number" or one.low < 0 or one.high > 1:
                continue
            for name in self.classes:
                if one.name.endswith(f"_{name}"):
                    groups.setdefault(one.name.removesuffix(f"_{name}"), {})[name] = one.name
        whole = {key: group for key, group in groups.items() if set(group) == set(self.classes) and len(group) > 1}
        why = "a probability for each class"
        found: list[tuple[str, str, Any, str]] = []
        for key, group in whole.items():
            found.append((", ".join(group.values()), key, {name: group[name] for name in sorted(group)}, why))
        return found, {column for group in whole.values() for column in group.values()}

    def _one(self, one: Column) -> tuple[str, str, Any, str] | None:
        if one.unit and one.says_prediction:
            return one.name, one.name, one.name, f"probabilities, by the name and {one.unit_words}"
        if one.kind == "number" and set(one.words) & _LOGIT_WORDS and not one.unit and not one.whole:
            declared = {"output": "logit", "columns": one.name}
            return one.name, one.name, declared, "log-odds, by the name and values beyond [0, 1]"
        found = self._class(one)
        if found is None and one.says_prediction and one.kind == "number":
            self.note(
                "members", f"{one.name} is left out: values from {one.low:g} to {one.high:g} are no probabilities"
            )
        return found

    def _class(self, one: Column) -> tuple[str, str, Any, str] | None:
        """Return a column of predicted classes: those of the label, and named so unless the classes are words."""
        classes = set(one.values)
        known = set(self.classes)
        if not classes or (known and not classes <= known) or one.kind not in ("text", "number", "bool"):
            return None
        flags = classes <= {"0", "1", "true", "false", "yes", "no", "y", "n", "t", "f"}
        named = one.says_prediction or bool({"class", "decision", "vote", "answer"} & set(one.words))
        if not named and (flags or not known or classes != known):
            return None
        why = "classes, by the name" if named else "classes, by the same values as the label"
        return one.name, one.name, {"output": "class", "columns": one.name}, why

    def _by_values(self, rest: list[Column]) -> list[tuple[str, str, Any, str]]:
        found = [one.name for one in rest if one.unit]
        if len(found) > 1:
            raise _ambiguous("prediction", found)
        return [(name, name, name, "probabilities by its values in [0, 1] alone; please check") for name in found]

    # -- the rest ---------------------------------------------------------------------------------------------
    def take_positive(self, given: Any) -> None:
        if self.task != "binary":
            return
        if given is not None:
            self.positive = class_text(given)
            self.note("positive", f"{self.positive}, as given")
            return
        lower = {name.lower(): name for name in self.classes}
        for name in _POSITIVE:
            if name in lower:
                self.positive = lower[name]
                self.note("positive", f"{self.positive}, by its name")
                return
        named = [name for name in self.classes if set(words(name)) & (_EVENT_WORDS | set(words(self.label)))]
        if len(named) == 1:
            self.positive = named[0]
            self.note("positive", f"{self.positive}, the class that names an event")
        elif len(self.classes) == 2:
            self.positive = self.classes[-1]
            self.note("positive", f"{self.positive}, the rarer class; please check")

    def take_segments(self) -> None:
        for one in self.free():
            if one.kind == "text" and 2 <= one.distinct <= _MAX_SEGMENT_VALUES and one.distinct * 5 <= one.rows:
                self.segments.append(one.name)
        if len(self.segments) > _MAX_SEGMENTS:
            self.segments.sort(key=lambda name: self.columns[name].distinct)
            self.note("segments", f"of {len(self.segments)} columns of few texts, the three with the fewest values")
            self.segments = self.segments[:_MAX_SEGMENTS]
        for name in self.segments:
            self.note("segments", f"{name}, {self.columns[name].distinct} distinct texts")

    def schema(self) -> Schema:
        """Put the roles together."""
        index = [one.name for one in self.free() if one.kind == "number" and is_index(one)]
        features = None
        if index:
            features = [one.name for one in self.free() if one.name not in index and one.kind not in ("time", "other")]
            self.note("features", f"{', '.join(index)} counts the rows and is left out")
        fusion = None
        if len(self.declared) > 1 and self.fused is None:
            votes = any(isinstance(one, Mapping) and one.get("output") == "class" for one in self.declared.values())
            fusion = "hard_vote" if votes else "mean"
            self.note("fusion", f"{fusion}, because no column holds the answer of all")
        classes = sorted(self.classes) if self.task != "regression" else ()
        if self.task == "binary" and len(classes) != 2:
            classes = ()
        return Schema(
            self.task, label=self.label or None, members=self.declared, fused=self.fused, fusion=fusion,
            classes=classes, positive=self.positive or None, features=features, time=self.time or None,
            id=self.id or None, segments=self.segments, notes=self.notes,
        )  # fmt: skip


def _member_name(column: str, taken: Mapping[str, Any]) -> str:
    """Return a member's name: the column's without the words that say prediction."""
    parts = [word for word in re.split(r"[^A-Za-z0-9]+", column) if word]
    kept = [word for word in parts if word.lower() not in PREDICTION_WORDS | {"y", "class"}] or ["model"]
    name = re.sub(r"^(?=[0-9])", "m", "_".join(kept))
    name = {"fused": "fused_column", "all": "all_members"}.get(name, name)[:90]
    number = 2
    base = name
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _ambiguous(role: str, found: Sequence[str]) -> SchemaError:
    member = role == "prediction"
    line = f'members={{"model": "{found[0]}"}}' if member else f'{role}="{found[0]}"'
    option = "--member" if member else f"--{role}"
    return SchemaError(f"more than one column may be the {role}", got=", ".join(found[:12]),
                       fix=f"say which: {line}, or {option} {found[0]} on the command line")  # fmt: skip
