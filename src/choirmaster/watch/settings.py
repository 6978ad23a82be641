"""What the monitor must know about one ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from choirmaster.alerts.rules import Rule
from choirmaster.layout import Layout
from choirmaster.times import DAY, HOUR, Grain
from choirmaster.watch.evaluate import wants_row_scores

COLLECT_TIME = 14 * DAY


@dataclass(frozen=True)
class MonitorSettings:
    """The monitoring strategy of one ensemble.

    Attributes
    ----------
    name, owner : str
    layout : Layout
    grain : Grain
        Length and zone of its stored windows.
    precision : float or None
        Windows are chosen so that the leading metric is told within it; None looks at each stored window on its own.
    grace : int
        Microseconds after a window's end before it is measured.
    clock : str
        ``wall`` or ``data`` (time stands where the rows are, as in a replay).
    labels_expected, absent_after : int, int or None
        Microseconds after which labels should be there, and after which a missing one is counted as absent.
    expected_share : float
        Share of rows that should have a label by then.
    rules : tuple of Rule
    sinks : tuple of str
        Names of the sinks that are told.
    reference_rows : callable or None
        Returns the canonical rows of the configured reference; None collects the first live rows instead.
    reference_source : str
        Where those rows come from, in words.
    reference_content : callable or None
        Returns a hash of what those rows are read from, so that another content under the same name is seen.
    cutoff : float, dict, "auto" or None
    facts : mapping
        What pages show and measuring does not need: fusion rule, weights, member files.
    collect : int
        Microseconds of live rows that make a reference where none is configured, unless 10,000 rows come first.
    metrics : tuple of str, "all" or None
        None measures what the automatic choice names.
    """

    name: str
    layout: Layout
    grain: Grain = Grain(1, "d")  # noqa: RUF009 - frozen, so one instance serves all
    grace: int = HOUR
    clock: str = "wall"
    labels_expected: int = DAY
    absent_after: int | None = None
    expected_share: float = 0.9
    rules: tuple[Rule, ...] = ()
    sinks: tuple[str, ...] = ()
    reference_rows: Callable[[], pa.Table] | None = None
    reference_source: str = ""
    reference_content: Callable[[], str] | None = None
    cutoff: float | str | Mapping[str, float | str] | None = None
    owner: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    collect: int = COLLECT_TIME
    metrics: tuple[str, ...] | str | None = None
    precision: float | None = None

    @property
    def ruled(self) -> tuple[str, ...]:
        """Names of the metrics that are read off states whatever else is: those the rules look at."""
        return tuple(sorted({*(rule.metric for rule in self.rules), "label_share"}))

    @property
    def row_scores(self) -> bool:
        """Whether a metric of all features together is measured or looked at by a rule."""
        named = self.metrics or ()
        return wants_row_scores(named if isinstance(named, str) else (*named, *self.ruled))
