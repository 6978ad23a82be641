"""``choirmaster metrics`` and ``choirmaster describe``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, Config, Json, services
from choirmaster.values import Reason

if TYPE_CHECKING:
    import pyarrow as pa

_Many = Annotated[list[str] | None, Parameter(negative=())]


def metrics(
    ensemble: str, *, series: _Many = None, metric: _Many = None, segment: _Many = None, feature: _Many = None,
    start: str | None = None, end: str | None = None, window: str = "", as_of: str | None = None,
    config: Config = DEFAULT_CONFIG, json: Json = False,
) -> int:  # fmt: skip
    """Show stored values with number of rows, interval, and the reason where there is none.

    Example: choirmaster metrics delays --metric roc_auc --series fused --start 2013-03-01

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    series
        fused or a member; all when not given.
    metric
        Such as roc_auc; all when not given.
    segment
        Such as carrier=AA; the whole when not given, "*" for all.
    feature
        Of drift values.
    start
        First window, ISO 8601.
    end
        Windows before this.
    window
        1w, 1mo, all or another whole multiple of the stored windows: added up from stored states, no row is read.
        When not given, the windows that are configured, or with "window: auto" those that were chosen.
    as_of
        ISO 8601: measure again with the labels known at that time, later ones and corrections left out.
    """
    table = services().metrics(
        config, ensemble=ensemble, series=series or [], metrics=metric or [], segments=segment or [""],
        features=feature or [], start=start, end=end, window=window, as_of=as_of,
    )  # fmt: skip
    output.as_json(table.to_pylist()) if json else output.arrow(_in_words(table))
    return 0


def _in_words(table: pa.Table) -> pa.Table:
    """Say how many rows a value needs where it has too few; other reasons stay the short names they are."""
    if not {"reason", "metric", "n"} <= set(table.column_names):
        return table
    from choirmaster.catalogue.words import reason_words

    few = str(Reason.TOO_FEW_ROWS)
    rows = zip(*(table[name].to_pylist() for name in ("reason", "metric", "n")), strict=True)
    said = [reason_words(*row) if row[0] == few else row[0] for row in rows]
    return table.set_column(table.column_names.index("reason"), "reason", [said])


def describe(name: str = "", *, json: Json = False) -> int:
    """Say what a metric, drift measure, fusion rule or calibration is: definition, range, when undefined, source.

    Example: choirmaster describe roc_auc

    Parameters
    ----------
    name
        All names are listed when it is not given.
    """
    found = services().describe(name)
    if json:
        output.as_json(found)
    elif "names" in found:
        for one in found["names"]:
            output.tell(output.text(one))
    else:
        output.record(found)
    return 0
