"""The notebook face: measure frames and files, and train, in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from choirmaster.lifecycle.train import TrainResult
    from choirmaster.schema import Schema

Progress = Callable[[str, float, float, str], None]


@dataclass(frozen=True)
class Result:
    """What :func:`monitor` found.

    Attributes
    ----------
    schema : Schema
        As declared or guessed.
    notes : list of str
        What was guessed, skipped or counted on the way.
    rows : int
        Rows measured.
    """

    schema: Schema
    notes: list[str]
    rows: int
    _measured: Any

    @property
    def table(self) -> pa.Table:
        """The tidy table of values as an Arrow table."""
        return self._measured.values

    @property
    def metrics(self) -> Any:
        """The tidy table of values, in the kind of frame that went in (Arrow for files)."""
        from choirmaster.app.results import in_kind

        return in_kind(self._measured, self.table)

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """What the default rules found, in order of time; times as ISO 8601 texts."""
        from choirmaster.app.results import alert_rows

        return alert_rows(self._measured)

    @property
    def choices(self) -> Any:
        """What was chosen automatically, in the kind of frame that went in: time, what, name, rank, why.

        ``time`` is when the window starts from which a choice holds; it is missing where rows have no time.
        """
        from choirmaster.app.results import choices_in_kind

        return choices_in_kind(self._measured)

    def weakest(
        self, metric: str = "", *, series: str = "", target: str = "", at_most: int = 10
    ) -> list[dict[str, Any]]:
        """Return the declared segments that are most surely worse than all other rows, as rows.

        Each row has the segment, n, its value and that of the rest, their difference with an interval, and a one-sided
        p-value adjusted (Holm) for looking at many: ``p_adjusted`` at most 0.05 is a chance of at most 5 % that any
        such segment is named wrongly. Segments too small to say are last, with the reason. Only declared segments and
        crosses are looked at; slices of single features are not counted by the scan.

        Parameters
        ----------
        metric : str
            A quality metric; log loss, accuracy or the mean absolute error where not given.
        series : str
            The fused answer, or the only one, where not given.
        target : str
            A class, for metrics that have a value for each.
        at_most : int

        Examples
        --------
        >>> import choirmaster as cm
        >>> rows = {"y": [1, 0] * 100, "place": ["a"] * 100 + ["b"] * 100}
        >>> rows["p"] = [0.9, 0.1] * 50 + [0.9, 0.1, 0.1, 0.9] * 25
        >>> schema = cm.Schema("binary", label="y", prediction="p", segments=["place"])
        >>> worst = cm.monitor(rows, schema=schema).weakest("accuracy", at_most=1)[0]
        >>> worst["segment"], worst["value"], worst["rest"], worst["p_adjusted"] < 0.05
        ('place=b', 0.5, 1.0, True)
        """
        from choirmaster.watch.slices import known_series, weakest_segments

        layout, slices = self._measured.reference.layout, self._measured.slices
        series = known_series(layout, series)
        return weakest_segments(layout, slices.states("", series), slices.slices(series), metric=metric, series=series,
                                target=target, at_most=at_most)  # fmt: skip

    def fairness(
        self, segment: str | Sequence[str], *, series: str = "", target: str = "", reference: str | None = None
    ) -> dict[str, Any]:
        """Return how the groups of a declared segment are treated, and the gaps between them.

        Parameters
        ----------
        segment : str or list of str
            A declared segment, or the columns of a declared cross.
        series : str
            The fused answer, or the only one, where not given.
        target : str
            The class that counts as selected: the positive one where not given.
        reference : str, optional
            The group the others are compared with; the largest where not given.

        Returns
        -------
        dict
            ``groups``: selection_rate, true_positive_rate, false_positive_rate, precision and calibration (mean score
            minus share of positives) of each group, with difference and ratio to the reference group; ``gaps``: the
            largest difference of each between any two groups. All with intervals, or a reason.

        Examples
        --------
        >>> import choirmaster as cm
        >>> rows = {"y": [1, 0] * 100, "p": [0.9, 0.1] * 50 + [0.9, 0.6] * 50, "place": ["a"] * 100 + ["b"] * 100}
        >>> schema = cm.Schema("binary", label="y", prediction="p", segments=["place"])
        >>> found = cm.monitor(rows, schema=schema).fairness("place", reference="a")
        >>> [(one["metric"], one["difference"], one["ratio"]) for one in found["gaps"]][0]
        ('selection_rate', 0.5, 0.5)
        """
        from choirmaster.watch.slices import fairness_gaps, known_series

        layout, slices = self._measured.reference.layout, self._measured.slices
        series = known_series(layout, series)
        return fairness_gaps(layout, slices.slices(series), segment, series=series, target=target, reference=reference)

    def compare(self, other: Result) -> Any:
        """Return what differs in another result: each value of both, the difference, its interval, and a verdict.

        Windows with the same start are compared; two results of one window each are compared whole.

        Parameters
        ----------
        other : Result

        Returns
        -------
        frame
            In the kind that went in. ``difference`` is ``other`` minus this one, with a 95 % interval for independent
            rows; ``verdict`` is better, worse or different where the interval leaves out 0, else no clear difference.

        Raises
        ------
        DataError
            The two have no window in common.

        Examples
        --------
        >>> import choirmaster as cm
        >>> schema = cm.Schema("binary", label="y", prediction="p")
        >>> before = cm.monitor({"y": [0, 1] * 50, "p": [0.1, 0.9] * 50}, schema=schema)
        >>> after = cm.monitor({"y": [0, 1] * 50, "p": [0.1, 0.9] * 25 + [0.9, 0.1] * 25}, schema=schema)
        >>> found = before.compare(after)
        >>> at = found["metric"].index("accuracy")
        >>> found["value"][at], found["other"][at], found["verdict"][at]
        (1.0, 0.5, 'worse')
        """
        from choirmaster.app.comparing import compare
        from choirmaster.app.results import in_kind

        return in_kind(self._measured, compare(self.table, other.table))

    def to_html(self, path: str | Path) -> None:
        """Write one HTML file without any outside link."""
        from choirmaster.app.results import content
        from choirmaster.reports.html import render_html

        Path(path).write_text(render_html(content(self._measured)), encoding="utf-8")

    def to_pdf(self, path: str | Path) -> None:
        """Write one PDF file."""
        from choirmaster.app.results import content
        from choirmaster.reports.pdf import render_pdf

        Path(path).write_bytes(render_pdf(content(self._measured)))

    def to_csv(self, path: str | Path) -> None:
        """Write the tidy table as CSV; texts a spreadsheet would run as formulas are escaped."""
        from choirmaster.app.results import content
        from choirmaster.reports.csv import render_csv

        Path(path).write_text(render_csv(content(self._measured)), encoding="utf-8")

    def to_parquet(self, path: str | Path) -> None:
        """Write the tidy table as Parquet."""
        import pyarrow.parquet as pq

        pq.write_table(self.table, path)

    def __repr__(self) -> str:
        return f"<Result: {self.rows} rows, {self.table.num_rows} values, {len(self.alerts)} alerts>"

    def _repr_html_(self) -> str:
        from choirmaster.app.results import notebook

        return notebook(self._measured, repr(self)[1:-1])


def monitor(
    current: Any,
    *,
    reference: Any = None,
    schema: Schema | None = None,
    window: str | int | None = "auto",
    metrics: str | Sequence[str] = "auto",
    exact: bool | str = "auto",
    engine: Any = "local",
    precision: float = 0.02,
    now: datetime | str | None = None,
    progress: Progress | None = None,
) -> Result:
    """Measure every series and feature of some rows, window by window, in one scan.

    Parameters
    ----------
    current : frame or path
        pandas, polars, Arrow, a DuckDB relation, records; or a path or glob of CSV, JSON lines or Parquet.
    reference : frame, path, "first 30%", "first 14d" or None
        What to compare with. None leaves drift undefined with the reason ``no_reference``.
    schema : Schema, optional
        Which column plays which role; guessed aloud (``result.notes``) where not given.
    window : str, int or None
        ``"1h"``, ``"1d"``, ``"1w"``, ``"1mo"``, a number of rows, None for all in one. ``"auto"`` is the shortest of
        these lengths in which the leading metric is told within ``precision``, by the labelled rows of the 14 days
        before, so longer as traffic falls; docs/choice.md says how. Without a time column all rows are one window.
    metrics : "auto", "all" or sequence of str
        ``"auto"`` measures what suits the task and how rare the classes are, fewer of them in segments, and
        ``result.choices`` says why; ``"all"`` measures every one (``choirmaster describe`` and docs/metrics.md name
        them).
    exact : "auto", True or False
        What bins leave open (ROC AUC, Kolmogorov-Smirnov): ``"auto"`` takes it from the rows where they are in memory
        and a window has at most a million of them. True also gives each distinct value of the reference's features a
        bin of its own, up to 65,536, so that files have it exactly too. False keeps what the bins say.
    engine : "local", "spark" or a Spark session
        Where rows are counted. Spark takes Parquet and Spark frames, and gives the same numbers to the last bit.
    precision : float
        Half-width of the leading metric's 95 % interval that ``window="auto"`` aims at: as it stands for ratios, times
        the value for errors and losses.
    now : datetime or str, optional
        The clock that ``future_time_rate`` and ``freshness`` look at; the wall clock where not given. ISO 8601; a naive
        time is taken in the schema's zone.
    progress : callable, optional
        ``progress(stage, done, total, text)``.

    Returns
    -------
    Result

    Raises
    ------
    SchemaError
        A declared column is missing, or the columns' meaning is ambiguous.
    DataError
        Rows that cannot be read at all.

    Examples
    --------
    >>> import choirmaster as cm
    >>> rows = {"y": [0, 1, 1, 0], "p": [0.2, 0.9, 0.4, 0.1]}
    >>> result = cm.monitor(rows, schema=cm.Schema("binary", label="y", prediction="p"))
    >>> table = result.table.to_pylist()
    >>> [(one["metric"], one["value"], one["n"]) for one in table if one["metric"] in ("accuracy", "roc_auc")]
    [('accuracy', 0.75, 4), ('roc_auc', 1.0, 4)]
    """
    from choirmaster.app.frames import measure
    from choirmaster.app.gathering import silent

    found = measure(current, reference=reference, schema=schema, window=window, metrics=metrics, exact=exact,
                    engine=engine, precision=precision, now=now, progress=progress or silent)  # fmt: skip
    return Result(found.schema, found.notes, found.rows, found)


def train(
    data: Any,
    *,
    schema: Schema,
    candidates: Sequence[str] = ("logit", "forest", "boost", "mlp", "knn", "naive_bayes"),
    folds: int = 4,
    at_least: int = 1,
    at_most: int | None = None,
    fusion: str | Mapping[str, Any] = "soft_vote",
    seed: int = 0,
    progress: Progress | None = None,
) -> TrainResult:
    """Judge candidates out of fold, pick members greedily, choose the cutoff, and fit the picked ones on every row.

    Parameters
    ----------
    data : frame or path
        Labelled rows; as :func:`monitor` takes them.
    schema : Schema
        ``task``, ``label`` and features; ``time`` makes the folds follow time. Members need not be named.
    candidates : sequence of str
        Names of candidate kinds.
    folds : int
    at_least, at_most : int
        Members to pick.
    fusion : str or dict
        Rule of the ensemble, or the rule with its parameters. What it leaves open is learned on out-of-fold outputs:
        ``"stacking"``, ``"rank_average"``, ``{"rule": "log_pool", "calibration": "beta"}``.
    seed : int

    Returns
    -------
    TrainResult
        ``.table`` (candidate by loss, AUC, F1, gap, seconds, latency, flag), ``.ensemble`` (a fitted
        :class:`Ensemble`), ``.cutoff``, ``.oof`` and ``.save(folder)``.
    """
    from choirmaster.app.training import train_on
    from choirmaster.errors import extra_for

    try:
        return train_on(data, schema=schema, candidates=candidates, folds=folds, at_least=at_least, at_most=at_most,
                        fusion=fusion, seed=seed, progress=progress)  # fmt: skip
    except ModuleNotFoundError as error:
        raise extra_for(error) or error from None
