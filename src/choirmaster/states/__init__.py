"""Mergeable states. Each kind is one file and one line here."""

from __future__ import annotations

from choirmaster.states.agreement import Agreement
from choirmaster.states.base import Part, State
from choirmaster.states.calls import Calls
from choirmaster.states.confusion import Confusion
from choirmaster.states.errors import ErrorProducts
from choirmaster.states.histogram import Histogram
from choirmaster.states.intake import Intake
from choirmaster.states.label_sets import LabelSets
from choirmaster.states.losses import Losses
from choirmaster.states.moments import Moments
from choirmaster.states.quantiles import Quantiles
from choirmaster.states.rowscore import RowScores
from choirmaster.states.scores import Scores
from choirmaster.states.spread import Spread

STATES: tuple[type[State], ...] = (
    Histogram,
    Moments,
    Confusion,
    Scores,
    Losses,
    Calls,
    Quantiles,
    LabelSets,
    ErrorProducts,
    Agreement,
    Spread,
    Intake,
    RowScores,
)
BY_KIND: dict[str, type[State]] = {one.kind: one for one in STATES}

__all__ = [
    "Agreement",
    "BY_KIND",
    "Calls",
    "Confusion",
    "ErrorProducts",
    "Histogram",
    "Intake",
    "LabelSets",
    "Losses",
    "Moments",
    "Part",
    "Quantiles",
    "RowScores",
    "STATES",
    "Scores",
    "Spread",
    "State",
]
