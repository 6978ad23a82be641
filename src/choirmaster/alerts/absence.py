"""No data: the windows that should be there and are not."""

from __future__ import annotations

from choirmaster.alerts.rules import Verdict
from choirmaster.times import format_duration

QUIET_WINDOWS = 2


def no_data(now: int, last_row: int | None, window_length: int, grace: int) -> Verdict:
    """Judge whether rows stopped coming: nothing for two window lengths and the grace.

    Parameters
    ----------
    now : int
        The ensemble's clock, microseconds UTC.
    last_row : int or None
        Largest time of a row; None where none ever came (then there is nothing to judge yet).

    Examples
    --------
    >>> no_data(now=100, last_row=10, window_length=20, grace=5).bad
    True
    """
    if last_row is None:
        return Verdict(None)
    limit = QUIET_WINDOWS * window_length + grace
    return Verdict(now - last_row > limit, float(limit), f"no row for more than {format_duration(limit)}")
