"""From the members' calls to one answer: fused where enough are present, else the declared fallback."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from choirmaster import fusion
from choirmaster.serve.answer import NOT_AWAITED, Answer, MemberCall
from choirmaster.serve.outputs import Floats, Mask
from choirmaster.serve.roles import Seating
from choirmaster.serve.settings import EnsembleSettings

Fuse = Callable[[Floats, Mask, Floats], fusion.Fused]


class Combiner:
    """Makes answers of calls.

    Parameters
    ----------
    settings : EnsembleSettings
    version : str
        Of the ensemble, for the answers.
    fuse : callable, optional
        In place of the rule named in the settings.
    """

    def __init__(self, settings: EnsembleSettings, version: str, fuse: Fuse | None = None) -> None:
        self._settings, self._layout, self._version = settings, settings.layout, version
        self._fusion = prepared(settings)
        self._fuse: Fuse = fuse or self._fusion.fuse
        names = [one.name for one in self._layout.members]
        staged = len(self._fusion.stages) > 1
        turns = [frozenset(names[place] for place in stage) for stage in self._fusion.stages] if staged else [None]
        self.stages: tuple[frozenset[str] | None, ...] = tuple(turns)
        """Whom to ask in which turn; None is everybody."""

    def answer(self, calls: tuple[MemberCall, ...], ids: tuple[str, ...], standing: Seating, *, early: bool) -> Answer:
        """Return the answer that these calls give."""
        outputs, present = _heard(calls)
        fused = self._fuse(outputs, present, standing.member_weight)
        enough = fused.answered & (present.sum(axis=1) >= self._settings.quorum)
        output, answered, stood_in = self._fall_back(calls, np.array(fused.output), enough)
        choice = self._choice(output, answered, None if stood_in.any() else fused.choice)
        return Answer(self._settings.name, self._version, standing.weight_version, ids, self._layout.classes, output,
                      answered, choice, calls, stood_in, early=early)  # fmt: skip

    def settled(self, calls: Sequence[MemberCall], standing: Seating) -> bool:
        """Tell whether those who are not in yet can no longer change the answer of any row."""
        early = self._settings.early
        outputs, present = _heard(calls)
        if early is None or (present.sum(axis=1) < self._settings.quorum).any():
            return False
        missing = np.stack([call.due & (call.why == NOT_AWAITED) for call in calls], axis=1)
        rows = fusion.settled(
            self._fusion, outputs, present, missing, standing.member_weight, cutoff=self._settings.cutoff,
            tolerance=early.tolerance, limits=early.limits,
        )  # fmt: skip
        return bool(rows.all())

    def decided(self, calls: Sequence[MemberCall], standing: Seating, stage: int) -> Mask:
        """Return the rows for which the members of later stages need not be asked."""
        outputs, present = _heard(calls)
        enough: Mask = present.sum(axis=1) >= self._settings.quorum
        return enough & fusion.decided(self._fusion, outputs, present, standing.member_weight, stage=stage)

    def _fall_back(self, calls: Sequence[MemberCall], output: Floats, enough: Mask) -> tuple[Floats, Mask, Mask]:
        """Fill the rows below quorum as declared; never with anything else."""
        below = ~enough
        output[below] = np.nan
        fallback, stood_in = self._settings.fallback, np.zeros_like(below)
        if fallback.kind == "constant" and fallback.constant is not None:
            stood_in = below.copy()
            output[below] = self._constant(fallback.constant)
        elif fallback.kind == "member":
            call = next(one for one in calls if one.name == fallback.member)
            stood_in = below & call.usable
            output[stood_in] = call.output[stood_in]
        return output, enough | stood_in, stood_in

    def _constant(self, constant: Mapping[str, float] | float) -> Any:
        return [constant[one] for one in self._layout.classes] if isinstance(constant, Mapping) else constant

    def _choice(self, output: Floats, answered: Mask, decided: Any) -> Any:
        if not self._layout.classes:
            return None
        if self._settings.cutoff is not None and self._layout.positive:
            positive = self._layout.classes.index(self._layout.positive)
            chosen = np.where(output[:, positive] >= self._settings.cutoff, positive, 1 - positive)
        elif decided is not None:
            chosen = decided
        else:
            chosen = np.nan_to_num(output).argmax(axis=1)
        return np.where(answered, chosen, -1)


def _heard(calls: Sequence[MemberCall]) -> tuple[Floats, Mask]:
    """Return the outputs, and who has a say in which row and said something usable."""
    present = np.stack([call.usable & call.due for call in calls], axis=1)
    return np.stack([call.output for call in calls], axis=1), present


def prepared(settings: EnsembleSettings) -> fusion.Fusion:
    """Return the fusion that the settings declare, over the members of the layout in its order."""
    layout = settings.layout
    return fusion.prepare(
        settings.fusion, task=str(layout.task), members=[one.name for one in layout.members], classes=layout.classes,
        positive=layout.positive, where=f"$.ensembles.{settings.name}.fusion",
    )  # fmt: skip


def declared(document: str | Mapping[str, Any]) -> str:
    """Return a fusion as one text: the rule's name, or all that is declared about it but the weights.

    >>> declared({"rule": "mean", "weights": {"a": 2.0}}), declared({"rule": "trimmed_mean", "trim": 0.2})
    ('mean', '{"rule":"trimmed_mean","trim":0.2}')
    """
    if isinstance(document, str):
        return document
    given = {key: value for key, value in document.items() if key != "weights"}
    return str(given["rule"]) if set(given) == {"rule"} else msgspec.json.encode(given, order="deterministic").decode()
