"""Which columns an ensemble's rows have ever had; new ones are added, none is retyped (D1)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import sqlalchemy as sa

from choirmaster.errors import SchemaError
from choirmaster.schema import Layout
from choirmaster.stores.sql.database import fetch, many

_TYPES = {str(one): one for one in (pa.string(), pa.float64(), pa.int64(), pa.int8(), pa.timestamp("us", tz="UTC"))}
PLACE = ("day", "part", "row")  # where a row is; the store's own columns


def stored_type(kind: pa.DataType) -> pa.DataType:
    """Return the type a column is stored as: text without its dictionary."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def storable(kind: pa.DataType) -> bool:
    """Tell whether the store has this type."""
    return str(kind) in _TYPES


@dataclass(slots=True)
class Columns:
    """The stored columns of one ensemble, and what a label of it may be.

    Attributes
    ----------
    types : dict
        Arrow type by column name.
    classes : tuple of str
        Allowed labels; empty where any will do.
    numeric : bool
        Whether a label is a number.
    """

    types: dict[str, pa.DataType] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    numeric: bool = False

    def widen(self, ensemble: str, new: Mapping[str, pa.DataType]) -> bool:
        """Add columns; returns whether there were any; SchemaError where one has another type already."""
        before = len(self.types)
        for name, kind in new.items():
            known = self.types.setdefault(name, stored_type(kind))
            if known != stored_type(kind):
                raise SchemaError("a stored column cannot be retyped", where=f"{ensemble}, column {name}",
                                  expected=str(known), got=str(kind), fix="give it another name")  # fmt: skip
        return len(self.types) > before

    def schema(self) -> pa.Schema:
        """Return the schema of stored prediction rows."""
        place = [pa.field("day", pa.date32()), pa.field("part", pa.int64()), pa.field("row", pa.int32())]
        return pa.schema([pa.field(name, kind) for name, kind in self.types.items()] + place)

    def fits(self, value: str | None) -> bool:
        """Tell whether a text can be a label here; a withdrawn one always can."""
        if value is None:
            return True
        if self.numeric:
            return _is_number(value)
        return not self.classes or value in self.classes

    def to_json(self) -> str:
        """Write as text."""
        types = {name: str(kind) for name, kind in self.types.items()}
        return json.dumps({"types": types, "classes": self.classes, "numeric": self.numeric})


def of_layout(ensemble: str, before: Columns | None, layout: Layout) -> Columns:
    """Return what was stored before, widened by a layout."""
    classes = layout.classes if layout.task.classifies else ()  # of several labels at once any text may be one
    out = Columns(dict(before.types) if before else {}, classes, not layout.task.has_classes)
    out.widen(ensemble, {one.name: one.type for one in layout.arrow()})
    return out


def load(link: sa.Connection) -> dict[str, Columns]:
    """Return the columns of every ensemble."""
    found = {}
    for name, text in fetch(link, "SELECT name, columns FROM ensembles"):
        data = json.loads(text)
        types = {column: _TYPES[kind] for column, kind in data["types"].items()}
        found[name] = Columns(types, tuple(data["classes"]), data["numeric"])
    return found


def save(link: sa.Connection, ensemble: str, columns: Columns) -> None:
    """Keep the columns of one ensemble."""
    if fetch(link, "SELECT 1 FROM ensembles WHERE name = ?", (ensemble,)):
        many(link, "UPDATE ensembles SET columns = ? WHERE name = ?", [(columns.to_json(), ensemble)])
    else:
        many(link, "INSERT INTO ensembles (name, columns) VALUES (?, ?)", [(ensemble, columns.to_json())])


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
