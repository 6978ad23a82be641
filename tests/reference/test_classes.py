"""Everything read off a table of labels against answers, on generated tables, against scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from choirmaster.metrics import BY_NAME, evaluate, targets
from choirmaster.states import Confusion
from choirmaster.states.confusion import ConfusionPart
from choirmaster.values import Reason, Value

NAMES = tuple("abcdefgh")
SHARES = ("precision", "recall", "f1", "jaccard", "specificity", "negative_predictive_value")
cell = st.one_of(st.just(0), st.integers(0, 3), st.integers(0, 10**6))


@st.composite
def tables(draw: st.DrawFn, least: int = 2) -> np.ndarray:
    k = draw(st.integers(least, 8))
    flat = draw(st.lists(cell, min_size=k * k, max_size=k * k))
    return np.array(flat, np.int64).reshape(k, k)


def state_of(table: np.ndarray, positive: int = -1) -> Confusion:
    k = len(table)
    whole = np.zeros((k + 2, k + 1), np.int64)
    whole[:k, :k] = table
    whole[k:, :] = 3  # labels that are unknown or have not arrived
    whole[0, k] = 2  # and rows without an answer: none of them counts
    part = ConfusionPart(NAMES[:k], positive, 0.5 if positive >= 0 else float("nan"))
    return Confusion(part, whole.reshape(-1), np.zeros((0, 2), np.int64))


def read(name: str, state: Confusion, target: str = "") -> Value:
    value = evaluate(BY_NAME[name], state, target=target)
    assert value.reason is not Reason.FAILED, value.detail
    if value.number is not None:
        assert value.lower is not None
        assert value.upper is not None
        assert value.lower <= value.number <= value.upper
        low, high = (-1.0, 1.0) if name in ("mcc", "kappa") else (0.0, 1.0)
        assert low <= value.lower <= value.upper <= high
    return value


def rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, answers and how often each pair occurs."""
    true, said = np.indices(table.shape).reshape(2, -1)
    used = table.reshape(-1) > 0
    return true[used], said[used], table.reshape(-1)[used]


def theirs(name: str, table: np.ndarray, average: str | None) -> np.ndarray | float:
    """scikit-learn's, by its own functions where there are any, else from its one-against-rest tables."""
    y, said, weight = rows(table)
    labels = np.flatnonzero(table.sum(axis=0) + table.sum(axis=1))
    known = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score, "jaccard": sk.jaccard_score}
    if name in known:
        return known[name](y, said, labels=labels, average=average, sample_weight=weight, zero_division=0.0)
    each = sk.multilabel_confusion_matrix(y, said, labels=labels, sample_weight=weight).astype(float)
    if average == "micro":
        each = each.sum(axis=0, keepdims=True)
    top, wrong = each[:, 0, 0], each[:, 0, 1] if name == "specificity" else each[:, 1, 0]
    found = np.divide(top, top + wrong, out=np.zeros(len(top)), where=top + wrong > 0)
    if average == "weighted":
        return float(np.average(found, weights=table.sum(axis=1)[labels]))
    return found if average is None else float(found.mean())


@pytest.mark.parametrize("name", SHARES)
@given(table=tables())
@example(table=np.zeros((3, 3), np.int64))
@example(table=np.diag([5, 0, 0]))
@example(table=np.diag([5, 1, 2]))
@example(table=np.array([[0, 4], [4, 0]]))
def test_shares_of_each_class_and_their_means(name: str, table: np.ndarray) -> None:
    state = state_of(table)
    if not table.any():
        assert {read(name, state, one).reason for one in ("macro", "micro", "a")} == {Reason.ALL_MISSING}
        return
    occur = np.flatnonzero(table.sum(axis=0) + table.sum(axis=1))
    for average in ("macro", "micro", "weighted"):
        value = read(name, state, average)
        if value.number is None:  # one class is all there is, and has nothing against it
            assert len(occur) == 1
            assert value.reason in (Reason.ONE_CLASS_ONLY, Reason.NO_PREDICTED_NEGATIVES)
        else:
            assert value.number == pytest.approx(theirs(name, table, average), abs=1e-12)
    each = dict(zip(occur.tolist(), theirs(name, table, None), strict=True))
    for index in range(len(table)):
        value = read(name, state, NAMES[index])
        assert value.number is None or value.number == pytest.approx(each.get(index, 1.0), abs=1e-12)
        assert value.number is not None or value.reason in (
            Reason.NO_POSITIVES, Reason.NO_PREDICTED_POSITIVES, Reason.ONE_CLASS_ONLY, Reason.NO_PREDICTED_NEGATIVES,
        )  # fmt: skip


@given(table=tables())
@example(table=np.diag([7, 0, 0]))
@example(table=np.array([[3, 0], [4, 0]]))
@example(table=np.array([[3, 4], [0, 0]]))
def test_agreement_beyond_the_margins(table: np.ndarray) -> None:
    state = state_of(table)
    if not table.any():
        assert {read(one, state).reason for one in ("mcc", "kappa", "balanced_accuracy")} == {Reason.ALL_MISSING}
        return
    y, said, weight = rows(table)
    labelled, predicted = (np.count_nonzero(table.sum(axis=axis)) for axis in (1, 0))
    mcc, kappa, balanced = (read(one, state) for one in ("mcc", "kappa", "balanced_accuracy"))
    assert (mcc.number is None) == (labelled < 2 or predicted < 2)
    assert (balanced.number is None) == (labelled < 2)
    assert (kappa.number is None) == (labelled == predicted == 1 and y[0] == said[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # answers of a class without a label
        if mcc.number is not None:
            assert mcc.number == pytest.approx(sk.matthews_corrcoef(y, said, sample_weight=weight), abs=1e-12)
        if balanced.number is not None:
            theirs = sk.balanced_accuracy_score(y, said, sample_weight=weight)
            assert balanced.number == pytest.approx(theirs, abs=1e-12)
        if kappa.number is not None:
            assert kappa.number == pytest.approx(sk.cohen_kappa_score(y, said, sample_weight=weight), abs=1e-12)
    wrong = read("error_rate", state)
    assert wrong.number == pytest.approx(1.0 - sk.accuracy_score(y, said, sample_weight=weight), abs=1e-12)


@given(st.lists(cell, min_size=4, max_size=4))
def test_two_classes_speak_of_the_positive_one(flat: list[int]) -> None:
    table = np.array(flat, np.int64).reshape(2, 2)
    for positive in (0, 1):
        state = state_of(table, positive)
        for name in (*SHARES, "false_positive_rate", "false_negative_rate"):
            assert targets(BY_NAME[name], state) == ("",)
            assert read(name, state) == read(name, state_of(table), NAMES[positive])
        for one, other in (("false_positive_rate", "specificity"), ("false_negative_rate", "recall")):
            here, there = read(one, state), read(other, state)
            assert here.reason == there.reason
            if here.number is not None:
                assert (here.number, here.lower, here.upper) == (
                    1.0 - there.number, 1.0 - there.upper, 1.0 - there.lower
                )  # fmt: skip


def test_published_values() -> None:
    """Kappa 0.4 of Wikipedia's example by hand: p_o = 0.7, p_e = 0.5; its standard error by Fleiss, Cohen, Everitt."""
    value = read("kappa", state_of(np.array([[20, 5], [10, 15]])))
    assert value.number == pytest.approx(0.4, abs=1e-15)
    p = np.array([[0.4, 0.1], [0.2, 0.3]])
    row, column, right, chance = p.sum(axis=1), p.sum(axis=0), 0.7, 0.5
    a = sum(p[i, i] * (1 - (row[i] + column[i]) * (1 - 0.4)) ** 2 for i in range(2))
    b = sum(p[i, j] * (column[i] + row[j]) ** 2 for i in range(2) for j in range(2) if i != j) * (1 - 0.4) ** 2
    c = (0.4 - chance * (1 - 0.4)) ** 2
    error = np.sqrt(a + b - c) / (1 - chance) / np.sqrt(50)
    assert value.upper == pytest.approx(0.4 + 1.959963984540054 * error, abs=1e-12)
    assert right - chance == pytest.approx(0.2)
