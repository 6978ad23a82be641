"""What part each member has in an answer, on request."""

from __future__ import annotations

from typing import Any

import numpy as np

from choirmaster import fusion
from choirmaster.errors import Unavailable
from choirmaster.serve.answer import Answer
from choirmaster.serve.combine import prepared
from choirmaster.serve.runner import EnsembleRunner


def explain(runner: EnsembleRunner, answer: Answer) -> tuple[str, Any]:
    """Return the kind and the values (n_samples, n_members[, n_classes]) of an explanation; NaN where there are none.

    The kind is ``share`` where each member has an exact share in the answer, else ``leave_one_out``: what the answer
    would change by without the member.

    Raises
    ------
    Unavailable
        The weights were changed after this was answered.
    """
    standing = runner.standing
    if standing.weight_version != answer.weight_version:
        raise Unavailable("the weights were changed meanwhile, so the shares are not known", fix="ask again")
    present = np.stack([call.usable & call.due for call in answer.calls], axis=1)
    outputs = np.stack([call.output for call in answer.calls], axis=1)
    told = fusion.explain(prepared(runner.settings), outputs, present, standing.member_weight)
    values = told.values
    values[~answer.answered | answer.fallback] = np.nan
    return told.kind, values
