"""``rules: default``: what anybody on call wants to hear about without having configured anything.

Each compares an interval, not a bare number, with its bound, so few rows do not cry wolf.
"""

from __future__ import annotations

from collections.abc import Callable

from choirmaster.alerts.rules import Point, Rule, Severity, Verdict, judged
from choirmaster.schema import Task
from choirmaster.values import FUSED

MIN_CALLS = 20
MIN_AVAILABILITY = 0.95
SUDDEN, SUSTAINED, SUSTAINED_WINDOWS = 1.5, 1.25, 5
SCORE_PSI, SCORE_WINDOWS = 0.25, 3
MISSING_JUMP = 0.3
UNSEEN_SHARE = 0.2
_LOSSES = {Task.REGRESSION: "rmse", Task.QUANTILE: "pinball"}


def default_rules(task: Task, *, expected_label_share: float, leading: str = FUSED) -> tuple[Rule, ...]:
    """Return the default rules of a task; ``leading`` is the series that users see: the fused one, or the only one.

    ``no_data`` is not among them: it is about windows that are not there (``alerts/absence.py``).
    """
    loss = _LOSSES.get(task, "log_loss")
    return (
        Rule("member_failing", "availability", _failing, 1, Severity.CRITICAL),
        Rule("schema_break", "missing_rate", _missing, 1, Severity.CRITICAL, series="all", feature="*"),
        Rule("schema_break_categories", "unseen_rate", _unseen, 1, Severity.WARNING, series="all", feature="*"),
        Rule("labels_below_expected", "label_share", _too_few_labels(expected_label_share), 2, Severity.WARNING,
             needs_labels=True, series=leading),
        Rule("quality_drop_sudden", loss, worse(SUDDEN), 1, Severity.CRITICAL, needs_labels=True),
        Rule("quality_drop_sustained", loss, worse(SUSTAINED), SUSTAINED_WINDOWS, Severity.WARNING, needs_labels=True),
        Rule("fused_score_drift", "score_psi" if task.has_classes else "psi", _score_drift, SCORE_WINDOWS,
             Severity.WARNING, series=leading),
    )  # fmt: skip


def worse(factor: float) -> Callable[[Point], Verdict]:
    """Return a judge of a loss: bad when its whole interval lies above ``factor`` times the reference's upper end."""

    def judge(point: Point) -> Verdict:
        if point.lower is None or point.baseline is None:
            return Verdict(None)
        bound = factor * max(point.baseline, point.baseline_upper or point.baseline)
        return judged(point, bound, f"above {factor:g} times the reference", bad=point.lower > bound)

    return judge


def _failing(point: Point) -> Verdict:
    if point.value is None or point.upper is None or point.n < MIN_CALLS:
        return Verdict(None)
    why = f"below {MIN_AVAILABILITY:g} of its calls answered"
    return judged(point, MIN_AVAILABILITY, why, bad=point.upper < MIN_AVAILABILITY)


def _missing(point: Point) -> Verdict:
    if point.lower is None:
        return Verdict(None)
    bound = min((point.baseline or 0.0) + MISSING_JUMP, 0.999)
    return judged(point, bound, "far more values missing than in the reference", bad=point.lower > bound)


def _unseen(point: Point) -> Verdict:
    if point.lower is None:
        return Verdict(None)
    bound = min((point.baseline or 0.0) + UNSEEN_SHARE, 0.999)
    return judged(point, bound, "many categories the reference does not know", bad=point.lower > bound)


def _too_few_labels(share: float) -> Callable[[Point], Verdict]:
    def judge(point: Point) -> Verdict:
        if point.value is None or point.upper is None:
            return Verdict(None)
        return judged(point, share, f"below the expected share {share:g}", bad=point.upper < share)

    return judge


def _score_drift(point: Point) -> Verdict:
    if point.value is None:
        return Verdict(None)
    shown = point.value if point.lower is None else point.lower
    return judged(point, SCORE_PSI, f"above {SCORE_PSI:g}", bad=shown > SCORE_PSI)
