"""What is looked at in a column before its role is guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.errors import SchemaError
from choirmaster.schema import class_text

ROWS = 10_000
MAX_CLASSES = 50
MAX_OUTSIDE = 0.005  # share of broken cells that does not change what a column means
TIME_FORMATS = (
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y",
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y",
    "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y", "%d %b %Y %H:%M:%S", "%d %b %Y", "%b %d %Y",
)  # fmt: skip
PREDICTION_WORDS = {"p", "prob", "proba", "probability", "score", "pred", "prediction", "predicted", "yhat", "hat",
                     "forecast", "predict", "predictions", "probabilities"}  # fmt: skip
TIME_WORDS = {"time", "ts", "timestamp", "datetime", "date", "at", "day", "when", "epoch"}


def looks_like_time(texts: Iterable[str]) -> bool:
    """Tell whether texts are times in ISO 8601 or one of ``TIME_FORMATS``.

    >>> looks_like_time(["2013-04-22 10:00", "2013-04-23"]), looks_like_time(["22.04.2013"]), looks_like_time(["AA"])
    (True, True, False)
    """
    texts = [text.strip() for text in texts]
    if not texts or not all(len(text) >= 6 and any(ch.isdigit() for ch in text) for text in texts):
        return False
    plain_numbers = all(text.isdigit() for text in texts)
    if not plain_numbers and sum(map(_is_iso, texts)) >= 0.95 * len(texts):
        return True
    formats = ("%Y%m%d",) if plain_numbers else TIME_FORMATS
    return any(sum(_fits(text, one) for text in texts) >= 0.95 * len(texts) for one in formats)


def _is_iso(text: str) -> bool:
    try:
        datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return False
    return True


def _fits(text: str, form: str) -> bool:
    try:
        moment = datetime.strptime(text, form)  # noqa: DTZ007  # whether it fits, not when it is
    except ValueError:
        return False
    return 1900 <= moment.year <= 2200


def head(frame: Any) -> pa.Table:
    """Return the first rows as a table, without converting the rest."""
    if isinstance(frame, pa.Table | pa.RecordBatch):
        return pa.table(frame.slice(0, ROWS))
    if isinstance(frame, list):
        return pa.Table.from_pylist(frame[:ROWS])
    if isinstance(frame, Mapping):
        return pa.table(dict(frame)).slice(0, ROWS)
    for method in ("head", "limit"):
        if hasattr(frame, method):
            frame = getattr(frame, method)(ROWS)
            break
    if hasattr(frame, "to_arrow_table"):
        return frame.to_arrow_table().slice(0, ROWS)
    try:
        table = pa.table(frame)
    except TypeError:
        raise SchemaError("cannot read a frame", got=type(frame).__name__,
                          expected="pandas, polars, Arrow, records, or a mapping of columns") from None  # fmt: skip
    return table.slice(0, ROWS)


@dataclass(frozen=True, slots=True)
class Column:
    """What is known of one column: its kind and a few facts of its values."""

    name: str
    words: tuple[str, ...]
    kind: str  # number | text | bool | time | other
    rows: int
    nulls: int
    distinct: int
    values: tuple[str, ...]  # class texts, most frequent first, where there are few
    whole: bool = False
    low: float = 0.0
    high: float = 0.0
    outside: int = 0  # numbers that are not in [0, 1]

    @classmethod
    def of(cls, name: str, column: pa.ChunkedArray) -> Column:
        array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pa.types.is_string_view(array.type):
            array = array.cast(pa.string())
        kind = kind_of(array)
        present = array.drop_null()
        if kind == "number":
            present = present.cast(pa.float64(), safe=False)
            present = present.filter(pc.is_finite(present))
        distinct = len(pc.unique(present)) if kind != "other" else 0
        values: tuple[str, ...] = ()
        if 0 < distinct <= MAX_CLASSES:
            counted = sorted(pc.value_counts(present).to_pylist(), key=lambda one: -one["counts"])
            values = tuple(dict.fromkeys(class_text(one["values"]) for one in counted))
        facts: dict[str, Any] = {}
        if kind == "number" and len(present):
            ends = pc.min_max(present).as_py()
            whole = bool(pc.all(pc.equal(pc.floor(present), present)).as_py())
            outside = int(pc.sum(pc.or_(pc.less(present, 0.0), pc.greater(present, 1.0))).as_py())
            facts = {"low": ends["min"], "high": ends["max"], "whole": whole, "outside": outside}
        return cls(name, words(name), kind, len(array), array.null_count, distinct, values, **facts)

    @property
    def unit(self) -> bool:
        """Whether values lie in [0, 1], but for one in two hundred, and are more than flags."""
        few = self.outside <= MAX_OUTSIDE * (self.rows - self.nulls)
        return self.kind == "number" and self.distinct > 0 and few and not self.whole

    @property
    def unit_words(self) -> str:
        """What is said of a column of probabilities.

        >>> Column("p", ("p",), "number", 400, 0, 90, (), low=-0.5, high=1.0, outside=1).unit_words
        'values in [0, 1] but for 1'
        """
        return f"values in [0, 1]{f' but for {self.outside}' if self.outside else ''}"

    @property
    def says_prediction(self) -> bool:
        return bool(set(self.words) & PREDICTION_WORDS)


def kind_of(array: pa.Array) -> str:
    """Return number, text, bool, time or other; a text column of times is time."""
    kind = array.type
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "time"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        texts = [text for text in array.drop_null().slice(0, 200).to_pylist() if text]
        return "time" if looks_like_time(texts) else "text"
    return "other"


def words(name: str) -> tuple[str, ...]:
    """Return the lower-case words of a name.

    >>> words("arrDelay_p2")
    ('arr', 'delay', 'p', '2')
    """
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name).lower()
    return tuple(re.findall(r"[a-z]+|[0-9]+", spaced))


def task_of(column: Column) -> str:
    """Return the task that a label column stands for."""
    if column.distinct == 0:
        where = f'column "{column.name}"'
        raise SchemaError("the label column is empty", where=where, fix='give the task, such as task="binary"')
    if column.kind == "number" and (not column.whole or column.distinct > 20):
        return "regression"
    if column.distinct > MAX_CLASSES:
        raise SchemaError("the label has too many classes", where=f'column "{column.name}"',
                          expected=f"at most {MAX_CLASSES}", got=str(column.distinct))  # fmt: skip
    return "binary" if column.distinct <= 2 else "multiclass"


def facts(column: Column) -> str:
    """Say how many distinct values there are, and the first of them."""
    shown = f" ({', '.join(column.values[:5])}{', ...' if len(column.values) > 5 else ''})" if column.values else ""
    return f"{column.distinct} distinct values{shown}"


def is_epoch(one: Column) -> bool:
    """Tell whether a column of whole numbers is named as time and large enough to be seconds since 1970."""
    return one.kind == "number" and one.whole and bool(set(one.words) & TIME_WORDS) and one.low >= 5e8


def is_index(one: Column) -> bool:
    """Tell whether a column only counts the rows."""
    counts = one.whole and one.distinct == one.rows > 2 and one.high - one.low == one.rows - 1
    return counts and (not one.words or bool({"index", "unnamed", "row", "rownum", "level"} & set(one.words)))
