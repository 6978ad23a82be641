"""What an ensemble's rows mean inside: tasks, outputs, statuses and the canonical columns of ``Layout``.

Inside, every row has the canonical columns of :func:`Layout.arrow` whatever the user's columns are called, so stored
rows, requests, files and frames are measured by the same code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa

from choirmaster.errors import SchemaError
from choirmaster.ids import escape, unescape
from choirmaster.values import FUSED

TIMESTAMP = pa.timestamp("us", tz="UTC")
TEXT = pa.dictionary(pa.int32(), pa.string())
MAX_CROSSED = 4  # columns of one cross


class Task(StrEnum):
    """What is predicted."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"
    QUANTILE = "quantile"

    @property
    def classifies(self) -> bool:
        """Whether a label is one class."""
        return self in (Task.BINARY, Task.MULTICLASS)

    @property
    def has_classes(self) -> bool:
        """Whether labels are about classes: one of them, or any number of them at once."""
        return self.classifies or self is Task.MULTILABEL


class Output(StrEnum):
    """What the numbers of a series mean. Declared, never guessed from their range."""

    PROBABILITY = "probability"
    LOGIT = "logit"
    CLASS = "class"
    VALUE = "value"
    QUANTILES = "quantiles"


class Status(StrEnum):
    """How one member did on one call."""

    OK = "ok"
    LATE = "late"
    FAILED = "failed"
    INVALID = "invalid"
    QUARANTINED = "quarantined"
    ABSENT = "absent"


STATUSES = tuple(Status)


def series_prefix(series: str) -> str:
    """Return the column prefix of a series: ``y`` for the fused one, ``m.<member>`` for a member.

    >>> series_prefix("fused"), series_prefix("boost")
    ('y', 'm.boost')
    """
    return "y" if series == FUSED else f"m.{series}"


def probability_column(series: str, class_name: str) -> str:
    """Return the canonical column of one class probability.

    >>> probability_column("boost", "late")
    'm.boost.p.late'
    """
    return f"{series_prefix(series)}.p.{escape(class_name)}"


def class_column(series: str) -> str:
    """Return the canonical column of a predicted class."""
    return f"{series_prefix(series)}.class"


def value_column(series: str) -> str:
    """Return the canonical column of a predicted number."""
    return f"{series_prefix(series)}.value"


def quantile_column(series: str, level: str) -> str:
    """Return the canonical column of one predicted quantile.

    >>> quantile_column("boost", "0.9")
    'm.boost.q.0%2E9'
    """
    return f"{series_prefix(series)}.q.{escape(level)}"


def label_set(names: Iterable[str]) -> str:
    """Return the one text of a set of classes: escaped, sorted, joined by ``|``; '' is none of them.

    >>> label_set(["rain", "heavy wind"]), label_set([])
    ('heavy%20wind|rain', '')
    """
    return "|".join(sorted({escape(name) for name in names}))


def label_names(text: str) -> tuple[str, ...]:
    """Undo :func:`label_set`.

    >>> label_names("heavy%20wind|rain")
    ('heavy wind', 'rain')
    """
    return tuple(unescape(one) for one in text.split("|")) if text else ()


def level_text(value: Any, *, where: str = "") -> str:
    """Return the one text of a quantile level: ``0.90``, ``.9`` and ``"0.9"`` are the same.

    >>> level_text("0.90"), level_text(0.5)
    ('0.9', '0.5')
    """
    try:
        level = float(value)
    except (TypeError, ValueError):
        level = float("nan")
    if isinstance(value, bool) or not 0.0 < level < 1.0:
        raise SchemaError("not a quantile level", where=where, got=f'"{value}"', expected="a number between 0 and 1")
    return repr(level)


def feature_column(feature: str) -> str:
    """Return the canonical column of a feature."""
    return f"x.{escape(feature)}"


def arrival_column(flag: str, feature: str = "") -> str:
    """Return the column that says of each row, or of each cell of a feature, whether something is wrong with it."""
    return f"arrival.{flag}.{escape(feature)}" if feature else f"arrival.{flag}"


def tag_column(tag: str) -> str:
    """Return the canonical column of a tag (a segment that is no feature)."""
    return f"tag.{escape(tag)}"


def split_fusion(
    declared: str | Mapping[str, Any] | None, *, where: str = "$.fusion"
) -> tuple[str | None, dict[str, Any]]:
    """Return the rule's name and its parameters.

    >>> split_fusion("mean"), split_fusion({"rule": "trimmed_mean", "trim": 0.2})
    (('mean', {}), ('trimmed_mean', {'trim': 0.2}))
    """
    if not isinstance(declared, Mapping):
        return declared, {}
    parameters = {str(key): value for key, value in declared.items() if value is not None}
    rule = parameters.pop("rule", None)
    if not isinstance(rule, str):
        raise SchemaError("cannot read the fusion", where=where, got=f"{declared!r}"[:80],
                          expected='a rule, or {"rule": ..., ...} with its parameters')  # fmt: skip
    if "weights" in parameters:
        raise SchemaError("weights stand beside the fusion", where=f"{where}.weights", fix="weights={member: weight}")
    return rule, parameters


def split_segments(
    declared: Sequence[str | Sequence[str]], *, where: str = "$.segments"
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the columns to slice by alone, and the crosses, each with its columns in order of name.

    >>> split_segments(["carrier", ["origin", "carrier"]])
    (('carrier',), (('carrier', 'origin'),))
    """
    single = [one for one in declared if isinstance(one, str)]
    crosses = []
    for number, one in enumerate(declared):
        if isinstance(one, str):
            continue
        names = tuple(sorted({str(name) for name in one}))
        texts = all(isinstance(name, str) for name in one)
        if not texts or not 2 <= len(names) == len(one) <= MAX_CROSSED:
            raise SchemaError("cannot cross these columns", where=f"{where}[{number}]", got=", ".join(map(str, one)),
                              expected=f"2 to {MAX_CROSSED} different columns")  # fmt: skip
        crosses.append(names)
    return tuple(dict.fromkeys(single)), tuple(dict.fromkeys(crosses))


@dataclass(frozen=True, slots=True)
class SeriesSpec:
    """One series: a member or the fused answer, and what its numbers mean."""

    name: str
    output: Output = Output.PROBABILITY


@dataclass(frozen=True, slots=True)
class Layout:
    """The canonical columns of one ensemble.

    Attributes
    ----------
    task : Task
    series : tuple of SeriesSpec
        The members in declared order, then ``fused`` when there is a fused answer.
    classes : tuple of str
        All class names in order; empty where numbers are predicted. For a binary task ``positive`` is one of the two.
    positive : str
        Positive class of a binary task, else ''.
    numeric, categorical : tuple of str
        Features by type.
    segments : tuple of str
        Columns to slice by; each is a feature or becomes a ``tag.<name>`` column.
    value : bool
        Whether rows carry a ``value`` column (money).
    crosses : tuple of tuple of str
        Columns to slice by together, such as ``("carrier", "origin")``.
    costs : tuple of float
        What each case costs, row by row: true class by predicted class; empty where none are declared.
    levels : tuple of str
        Quantile levels in ascending order, as the shortest texts; empty but for a quantile task.
    """

    task: Task
    series: tuple[SeriesSpec, ...]
    classes: tuple[str, ...] = ()
    positive: str = ""
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    value: bool = False
    crosses: tuple[tuple[str, ...], ...] = ()
    costs: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()

    @property
    def members(self) -> tuple[SeriesSpec, ...]:
        """The series that are members."""
        return tuple(one for one in self.series if one.name != FUSED)

    @property
    def features(self) -> tuple[str, ...]:
        """Numeric, then categorical features."""
        return self.numeric + self.categorical

    @property
    def sliced(self) -> tuple[str, ...]:
        """Every column that rows are sliced by, alone or crossed with others."""
        return tuple(dict.fromkeys([*self.segments, *(name for cross in self.crosses for name in cross)]))

    @property
    def tags(self) -> tuple[str, ...]:
        """Columns to slice by that are not features."""
        return tuple(name for name in self.sliced if name not in self.features)

    def output_columns(self, series: SeriesSpec) -> tuple[str, ...]:
        """Return the canonical columns that hold a series' answer."""
        if series.output is Output.CLASS:
            return (class_column(series.name),)
        if self.task is Task.QUANTILE:
            return tuple(quantile_column(series.name, one) for one in self.levels)
        if self.task.has_classes:
            shown = (self.positive,) if self.task is Task.BINARY else self.classes
            return tuple(probability_column(series.name, one) for one in shown)
        return (value_column(series.name),)

    def segment_column(self, segment: str) -> str:
        """Return the canonical column a segment is read from."""
        return feature_column(segment) if segment in self.features else tag_column(segment)

    def arrow(self, *, label: bool = False) -> pa.Schema:
        """Return the Arrow schema of a prediction row (D1), with ``label`` for measured rows."""
        fields = [pa.field("id", pa.string()), pa.field("time", TIMESTAMP), pa.field("split", TEXT)]
        fields += [pa.field("weight_version", pa.string()), pa.field("call", pa.int8())]
        fields += [pa.field(feature_column(name), pa.float64()) for name in self.numeric]
        fields += [pa.field(feature_column(name), TEXT) for name in self.categorical]
        for one in self.series:
            kind = TEXT if one.output is Output.CLASS else pa.float64()
            fields += [pa.field(name, kind) for name in self.output_columns(one)]
            if one.name != FUSED:
                prefix = series_prefix(one.name)
                fields += [pa.field(f"{prefix}.status", TEXT), pa.field(f"{prefix}.latency_us", pa.int64())]
                fields += [pa.field(f"{prefix}.version", TEXT)]
        fields += [pa.field(tag_column(name), TEXT) for name in self.tags]
        if self.value:
            fields.append(pa.field("value", pa.float64()))
        if label:
            fields.append(pa.field("label", TEXT if self.task.has_classes else pa.float64()))
        return pa.schema(fields)
