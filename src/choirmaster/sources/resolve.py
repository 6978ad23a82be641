"""A declared schema and the columns that are there into a layout: which features, of what type, and which classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.costs import flat_costs
from choirmaster.errors import SchemaError, nearest
from choirmaster.guess import looks_like_time
from choirmaster.schema import Layout, Output, Schema, SeriesColumns, SeriesSpec, Task, class_text
from choirmaster.sources.convert import as_text, decoded, is_number, is_text
from choirmaster.sources.faults import Faults
from choirmaster.sources.time_text import time_form
from choirmaster.values import FUSED

_POSITIVE = ("1", "true", "yes", "y", "positive")
_OTHER = {"1": "0", "0": "1", "true": "false", "false": "true", "yes": "no", "no": "yes", "y": "n", "n": "y",
          "positive": "negative", "negative": "positive"}  # fmt: skip
_ID_LIKE_SHARE, _ID_LIKE_COUNT = 0.5, 1000


@dataclass(frozen=True, slots=True)
class Resolved:
    """The layout, how the times are written, and what was decided on the way.

    Attributes
    ----------
    layout : Layout
    time_form : str
        ``stored``, ``iso``, a strptime format, ``epoch <unit>``, or '' without a time.
    notes : tuple of str
    """

    layout: Layout
    time_form: str = ""
    notes: tuple[str, ...] = field(default=())


def resolve(
    schema: Schema, arrow: pa.Schema, sample: pa.Table, *, classes: Sequence[str] = (), layout: Layout | None = None
) -> Resolved:
    """Decide the layout from a declaration, the columns there are and some rows.

    Parameters
    ----------
    schema : Schema
    arrow : pyarrow.Schema
        All columns there are.
    sample : pyarrow.Table
        Some rows, such as the first 10,000.
    classes : sequence of str
        Classes known from elsewhere, such as from a reference; they come on top of those of the sample.
    layout : Layout, optional
        Taken as it is; only the notes and the form of the times are decided then, and columns may be missing.
    """
    notes: list[str] = []
    if layout is None:
        _require(schema, arrow)
    form = ""
    if schema.time and schema.time in sample.column_names:
        form = time_form(decoded(_whole(sample, schema.time)), name=schema.time)
        if form.startswith("epoch"):
            notes.append(f'time: column "{schema.time}" is read as {form.removeprefix("epoch ")} since 1970')
    if layout is None:
        found = _classes(schema, sample, classes, notes)
        positive = _positive(schema, found)
        numeric, categorical = _features(schema, arrow, sample, notes)
        layout = Layout(
            schema.task,
            _series(schema),
            found,
            positive,
            numeric,
            categorical,
            schema.segments,
            schema.value is not None,
            crosses=schema.crosses,
            costs=flat_costs(schema.costs, found),
            levels=_levels(schema),
        )
    return Resolved(layout, form, tuple(notes))


def _whole(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def missing_column(name: str, where: str, names: Iterable[str]) -> SchemaError:
    """Build the one message for a column that is not there."""
    names = list(names)
    close = nearest(name, names)
    return SchemaError("column is missing", where=where, got=f'"{name}"', allowed=[close] if close else names)


def _require(schema: Schema, arrow: pa.Schema) -> None:
    """Raise for the first declared column that is not there."""
    places = [("$.label", schema.label), ("$.time", schema.time), ("$.id", schema.id), ("$.value", schema.value)]
    for member, one in [*schema.members.items(), *([(FUSED, schema.fused)] if schema.fused else [])]:
        path = "$.fused" if member == FUSED else f"$.members.{member}"
        places += [(path, column) for column in one.columns.values()]
        places.append((f"{path}.version", one.version))
    places += [(f"$.label.{name}", column) for name, column in schema.labels.items()]
    places += [("$.segments", name) for name in schema.sliced]
    places += [("$.features", name) for name in (*(schema.features or ()), *schema.numeric, *schema.categorical)]
    for where, name in places:
        if name is not None and name not in arrow.names:
            raise missing_column(name, where, arrow.names)


def _series(schema: Schema) -> tuple[SeriesSpec, ...]:
    out = [SeriesSpec(name, _measured(one.output)) for name, one in schema.members.items()]
    if schema.fused is not None:
        out.append(SeriesSpec(FUSED, _measured(schema.fused.output)))
    elif schema.fusion is not None:
        out.append(SeriesSpec(FUSED, _fused(schema)))
    return tuple(out)


def _fused(schema: Schema) -> Output:
    """Return what the fused answer is: shares of votes are no probabilities, so a vote is measured as a class."""
    if schema.fusion == "hard_vote" and schema.task is not Task.MULTILABEL:
        return Output.CLASS
    if schema.task is Task.QUANTILE:
        return Output.QUANTILES
    return Output.PROBABILITY if schema.task.has_classes else Output.VALUE


def _levels(schema: Schema) -> tuple[str, ...]:
    """Return the quantile levels, which every series has."""
    return tuple(_all_series(schema)[0].columns) if schema.task is Task.QUANTILE and _all_series(schema) else ()


def _measured(output: Output) -> Output:
    """Log-odds are turned into probabilities on the way in."""
    return Output.PROBABILITY if output is Output.LOGIT else output


# -- classes --------------------------------------------------------------------------------------------------------
def _classes(schema: Schema, sample: pa.Table, known: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    if not schema.task.has_classes:
        return ()
    if schema.classes:
        return schema.classes
    if schema.task is Task.MULTILABEL:
        return tuple(_all_series(schema)[0].columns)
    found = {class_text(one) for one in known}
    for one in _all_series(schema):
        if one.output is not Output.CLASS:
            found |= {name for name in one.columns if name}
    columns = [schema.label] if schema.label else []
    columns += [one.columns[""] for one in _all_series(schema) if one.output is Output.CLASS]
    for name in columns:
        if name in sample.column_names:
            values = as_text(_whole(sample, name), name=name, faults=Faults())
            found |= set(pc.unique(values.dictionary_decode()).drop_null().to_pylist())
    if schema.positive is not None:
        found.add(schema.positive)
    if schema.task is Task.BINARY:
        return _two(schema, found)
    if len(found) < 2:
        raise SchemaError("too few classes found", where="$.classes", got=", ".join(sorted(found)) or "none",
                          fix='name them: classes=["a", "b", "c"]')  # fmt: skip
    notes.append(f"classes: {', '.join(_ordered(found)[:20])}, from the first rows")
    return _ordered(found)


def _all_series(schema: Schema) -> list[SeriesColumns]:
    return [*schema.members.values(), *([schema.fused] if schema.fused else [])]


def _two(schema: Schema, found: set[str]) -> tuple[str, ...]:
    if len(found) == 1 and next(iter(found)) in _OTHER:
        found = found | {_OTHER[next(iter(found))]}
    if not found and schema.positive is None:
        found = {"0", "1"}
    if len(found) == 2:
        return _ordered(found)
    raise SchemaError("a binary task has two classes", where="$.classes",
                      got=", ".join(_ordered(found)[:12]) or "none",
                      fix='name them: classes=["no", "yes"], or say task="multiclass"')  # fmt: skip


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Sort classes: numbers by value, before texts by name."""

    def key(name: str) -> tuple[int, float, str]:
        try:
            return (0, float(name), name)
        except ValueError:
            return (1, 0.0, name)

    return tuple(sorted(names, key=key))


def _positive(schema: Schema, classes: Sequence[str]) -> str:
    if schema.task is not Task.BINARY:
        return ""
    if schema.positive is not None:
        if schema.positive not in classes:
            raise SchemaError("positive is not among the classes", where="$.positive", got=f'"{schema.positive}"',
                              allowed=classes)  # fmt: skip
        return schema.positive
    for name in classes:
        if name.lower() in _POSITIVE:
            return name
    raise SchemaError("which class is the positive one is not said", where="$.positive", got=", ".join(classes),
                      fix=f'say which: positive="{classes[0]}" or positive="{classes[-1]}"')  # fmt: skip


# -- features -------------------------------------------------------------------------------------------------------
def _features(
    schema: Schema, arrow: pa.Schema, sample: pa.Table, notes: list[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    declared = schema.features is not None
    roles = set(schema.used_columns()) - set(schema.sliced)
    wanted = schema.features if schema.features is not None else [name for name in arrow.names if name not in roles]
    wanted = list(dict.fromkeys([*wanted, *schema.numeric, *schema.categorical]))
    numeric: list[str] = []
    categorical: list[str] = []
    for name in wanted:
        kind = _feature_kind(schema, name, arrow.field(name).type)
        why = (
            ""
            if name in schema.numeric or name in schema.categorical
            else _left_out(name, kind, arrow, sample, declared)
        )
        if why:
            notes.append(f'features: column "{name}" is left out, {why}')
        else:
            (numeric if kind == "numeric" else categorical).append(name)
    return tuple(numeric), tuple(categorical)


def _feature_kind(schema: Schema, name: str, kind: pa.DataType) -> str:
    if name in schema.numeric:
        return "numeric"
    if name in schema.categorical or name in schema.sliced or is_text(kind) or pa.types.is_boolean(kind):
        return "categorical"
    return "numeric" if is_number(kind) else "other"


def _left_out(name: str, kind: str, arrow: pa.Schema, sample: pa.Table, declared: bool) -> str:
    """Return why a column is no feature; '' when it is one."""
    if kind == "other":
        return f"its type is {arrow.field(name).type}"
    if declared or kind != "categorical" or name not in sample.column_names:
        return ""
    column = as_text(_whole(sample, name), name=name, faults=Faults()).dictionary_decode()
    values = pc.unique(column).drop_null()
    rows = len(column) - column.null_count
    if len(values) > _ID_LIKE_COUNT and len(values) > _ID_LIKE_SHARE * rows:
        return f"{len(values)} distinct texts in {rows} rows look like ids"
    texts = values.slice(0, 200).to_pylist()
    if is_text(arrow.field(name).type) and looks_like_time([one for one in texts if one]):
        return "it holds times"
    return ""
