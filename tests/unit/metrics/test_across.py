"""Means over classes: what they are made of, and when there is none."""

from __future__ import annotations

import pytest

from choirmaster.metrics import BY_NAME
from choirmaster.metrics.across import averages, mean_over_classes
from choirmaster.values import Kind, Reason, Value, undefined

ONE = Value(0.5, 0.25, 0.75, 0.125, 40, Kind.REALIZED)
TWO = Value(1.0, 0.75, 1.0, 0.0, 40, Kind.REALIZED)
ABSENT = undefined(Reason.ONE_CLASS_ONLY, n=40, kind=Kind.REALIZED)
FEW = undefined(Reason.TOO_FEW_ROWS, n=40, kind=Kind.REALIZED)


def test_numbers_ends_and_resolutions_are_means() -> None:
    assert mean_over_classes([ONE, TWO]) == Value(0.75, 0.5, 0.875, 0.0625, 40, Kind.REALIZED)
    assert mean_over_classes([ONE, TWO], [3, 1]) == Value(0.625, 0.375, 0.8125, 0.09375, 40, Kind.REALIZED)


def test_a_class_that_does_not_occur_has_no_part_and_other_reasons_are_passed_on() -> None:
    assert mean_over_classes([ONE, ABSENT]) == ONE
    assert mean_over_classes([ABSENT, ONE], [0, 7]) == ONE
    assert mean_over_classes([ONE, FEW]) == FEW
    assert mean_over_classes([ABSENT, ABSENT]).reason is Reason.ONE_CLASS_ONLY
    assert mean_over_classes([ONE, TWO], [0, 0]).reason is Reason.NO_POSITIVES
    no_ends = mean_over_classes([ONE, Value(0.5, n=3)])
    assert (no_ends.lower, no_ends.number) == (None, 0.5)


@pytest.mark.parametrize(
    ("name", "classes", "means"),
    [
        ("roc_auc", ("a", "b", "c"), ("macro", "weighted")),
        ("score_psi", ("a", "b", "c"), ("macro",)),
        ("score_mean", ("a", "b", "c"), ()),
        ("f1", ("a", "b", "c"), ()),
        ("roc_auc", ("yes",), ()),
        ("roc_auc", ("macro", "b"), ("weighted",)),
    ],
)
def test_which_means_there_are(name: str, classes: tuple[str, ...], means: tuple[str, ...]) -> None:
    assert averages(BY_NAME[name], classes) == means
