"""What part each member has in an answer, on request."""

from __future__ import annotations

from typing import Any

import numpy as np

from choirmaster import fusion
from choirmaster.errors import Unavailable
from choirmaster.serve.answer import Answer
from choirmaster.serve.runner import EnsembleRunner


def explain(runner: EnsembleRunner, answer: Answer) -> tuple[str, Any]:
    """Return the kind of the shares and the shares (n_samples, n_members[, n_classes]); NaN where there are none.

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
    shares = fusion.member_shares(fusion.get(runner.settings.fusion), outputs, present, standing.member_weight)
    shares[~answer.answered | answer.fallback] = np.nan
    return "share", shares
