"""What is asked of measuring frames and files: which metrics, and how exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from choirmaster.app.gathering import AUTO
from choirmaster.catalogue.facts import Choice
from choirmaster.catalogue.ranking import in_segments, names
from choirmaster.errors import unknown
from choirmaster.layout import Task
from choirmaster.metrics import BY_NAME
from choirmaster.states.bins import MAX_EXACT, single_valued
from choirmaster.states.histogram import NumericPart
from choirmaster.states.reference import Reference
from choirmaster.times import Grain
from choirmaster.watch.evaluate import ALL, Metrics, metrics_for, wants_row_scores, without_previous


class Wanted(NamedTuple):
    """Names of metrics, ``auto`` or ``all``; whether each distinct value gets a bin; whether rows sharpen values."""

    names: str | tuple[str, ...] = AUTO
    own_bins: bool = False
    from_rows: bool = True

    @property
    def row_scores(self) -> bool:
        """Whether a metric of all features together is asked for."""
        return wants_row_scores(self.names)

    def includes(self, name: str) -> bool:
        """Say whether a metric is asked for that is not read off a state."""
        return self.names in (AUTO, ALL) or name in self.names

    def of(self, task: Task, grain: Grain | int | None, chosen: tuple[Choice, ...]) -> tuple[Metrics, Metrics]:
        """Return the metrics of a task for all rows and for segments; in one window none needs a window before."""
        if self.names == AUTO:
            found = metrics_for(task, names(chosen)), metrics_for(task, in_segments(chosen))
        else:
            found = (metrics_for(task, self.names),) * 2
        return (without_previous(found[0]), without_previous(found[1])) if grain is None else found


def wanted(metrics: str | Sequence[str], exact: bool | str) -> Wanted:
    """Check what was asked for."""
    if not isinstance(exact, bool) and exact != AUTO:
        raise unknown("choice", str(exact), (AUTO, "True", "False"), where="exact")
    names = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    if metrics in (AUTO, ALL):
        return Wanted(names[0], exact is True, exact is not False)
    for one in names:
        if one not in BY_NAME:
            raise unknown("metric", one, BY_NAME, where="metrics")
    return Wanted(names, exact is True, exact is not False)


def inexact(reference: Reference) -> list[str]:
    """Say which columns have too many distinct values in the reference for a bin each.

    >>> from choirmaster.layout import Layout, SeriesSpec
    >>> inexact(Reference(Layout(Task.BINARY, (SeriesSpec("a"),), ("no", "yes"), "yes"), {}, {}))
    []
    """
    out = []
    for key, part in reference.parts.items():
        if not isinstance(part, NumericPart) or not len(part.edges):
            continue
        used = part.reference[1 : len(part.edges)] > 0
        if not single_valued(part.edges)[used].all():
            out.append(f"exact: {key.feature or key.series} has more than {MAX_EXACT:,} distinct values in the "
                       "reference, so its ks and wasserstein keep a resolution")  # fmt: skip
    return out
