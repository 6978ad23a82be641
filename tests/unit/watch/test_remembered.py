"""Answers are given again until the store changes, and old questions are forgotten."""

from __future__ import annotations

from choirmaster.ports import StatePack
from choirmaster.times import Window
from choirmaster.watch.remembered import Remembered, stand_of


def pack(start: int, revision: int) -> StatePack:
    return StatePack(Window(start, start + 1), "", "r", revision, b"", 0)


def test_the_question_not_asked_for_longest_is_forgotten() -> None:
    known, read = Remembered(at_most=2), []

    def ask(question: str) -> str:
        return known.answer(question, 1, lambda: read.append(question) or question)

    assert [ask(one) for one in ("a", "b", "a", "c", "a", "b")] == ["a", "b", "a", "c", "a", "b"]
    assert (read, len(known)) == (["a", "b", "c", "b"], 2)


def test_a_window_more_or_measured_again_is_another_stand() -> None:
    first, second = pack(0, 1), pack(1, 1)
    stands = {stand_of(some) for some in ([], [first], [first, second], [first, pack(1, 2)], [first, pack(2, 1)])}
    assert len(stands) == 5
    assert stand_of([first, second]) == stand_of([pack(0, 1), pack(1, 1)])
