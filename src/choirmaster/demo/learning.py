"""Trains on January and February: six candidates, folds that follow time, at least four members."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

import choirmaster as cm
from choirmaster.demo import flights

if TYPE_CHECKING:
    from choirmaster.api import Progress

CANDIDATES = ("logit", "forest", "boost", "mlp", "knn", "naive_bayes")
AT_LEAST = 4
QUICK_STEP = 4
_SHOWN = ("candidate", "log_loss", "auc", "f1", "gap", "fit_seconds", "row_milliseconds", "flag", "weight")


@dataclass(frozen=True)
class Learned:
    """What training found, as plain data.

    Attributes
    ----------
    candidates : list of dict
        The comparison, one row each.
    members : dict
        ``file``, ``sha256`` and ``trusted_types`` of each picked one.
    cutoff : dict
        ``value``, ``by`` and ``source``.
    rows : int
        Labelled flights it was trained on.
    """

    candidates: list[dict[str, Any]]
    members: dict[str, dict[str, Any]]
    cutoff: dict[str, Any]
    rows: int

    @property
    def not_picked(self) -> list[str]:
        """Candidates that did not become members."""
        return [name for name in CANDIDATES if name not in self.members]


def rows(table: pa.Table, *, quick: bool) -> pa.Table:
    """Return what ``cm.train`` takes; every fourth labelled flight when it has to be quick."""
    known = flights.training(table)
    if quick:
        known = known.take(pa.array(np.arange(0, known.num_rows, QUICK_STEP)))
    found = flights.features(known)
    for name in ("id", "scheduled_departure", "label"):
        found = found.append_column(name, known[name])
    return found


def learn(table: pa.Table, folder: Path, progress: Progress) -> Learned:
    """Train, write the members' files, the recipe and the out-of-fold rows into a folder."""
    schema = cm.Schema(
        "binary", label="label", classes=[flights.ON_TIME, flights.LATE], positive=flights.LATE, id="id",
        time="scheduled_departure", features=flights.feature_names(), numeric=flights.NUMBERS,
        categorical=flights.CATEGORIES,
    )  # fmt: skip
    result = cm.train(table, schema=schema, candidates=CANDIDATES, at_least=AT_LEAST, progress=progress)
    recipe = result.save(folder)
    return Learned(result.table.to_pylist(), recipe["members"], recipe["cutoff"], table.num_rows)
