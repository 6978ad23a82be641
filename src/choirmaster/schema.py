"""What a user declares: which column of a frame or file plays which role. ``Layout`` is the form inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from choirmaster.costs import flat_costs, read_costs
from choirmaster.errors import SchemaError, unknown
from choirmaster.ids import check_name
from choirmaster.layout import (
    STATUSES,
    TEXT,
    TIMESTAMP,
    Layout,
    Output,
    SeriesSpec,
    Status,
    Task,
    arrival_column,
    class_column,
    feature_column,
    label_names,
    label_set,
    level_text,
    probability_column,
    quantile_column,
    series_prefix,
    split_fusion,
    split_segments,
    tag_column,
    value_column,
)

__all__ = [
    "Layout", "Output", "STATUSES", "Schema", "SeriesColumns", "SeriesSpec", "Status", "TEXT", "TIMESTAMP", "Task",
    "class_column", "class_text", "arrival_column", "feature_column", "label_names", "label_set", "level_text",
    "probability_column", "quantile_column", "series_prefix", "tag_column", "value_column",
]  # fmt: skip

_OUTPUT_OF = {Task.BINARY: Output.PROBABILITY, Task.MULTICLASS: Output.PROBABILITY, Task.REGRESSION: Output.VALUE,
              Task.QUANTILE: Output.QUANTILES, Task.MULTILABEL: Output.PROBABILITY}  # fmt: skip
_SERVED_OUTPUTS = {
    Task.BINARY: (Output.PROBABILITY, Output.LOGIT, Output.CLASS),
    Task.MULTICLASS: (Output.PROBABILITY, Output.CLASS),
    Task.REGRESSION: (Output.VALUE,),
    Task.QUANTILE: (Output.QUANTILES,),
    Task.MULTILABEL: (Output.PROBABILITY, Output.LOGIT),
}


@dataclass(frozen=True, slots=True)
class SeriesColumns:
    """Where the user's frame holds one series: one column, or one for each class or quantile level."""

    output: Output
    columns: Mapping[str, str]  # {"": column}, {class: column} or {level: column}
    version: str | None = None  # column that says which version answered


@dataclass(frozen=True, slots=True, init=False)
class Schema:
    """Which column of a frame or file plays which role.

    Parameters
    ----------
    task : str
        ``binary``, ``multiclass``, ``multilabel``, ``regression`` or ``quantile``.
    label : str or dict, optional
        Column of true labels; empty cells are labels that have not arrived. Of a multilabel task a column of lists or
        of texts joined by ``|`` ('' or ``|`` is none of the classes), or ``{class: column}`` of 0 and 1.
    members : dict or list, optional
        ``{member: column}``; a column may also be ``{class: column}`` or ``{"output": ..., "columns": ...}``, and
        there ``"version"`` names a column that says which version of the member answered. Of a
        quantile task it is ``{quantile level: column}``.
    prediction : str, optional
        One model's column, in place of ``members``. Measuring needs one of the two; training needs neither.
    fused : str or dict, optional
        Column(s) of the fused answer.
    fusion : str or dict, optional
        Rule that computes the fused answer where ``fused`` is not given, such as ``mean``. With parameters it is a
        mapping as in the configuration: ``{"rule": "trimmed_mean", "trim": 0.2}``.
    weights : dict, optional
        ``{member: weight}`` for a weighted fusion.
    output : str
        ``probability``, ``logit``, ``class``, ``value`` or ``quantiles``: what the members' numbers mean.
    classes, positive : list of str, str
        Class names, and the positive one of a binary task.
    features : list of str, optional
        Columns to watch for drift; by default every column without another role, and the segments. ``numeric`` and
        ``categorical`` declare their type; the rest follow the column's stored type.
    time, timezone, id, segments, value
        Further roles. A naive time is taken in ``timezone``. A segment is a column, or a list of columns whose values
        are crossed: ``["carrier", ["carrier", "origin"]]``.
    cutoff : float or dict or "auto", optional
        Score from which a row counts as positive; 0.5 where not given. A dict is by series, or by class of a multilabel
        task.
    costs : dict, optional
        What each case costs: ``{actual class: {predicted class: cost}}``; what is not named costs 0.

    Examples
    --------
    >>> schema = Schema("binary", label="y", members={"logit": "p_logit", "forest": "p_forest"}, fusion="mean")
    >>> list(schema.members)
    ['logit', 'forest']
    """

    task: Task
    label: str | None
    labels: Mapping[str, str]
    members: Mapping[str, SeriesColumns]
    fused: SeriesColumns | None
    fusion: str | None
    fusion_parameters: Mapping[str, Any]
    weights: Mapping[str, float]
    classes: tuple[str, ...]
    positive: str | None
    features: tuple[str, ...] | None
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    time: str | None
    timezone: str
    id: str | None
    segments: tuple[str, ...]
    crosses: tuple[tuple[str, ...], ...]
    value: str | None
    cutoff: float | Mapping[str, float] | str | None
    costs: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __init__(
        self,
        task: str,
        *,
        label: str | Mapping[Any, str] | None = None,
        members: Mapping[str, Any] | Sequence[str] | None = None,
        prediction: Any = None,
        fused: Any = None,
        fusion: str | Mapping[str, Any] | None = None,
        weights: Mapping[str, float] | None = None,
        output: str | None = None,
        classes: Sequence[Any] | None = None,
        positive: Any = None,
        features: Sequence[str] | None = None,
        numeric: Sequence[str] = (),
        categorical: Sequence[str] = (),
        time: str | None = None,
        timezone: str = "UTC",
        id: str | None = None,  # the role's own name
        segments: Sequence[str | Sequence[str]] = (),
        value: str | None = None,
        cutoff: float | Mapping[str, float] | str | None = None,
        costs: Mapping[Any, Mapping[Any, float]] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        put = object.__setattr__
        chosen = _task(task)
        default = _output(chosen, output or str(_OUTPUT_OF[chosen]), "$.output")
        columns = _members(chosen, members, prediction, default)
        put(self, "task", chosen)
        put(self, "label", None if isinstance(label, Mapping) else label)
        put(self, "labels", _labels(chosen, label) if isinstance(label, Mapping) else {})
        put(self, "members", columns)
        put(self, "fused", None if fused is None else _series(chosen, fused, _fused_default(default), "$.fused"))
        rule, parameters = split_fusion(fusion)
        computed = fused is None and len(columns) > 1
        put(self, "fusion", rule if computed else None)
        put(self, "fusion_parameters", parameters if computed else {})
        put(self, "weights", dict(weights or {}))
        put(self, "classes", tuple(class_text(one) for one in classes or ()))
        put(self, "positive", None if positive is None else class_text(positive))
        put(self, "features", None if features is None else tuple(features))
        put(self, "numeric", tuple(numeric))
        put(self, "categorical", tuple(categorical))
        put(self, "time", time)
        put(self, "timezone", timezone)
        put(self, "id", id)
        single, crosses = split_segments(segments)
        put(self, "segments", single)
        put(self, "crosses", crosses)
        put(self, "value", value)
        put(self, "cutoff", cutoff)
        put(self, "costs", read_costs(costs, class_text))
        put(self, "notes", tuple(notes))
        _check(self)

    @classmethod
    def guess(cls, frame: Any) -> Schema:
        """Guess a schema from a frame's names, types and values; ``notes`` says why, line by line.

        Examples
        --------
        >>> import pyarrow as pa
        >>> frame = pa.table({"y": [0, 1, 1], "p_logit": [0.1, 0.8, 0.7], "p_forest": [0.2, 0.9, 0.6]})
        >>> Schema.guess(frame).label
        'y'
        """
        from choirmaster.guess import guess_schema

        return guess_schema(frame)

    def used_columns(self) -> tuple[str, ...]:
        """Return every column that has a declared role other than feature, without repeats."""
        series = [*self.members.values(), *([self.fused] if self.fused else [])]
        names = [column for one in series for column in one.columns.values()]
        names += [name for name in (self.label, *self.labels.values(), self.time, self.id, self.value) if name]
        names += [one.version for one in series if one.version]
        return tuple(dict.fromkeys([*names, *self.sliced]))

    @property
    def sliced(self) -> tuple[str, ...]:
        """Every column that rows are sliced by, alone or crossed with others."""
        return tuple(dict.fromkeys([*self.segments, *(name for cross in self.crosses for name in cross)]))

    def as_dict(self) -> dict[str, Any]:
        """Return the declaration as plain data, for ``schema.yaml``."""
        out: dict[str, Any] = {"task": str(self.task)}
        out["members"] = {name: _plain(one) for name, one in self.members.items()}
        if self.fused is not None:
            out["fused"] = _plain(self.fused)
        for name in ("label", "fusion", "positive", "time", "id", "value", "cutoff"):
            if getattr(self, name) is not None:
                out[name] = getattr(self, name)
        if self.fusion_parameters:
            out["fusion"] = {"rule": self.fusion, **self.fusion_parameters}
        if self.labels:
            out["label"] = dict(self.labels)
        for name in ("classes", "numeric", "categorical", "segments"):
            if getattr(self, name):
                out[name] = list(getattr(self, name))
        if self.crosses:
            out["segments"] = [*self.segments, *map(list, self.crosses)]
        if self.costs:
            out["costs"] = {actual: dict(row) for actual, row in self.costs.items()}
        if self.weights:
            out["weights"] = dict(self.weights)
        if self.features is not None:
            out["features"] = list(self.features)
        if self.timezone != "UTC":
            out["timezone"] = self.timezone
        return out


def class_text(value: Any) -> str:
    """Return the one text of a class name: ``1``, ``1.0`` and ``"1"`` are the same class, and so are all kinds of true.

    >>> class_text(1.0), class_text(True), class_text("True"), class_text("late")
    ('1', 'true', 'true', 'late')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal) and value == value // 1:
        return str(int(value))
    text = str(value)
    return text.lower() if text in ("True", "TRUE", "False", "FALSE") else text


def _labels(task: Task, label: Mapping[Any, str]) -> dict[str, str]:
    if task is not Task.MULTILABEL or not label:
        raise SchemaError("a label has one column", where="$.label", got=f"{len(label)} columns of a {task} task",
                          fix='{class: column} is for task="multilabel"')  # fmt: skip
    return {class_text(name): str(column) for name, column in label.items()}


def _plain(one: SeriesColumns) -> dict[str, Any]:
    single = one.columns.get("")
    out: dict[str, Any] = {"output": str(one.output), "columns": single if single is not None else dict(one.columns)}
    return out if one.version is None else out | {"version": one.version}


def _task(task: str) -> Task:
    try:
        return Task(task)
    except ValueError:
        raise unknown("task", str(task), list(Task), where="$.task") from None


def _output(task: Task, output: str, where: str) -> Output:
    served = _SERVED_OUTPUTS.get(task)
    if served is None:
        raise SchemaError(f"task {task} is not measured yet", where=where, allowed=tuple(_SERVED_OUTPUTS))
    try:
        chosen = Output(output)
    except ValueError:
        raise unknown("output", str(output), served, where=where) from None
    if chosen not in served:
        raise SchemaError(f"output does not fit task {task}", where=where, got=f'"{output}"', allowed=served)
    return chosen


def _fused_default(members: Output) -> Output:
    return Output.PROBABILITY if members is Output.CLASS else members


def _members(task: Task, members: Any, prediction: Any, default: Output) -> dict[str, SeriesColumns]:
    if members is None and prediction is None:
        return {}
    if members is not None and prediction is not None:
        raise SchemaError("a schema has members or a prediction, not both", where="$.members",
                          fix='members={"name": "column"} is for several, prediction="column" for one')  # fmt: skip
    if prediction is not None:
        return {"model": _series(task, prediction, default, "$.prediction")}
    if isinstance(members, str) or not isinstance(members, Mapping | Iterable):
        raise SchemaError("cannot read the members", where="$.members", got=type(members).__name__,
                          expected='{"name": "column"} or a list of columns')  # fmt: skip
    if not isinstance(members, Mapping):
        members = {name: name for name in members}
    if not members:
        raise SchemaError("a schema needs at least one member", where="$.members")
    return {
        check_name("member", name, where=f"$.members.{name}"): _series(task, one, default, f"$.members.{name}")
        for name, one in members.items()
    }


def _series(task: Task, declared: Any, default: Output, where: str) -> SeriesColumns:
    if isinstance(declared, str):
        return SeriesColumns(default, {"": declared})
    if not isinstance(declared, Mapping):
        raise SchemaError("cannot read a member", where=where, got=type(declared).__name__,
                          expected='a column name, {class: column} or {"output": ..., "columns": ...}')  # fmt: skip
    if "columns" in declared:
        output = _output(task, str(declared.get("output", default)), f"{where}.output")
        columns = declared["columns"]
        columns = {"": columns} if isinstance(columns, str) else columns
        if not isinstance(columns, Mapping) or not columns:
            raise SchemaError("cannot read a member's columns", where=f"{where}.columns", got=type(columns).__name__,
                              expected="a column name or {class: column}")  # fmt: skip
        version = declared.get("version")
        if not isinstance(version, str | None):
            raise SchemaError("cannot read a member's version", where=f"{where}.version", got=f"{version!r}"[:80],
                              expected="a column name")  # fmt: skip
        return SeriesColumns(output, _named(output, columns, f"{where}.columns"), version)
    return SeriesColumns(default, _named(default, declared, where))


def _named(output: Output, columns: Mapping[Any, Any], where: str) -> dict[str, str]:
    """Return columns by class, or by quantile level in ascending order."""
    if output is not Output.QUANTILES or "" in columns:
        return {class_text(name): str(column) for name, column in columns.items()}
    found = {level_text(name, where=where): str(column) for name, column in columns.items()}
    if len(found) < len(columns):
        raise SchemaError("a quantile level is there twice", where=where, got=", ".join(map(str, columns)))
    return {level: found[level] for level in sorted(found, key=float)}


def _check(schema: Schema) -> None:
    if schema.task is Task.MULTICLASS:
        for name, one in schema.members.items():
            if one.output is Output.PROBABILITY and "" in one.columns:
                raise SchemaError("a multiclass member needs a column for each class", where=f"$.members.{name}",
                                  expected='{"class a": "column", ...}', got=f'"{one.columns[""]}"',
                                  fix='or declare {"output": "class", "columns": "..."}')  # fmt: skip
    if schema.costs and not schema.task.classifies:
        raise SchemaError("costs are of classes", where="$.costs", got=f"task {schema.task}")
    if schema.classes:
        flat_costs(schema.costs, schema.classes)
    if schema.task in (Task.MULTILABEL, Task.QUANTILE):
        _check_alike(schema)
    if schema.positive is not None and schema.classes and schema.positive not in schema.classes:
        raise SchemaError("positive is not among the classes", where="$.positive", got=f'"{schema.positive}"',
                          allowed=schema.classes)  # fmt: skip
    strangers = set(schema.weights) - set(schema.members)
    if strangers:
        raise unknown("member", min(strangers), schema.members, where="$.weights")
    both = set(schema.numeric) & set(schema.categorical)
    if both:
        raise SchemaError("a feature has two types", where="$.categorical", got=f'"{min(both)}"')


def _check_alike(schema: Schema) -> None:
    """Hold every series to the same classes or quantile levels, and to a column for each."""
    what = "quantile level" if schema.task is Task.QUANTILE else "class"
    first: tuple[str, ...] = schema.classes
    series = [(f"$.members.{name}", one) for name, one in schema.members.items()]
    for where, one in [*series, *([("$.fused", schema.fused)] if schema.fused else [])]:
        if "" in one.columns:
            raise SchemaError(f"a {schema.task} member needs a column for each {what}", where=where,
                              expected=f"{{{what}: column}}", got=f'"{one.columns[""]}"')  # fmt: skip
        first = first or tuple(one.columns)
        if set(one.columns) != set(first):
            raise SchemaError(f"every series needs a column for each {what}", where=where, expected=", ".join(first),
                              got=", ".join(one.columns))  # fmt: skip
    if schema.labels and first and set(schema.labels) != set(first):
        raise SchemaError("the label needs a column for each class", where="$.label", expected=", ".join(first),
                          got=", ".join(schema.labels))  # fmt: skip
