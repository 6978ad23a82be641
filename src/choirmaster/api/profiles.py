"""Rows counted once, kept as states: ``cm.profile``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from choirmaster.api import Progress, Result

if TYPE_CHECKING:
    from choirmaster.schema import Schema


@dataclass(frozen=True)
class Profile:
    """Rows counted once: states that can be saved, added, taken apart and read off. Made by :func:`profile`."""

    counted: Any = field(repr=False)

    @property
    def rows(self) -> int:
        """Rows counted."""
        return int(self.counted.rows)

    @classmethod
    def load(cls, path: str | Path) -> Profile:
        """Read a profile from a file that :meth:`save` wrote."""
        from choirmaster.app.profiling import load

        return Profile(load(Path(path)))

    def save(self, path: str | Path) -> None:
        """Write the profile to one file (docs/formats/states.md), whole or not at all; equal content, equal bytes."""
        from choirmaster.app.profiling import save

        save(self.counted, Path(path))

    def merge(self, other: Profile) -> Profile:
        """Return the profile of both sets of rows; exact, in any order."""
        from choirmaster.app.profiling import merge

        return Profile(merge(self.counted, other.counted))

    def subtract(self, other: Profile) -> Profile:
        """Return the profile without the rows of another, exactly as if they had never been counted."""
        from choirmaster.app.profiling import subtract

        return Profile(subtract(self.counted, other.counted))

    def result(self, metrics: str | Sequence[str] = "auto") -> Result:
        """Read values and alerts off the states; see :func:`monitor` for ``metrics``."""
        from choirmaster.app.profiling import read_values

        found = read_values(self.counted, metrics)
        return Result(found.schema, found.notes, found.rows, found)

    @property
    def metrics(self) -> Any:
        """The tidy table of the values that are chosen automatically."""
        return self.result().metrics

    @property
    def notes(self) -> list[str]:
        """What was guessed, skipped or counted while the rows were read; not kept in files."""
        return list(self.counted.notes)

    def __repr__(self) -> str:
        return f"<Profile: {self.rows} rows, {len(self.counted.states)} windows and segments>"


def profile(
    data: Any,
    *,
    reference: Any = None,
    schema: Schema | None = None,
    window: str | None = None,
    metrics: str | Sequence[str] = "auto",
    progress: Progress | None = None,
) -> Profile:
    """Count rows into mergeable states without keeping a row.

    Parameters
    ----------
    data : frame or path
        As :func:`monitor` takes them.
    reference : frame, path, "first 30%", Profile or None
        What fixes the bins, and what to compare with. Profiles add up when they were made over the same reference; a
        profile as reference passes on its bins, columns and windows. None takes the bins from the rows themselves.
    schema : Schema, optional
    window : str, optional
        ``"1h"``, ``"1d"``, ``"1w"``, ``"1mo"``; all rows in one where not given.
    metrics : "auto", "all" or sequence of str
        What will be asked of it. All but the metrics of all features together (``reconstruction_shift`` and its like)
        can be read off any profile; these are counted where they are named, or with ``"all"``, because they cost time.
    progress : callable, optional

    Returns
    -------
    Profile

    Examples
    --------
    >>> import choirmaster as cm
    >>> schema = cm.Schema("binary", label="y", prediction="p")
    >>> monday = cm.profile({"y": [0, 1], "p": [0.2, 0.9]}, schema=schema)
    >>> tuesday = cm.profile({"y": [1, 0], "p": [0.4, 0.1]}, reference=monday)
    >>> both = monday.merge(tuesday)
    >>> [one["value"] for one in both.result().table.to_pylist() if one["metric"] == "accuracy"]
    [0.75]
    """
    from choirmaster.app import profiling
    from choirmaster.app.gathering import silent

    base = reference.counted if isinstance(reference, Profile) else reference
    return Profile(profiling.profile(data, reference=base, schema=schema, window=window, metrics=metrics,
                                     progress=progress or silent))  # fmt: skip
