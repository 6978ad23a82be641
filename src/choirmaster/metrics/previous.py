"""The same distances against the window just before, of the same segment, over the reference's bins."""

from __future__ import annotations

from dataclasses import replace

from choirmaster.metrics.base import PREVIOUS, Metric
from choirmaster.metrics.feature_drift import JENSEN_SHANNON, KS, PSI
from choirmaster.metrics.feature_wasserstein import WASSERSTEIN_SCALED
from choirmaster.metrics.score_drift import SCORE_KS, SCORE_PSI


def against_previous(metric: Metric) -> Metric:
    """Return a drift metric that compares with the window just before; where there is none: ``no_reference``."""
    return replace(metric, name=f"{metric.name}_previous", definition=f"{metric.name} against the window just before",
                   interval=f"as {metric.name}", source=f"as {metric.name}",
                   against=PREVIOUS)  # fmt: skip


PSI_PREVIOUS = against_previous(PSI)
JENSEN_SHANNON_PREVIOUS = against_previous(JENSEN_SHANNON)
KS_PREVIOUS = against_previous(KS)
WASSERSTEIN_SCALED_PREVIOUS = against_previous(WASSERSTEIN_SCALED)
SCORE_PSI_PREVIOUS = against_previous(SCORE_PSI)
SCORE_KS_PREVIOUS = against_previous(SCORE_KS)
