"""What the dashboard asks of the world: the public queries. Times are texts such as ``2013-04-22T04:00:00Z``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Queries(Protocol):
    """The public questions; every answer is plain data that JSON can hold.

    A *value* is ``{"value", "lower", "upper", "resolution", "n", "kind", "reason"}``; ``value`` is None where
    undefined.
    """

    def ensembles(self) -> list[dict[str, Any]]:
        """Return one summary per ensemble: name, task, owner, health, members, latest values, alerts firing."""
        ...

    def ensemble(self, name: str) -> dict[str, Any]:
        """Return one summary with fusion, weights, cutoff, features, members and headline metrics; raises NotFound."""
        ...

    def metrics(
        self,
        *,
        ensemble: str,
        series: Sequence[str] = (),
        metric: Sequence[str] = (),
        segment: str = "",
        feature: Sequence[str] = (),
        start: str | None = None,
        end: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return tidy rows with the columns of ``VALUE_COLUMNS``; segment ``*`` means every one."""
        ...

    def series(
        self, ensemble: str, metric: str, *, segment: str = "", start: str | None = None, end: str | None = None
    ) -> dict[str, Any]:
        """Return one metric over time: times, windows, a list per series, reference, bounds, annotations."""
        ...

    def drift(
        self, ensemble: str, *, metric: str = "psi", start: str | None = None, end: str | None = None
    ) -> dict[str, Any]:
        """Return windows and features with one drift value per window, worst feature first."""
        ...

    def feature(self, ensemble: str, feature: str, *, window: str | None = None) -> dict[str, Any]:
        """Return the bins of one feature with the shares of the reference and of one window."""
        ...

    def segments(
        self, ensemble: str, metric: str, *, series: str = "fused", start: str | None = None, end: str | None = None
    ) -> list[dict[str, Any]]:
        """Return one row per segment: ``segment`` and its value, flat or under ``value``."""
        ...

    def weakest(
        self, ensemble: str, metric: str = "", *, series: str = "", start: str | None = None, end: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the segments that are most surely worse than all other rows, corrected for looking at many."""
        ...

    def fairness(
        self, ensemble: str, segment: str, *, series: str = "", start: str | None = None, end: str | None = None
    ) -> dict[str, Any]:
        """Return the rates of each group of a segment, and the gaps between them; SchemaError where there is no row."""
        ...

    def alerts(self, *, ensemble: str | None = None, state: str | None = None) -> list[dict[str, Any]]:
        """Return alerts, firing and resolved."""
        ...

    def audit(self, limit: int = 200) -> list[dict[str, Any]]:
        """Return the newest audit entries first."""
        ...

    def months(self, ensemble: str) -> list[dict[str, Any]]:
        """Return one row per calendar month: n, labelled, rate and the values of each metric and series."""
        ...
