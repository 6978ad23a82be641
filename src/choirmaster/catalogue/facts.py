"""What a choice rests on, and a choice with its reason."""

from __future__ import annotations

from typing import NamedTuple

from choirmaster.layout import Task

METRIC, WINDOW = "metric", "window"


class Facts(NamedTuple):
    """What is known of an ensemble before a window is measured.

    Attributes
    ----------
    task : Task
    classes : int
        How many there are; 0 for numbers.
    prevalence : float or None
        Share of the positive class among the labels of a binary task, of the most frequent class of a multiclass task;
        None where no label is known.
    members : int
        Series beside the fused one.
    label_delay : int or None
        Microseconds until a label is expected; None where it comes with the row, or nobody said.
    rows_per_hour : float or None
    labelled_share : float or None
        Share of the reference's rows that have a label.
    fused : bool
        Whether there is a fused answer beside the members.
    numeric, categorical : int
        How many features there are of either kind.
    valued, priced : bool
        Whether a value column or a matrix of costs is declared.
    """

    task: Task
    classes: int = 0
    prevalence: float | None = None
    members: int = 1
    label_delay: int | None = None
    rows_per_hour: float | None = None
    labelled_share: float | None = None
    fused: bool = True
    numeric: int = 0
    categorical: int = 0
    valued: bool = False
    priced: bool = False


class Choice(NamedTuple):
    """One thing chosen.

    Attributes
    ----------
    what : str
        ``metric`` or ``window``.
    name : str
    rank : int
        1 leads.
    why : str
        One plain sentence with the numbers.
    """

    what: str
    name: str
    rank: int
    why: str


def percent(share: float) -> str:
    """Write a share in per cent with as many digits as keep it from reading 0 or 100.

    >>> percent(0.998), percent(0.5), percent(0.0005), percent(0.9995)
    ('99.8 %', '50 %', '0.05 %', '99.95 %')
    """
    for digits in range(8):
        text = f"{100 * share:.{digits}f}"
        far = abs(float(text) / 100 - share) <= 0.01 * min(share, 1 - share)
        if far:
            return f"{text} %"
    return f"{100 * share:.8g} %"
