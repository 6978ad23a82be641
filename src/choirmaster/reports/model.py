"""What a report says, before anything is drawn: sections of sentences, charts and tables, all plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Kinds: text, number, share, time, value."""

    key: str
    label: str
    kind: str = "text"
    wide: float = 1.0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of plain cells; a cell of kind ``value`` is a mapping with value, lower, upper, n and reason."""

    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]
    empty: str = "nothing to show"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart; None is a gap. ``places`` are its own along the axis, those of the chart where empty."""

    name: str
    value: Sequence[float | None]
    lower: Sequence[float | None] = ()
    upper: Sequence[float | None] = ()
    places: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over time (seconds since 1970 UTC), with bounds across and marks at instants.

    Where ``across`` names what lies along the axis, the places are plain numbers and no times.
    """

    title: str
    times: Sequence[float]
    lines: tuple[Line, ...]
    bounds: tuple[float, ...] = ()
    marks: tuple[int, ...] = ()
    across: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with sentences, charts and tables, in this order."""

    title: str
    sentences: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """A whole report.

    Attributes
    ----------
    title, ensemble : str
    start, end : str
        First instant and the one behind the last, as ISO 8601 texts; '' where there is no time.
    made_at : str
        When it was made; given, never read here.
    summary : tuple of str
        A few sentences in plain words.
    sections : tuple of Section
    facts : mapping
        Identity of what was measured: versions, configuration hash, reference.
    values : tuple of mapping
        The tidy rows (columns ``VALUE_COLUMNS``) behind everything.
    """

    title: str
    ensemble: str
    start: str
    end: str
    made_at: str
    summary: tuple[str, ...]
    sections: tuple[Section, ...]
    facts: Mapping[str, str] = field(default_factory=dict)
    values: tuple[Mapping[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return asdict(self)
