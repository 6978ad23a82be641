"""The runner: who is present, who is missing and why, and never an invented number."""

from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.errors import ConfigError, DeadlineExceeded, TooLarge, Unavailable, UnknownName
from choirmaster.layout import Layout, Output, SeriesSpec, Status, Task
from choirmaster.serve.request import PredictRequest, features_table
from choirmaster.serve.settings import Fallback, MemberSettings, Weights
from tests.entrances.http.kit import LAYOUT, NOW, Clock, Fake, regression, runner


def request(*x, layout=LAYOUT, **more):
    rows = len(x) or 1
    return PredictRequest(features_table(layout, {"x": list(x) or [1.0], "c": ["u"] * rows}, rows), **more)


def three(*members):
    names = [one.name for one in members]
    return Layout(
        Task.BINARY,
        (*(SeriesSpec(name) for name in names), SeriesSpec("fused")),
        classes=("no", "yes"),
        positive="yes",
        numeric=("x",),
        categorical=("c",),
    )


def test_the_mean_over_those_present():
    answer = runner().answer(request(1, 2))
    assert answer.output.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert answer.present == ("a", "b") and answer.missing == {} and not answer.degraded
    assert answer.ids == ("made/0", "made/1") and answer.recorded == "queued"


def test_classes_are_aligned_by_name_and_an_unknown_class_of_a_member_has_probability_zero():
    swapped = Fake("b", 0.75, ("yes", "no"))
    answer = runner({"a": Fake("a", 0.25), "b": swapped}).answer(request())
    assert answer.output.tolist() == [[0.75, 0.25]]
    only = Fake("b", lambda t: np.ones((t.num_rows, 1)), ("no",))
    answer = runner({"a": Fake("a", 0.25), "b": only}).answer(request())
    assert answer.output.tolist() == [[0.875, 0.125]]


@pytest.mark.parametrize("classes", [("no", "maybe"), None, ("no", "no")])
def test_classes_that_do_not_fit_are_refused_at_the_start(classes):
    with pytest.raises(ConfigError, match="class"):
        runner({"a": Fake("a", 0.25), "b": Fake("b", 0.5, classes)})


def test_a_feature_that_the_ensemble_has_not_is_refused_at_the_start():
    with pytest.raises(ConfigError, match="feature"):
        runner({"a": Fake("a", 0.25), "b": Fake("b", 0.5, features=("x", "zz"))})


def test_the_record_has_exactly_the_canonical_columns():
    kept = []
    one = runner({"a": Fake("a", 0.25), "b": Fake("b", RuntimeError("gone"))}, kept=kept)
    one.answer(request(1, None, ids=("i", "j"), times=(5, 6), tags={"shop": ["s", None]}))
    rows = kept[0].rows
    assert rows.schema == LAYOUT.arrow()
    first, second = rows.to_pylist()
    assert (first["id"], second["id"]) == ("i", "j") and (first["call"], second["call"]) == (1, 0)
    assert first["split"] == "live" and first["weight_version"] == "equal"
    assert rows["time"].cast("int64").to_pylist() == [5, 6]
    assert (first["x.x"], second["x.x"], first["x.c"]) == (1.0, None, "u")
    assert (first["m.a.p.yes"], first["m.a.status"], first["m.a.version"]) == (0.25, "ok", "v1")
    assert first["m.a.latency_us"] >= 0
    assert (first["m.b.p.yes"], first["m.b.status"]) == (None, "failed")
    assert (first["y.p.yes"], first["tag.shop"], second["tag.shop"]) == (0.25, "s", None)


def test_without_times_the_clock_says_when():
    kept = []
    runner(kept=kept).answer(request())
    assert kept[0].rows["time"].cast("int64").to_pylist() == [NOW]


def test_a_member_with_class_output_is_kept_as_its_class():
    layout = Layout(
        Task.BINARY, (SeriesSpec("a", Output.CLASS), SeriesSpec("b"), SeriesSpec("fused")), ("no", "yes"), "yes",
        ("x",), ("c",),
    )  # fmt: skip
    kept = []
    runner(layout=layout, kept=kept).answer(request(layout=layout))
    assert kept[0].rows.to_pylist()[0]["m.a.class"] == "no"


@pytest.mark.parametrize("state", ["raises", "slow"])
def test_recording_never_fails_an_answer(state):
    from choirmaster.serve.runner import EnsembleRunner

    plain = runner()

    def broken(_):
        raise OSError("disk full")

    one = EnsembleRunner(plain.settings, plain.members, Clock(), record=broken)
    assert one.answer(request()).recorded == "dropped"


REPLIES = {
    "nan": (lambda t: np.full((t.num_rows, 2), np.nan), Status.INVALID, "not_finite"),
    "inf": (lambda t: np.full((t.num_rows, 2), np.inf), Status.INVALID, "not_finite"),
    "one column": (lambda t: np.full((t.num_rows, 1), 0.5), Status.INVALID, "wrong_shape"),
    "too few rows": (lambda t: np.full((0, 2), 0.5), Status.INVALID, "wrong_shape"),
    "sum": (lambda t: np.full((t.num_rows, 2), 0.6), Status.INVALID, "not_a_distribution"),
    "negative": (lambda t: np.tile([-0.1, 1.1], (t.num_rows, 1)), Status.INVALID, "out_of_range"),
    "text": (lambda t: "boo", Status.INVALID, "wrong_type"),
    "object": (lambda t: object(), Status.INVALID, "wrong_type"),
    "nothing": (lambda t: None, Status.INVALID, "wrong_shape"),
    "huge": (lambda t: np.full((t.num_rows, 2), 1e308), Status.INVALID, "out_of_range"),
    "raises": (RuntimeError("gone"), Status.FAILED, None),
}


@pytest.mark.parametrize("name", REPLIES)
def test_a_wrong_answer_is_left_out_and_counted_with_its_reason(name):
    say, status, reason = REPLIES[name]
    answer = runner({"a": Fake("a", 0.25), "b": Fake("b", say)}).answer(request(1, 2))
    assert answer.calls[1].status is status and answer.missing == {"b": str(status)} and answer.degraded
    assert answer.output[:, 1].tolist() == [0.25, 0.25]
    if reason:
        assert answer.calls[1].reasons == {reason: 2}


def test_one_bad_row_costs_one_row():
    def half(t):
        out = np.full((t.num_rows, 2), 0.5)
        out[1] = np.nan
        return out

    kept = []
    answer = runner({"a": Fake("a", 0.25), "b": Fake("b", half)}, kept=kept).answer(request(1, 2, 3))
    assert answer.output[:, 1].tolist() == [0.375, 0.25, 0.375]
    assert kept[0].rows["m.b.status"].to_pylist() == ["ok", "invalid", "ok"]
    assert answer.calls[1].status is Status.OK and answer.missing == {"b": "invalid"}


def test_single_precision_is_precise_enough():
    single = Fake("b", lambda t: np.tile(np.array([0.3, 0.7 + 2e-7], dtype=np.float32), (t.num_rows, 1)))
    assert runner({"a": Fake("a", 0.25), "b": single}).answer(request()).present == ("a", "b")


numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=2))
def test_no_number_that_is_not_finite_ever_leaves(rows):
    answer = runner({"a": Fake("a", 0.25), "b": Fake("b", lambda t: np.array(rows))}).answer(request(1, 2))
    assert np.isfinite(answer.output).all()
    assert ((answer.output >= 0) & (answer.output <= 1)).all()


# -- time -----------------------------------------------------------------------------------------------------------


def test_a_hung_member_costs_its_own_threads_only_and_every_answer_comes_in_time():
    pa.array([0])  # pyarrow loads pandas with the first of these, seconds that no answer took
    before = threading.active_count()
    gate = threading.Event()
    members = {name: Fake(name, 0.5) for name in "abcd"} | {"hung": Fake("hung", lambda t: gate.wait())}
    one = runner(
        members, three(*members.values()), deadline_seconds=1.5,
        members={"hung": MemberSettings(concurrency=2)},
    )  # fmt: skip
    statuses = []
    for _ in range(100):
        start = time.monotonic()
        answer = one.answer(request())
        took = time.monotonic() - start
        assert answer.present == ("a", "b", "c", "d") and answer.degraded
        assert took < 1.5 + 0.25, "the box is shared; the bound on a quiet one is 50 ms"
        statuses.append(answer.calls[4].status)
    assert statuses[:1] == [Status.LATE] and set(statuses[5:]) == {Status.QUARANTINED}
    assert members["hung"].calls == 2
    assert one.answer(request()).calls[4].latency_us is None
    gate.set()
    until = time.monotonic() + 5
    while one.answer(request()).calls[4].status is Status.QUARANTINED and time.monotonic() < until:
        time.sleep(0.01)
    while one.late_results < 2 and time.monotonic() < until:  # the two threads come back one after the other
        time.sleep(0.01)
    assert one.late_results == 2
    one.close()
    while threading.active_count() > before + 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() <= before + 2


def test_a_late_result_is_thrown_away():
    release = threading.Event()

    def slow(t):
        release.wait(5)
        return np.full((t.num_rows, 2), 0.5)

    kept = []
    one = runner({"a": Fake("a", 0.25), "b": Fake("b", slow)}, deadline_seconds=0.05, kept=kept)
    answer = one.answer(request())
    assert answer.missing == {"b": "late"} and answer.output[0, 1] == 0.25
    assert kept[0].rows["m.b.latency_us"].to_pylist()[0] > 0
    release.set()
    until = time.monotonic() + 5
    while not one.late_results and time.monotonic() < until:
        time.sleep(0.005)
    assert one.late_results == 1 and answer.output[0, 1] == 0.25


def test_a_members_own_timeout_ends_the_wait_early():
    gate = threading.Event()
    one = runner(
        {"a": Fake("a", 0.25), "b": Fake("b", lambda t: gate.wait(5))},
        deadline_seconds=5.0, members={"b": MemberSettings(timeout_seconds=0.05)},
    )  # fmt: skip
    start = time.monotonic()
    assert one.answer(request()).missing == {"b": "late"}
    assert time.monotonic() - start < 2
    gate.set()


def test_a_clients_timeout_shortens_and_never_lengthens_the_deadline():
    gate = threading.Event()
    one = runner({"a": Fake("a", 0.25), "b": Fake("b", lambda t: gate.wait(5))}, deadline_seconds=0.3)
    for asked, bound in ((0.05, 0.28), (100.0, 2.0)):
        start = time.monotonic()
        one.answer(request(timeout_seconds=asked))
        assert time.monotonic() - start < bound
    gate.set()


def test_calls_that_wait_past_their_deadline_cost_the_member_nothing():
    gate = threading.Event()
    slow = Fake("b", lambda t: gate.wait(0.2) or np.full((t.num_rows, 2), 0.5))
    one = runner({"a": Fake("a", 0.25), "b": slow}, deadline_seconds=0.05, members={"b": MemberSettings(concurrency=1)})
    threads = [threading.Thread(target=one.answer, args=(request(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(0.3)
    assert slow.calls == 1


# -- quorum, fallback -----------------------------------------------------------------------------------------------


def test_below_quorum_without_fallback_is_an_error_and_is_recorded_all_the_same():
    kept = []
    one = runner({"a": Fake("a", 0.25), "b": Fake("b", RuntimeError())}, quorum=2, kept=kept)
    for _ in range(20):
        with pytest.raises(Unavailable, match=r"below its quorum.*2 of 2.*b failed"):
            one.answer(request())
    row = kept[0].rows.to_pylist()[0]
    assert row["m.b.status"] == "failed" and row["m.a.p.yes"] == 0.25 and row["y.p.yes"] is None


def test_nobody_answers():
    members = {"a": Fake("a", RuntimeError()), "b": Fake("b", np.nan)}
    with pytest.raises(Unavailable):
        runner(members).answer(request())


def test_fallback_to_a_constant():
    constant = Fallback("constant", constant={"no": 0.9, "yes": 0.1})
    kept = []
    one = runner({"a": Fake("a", RuntimeError()), "b": Fake("b", RuntimeError())}, fallback=constant, kept=kept)
    answer = one.answer(request())
    assert answer.output.tolist() == [[0.9, 0.1]] and answer.degraded and answer.fallback.all()
    assert kept[0].rows["weight_version"].to_pylist() == ["fallback:equal"]


def test_fallback_to_a_member_that_is_present_or_to_an_error():
    stand_in = Fallback("member", member="a")
    one = runner({"a": Fake("a", 0.25), "b": Fake("b", RuntimeError())}, quorum=2, fallback=stand_in)
    assert one.answer(request()).output.tolist() == [[0.75, 0.25]]
    one = runner({"a": Fake("a", RuntimeError()), "b": Fake("b", 0.75)}, quorum=2, fallback=stand_in)
    with pytest.raises(Unavailable):
        one.answer(request())


def test_a_row_below_quorum_is_null_and_the_other_rows_are_answered():
    def half(t):
        out = np.full((t.num_rows, 2), 0.5)
        out[1] = np.nan
        return out

    answer = runner({"a": Fake("a", 0.25), "b": Fake("b", half)}, quorum=2).answer(request(1, 2, 3))
    assert answer.answered.tolist() == [True, False, True] and np.isnan(answer.output[1]).all()
    assert [answer.prediction(row) for row in range(3)] == ["no", None, "no"]


@pytest.mark.parametrize("wrong", [
    {"quorum": 0}, {"quorum": 3}, {"deadline_seconds": 0}, {"fusion": "meen"}, {"record": "later"},
    {"fallback": Fallback("member", member="zz")}, {"fallback": Fallback("guess")},
    {"fallback": Fallback("constant", constant={"no": 0.5})}, {"fallback": Fallback("constant", constant=0.5)},
    {"fallback": Fallback("constant", constant={"no": 0.5, "yes": 0.6})},
    {"members": {"zz": MemberSettings()}}, {"weights": Weights("w", {"zz": 1.0})},
    {"weights": Weights("w", {"a": -1.0})}, {"weights": Weights("w", {"a": 0.0, "b": 0.0})},
])  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises((ConfigError, UnknownName)):
        runner(**wrong)


# -- the rest -------------------------------------------------------------------------------------------------------


def test_the_same_outputs_in_any_arrival_order_give_the_same_bits():
    shares = [0.1, 0.2, 0.3, 0.7]
    layout = three(*(Fake(name, 0) for name in "abcd"))
    seen = set()
    for order in itertools.permutations(range(4)):

        def member(index, order=order):
            def say(t):
                time.sleep(0.0005 * order[index])
                return np.array([[1 - shares[index], shares[index]]])

            return say

        one = runner({name: Fake(name, member(i)) for i, name in enumerate("abcd")}, layout, fusion="weighted_mean",
                     weights=Weights("w1", {"a": 0.1, "b": 0.7, "c": 1.3}))  # fmt: skip
        answer = one.answer(request())
        seen.add(answer.output.tobytes())
        assert answer.weight_version == "w1"
        one.close()
    assert len(seen) == 1


def test_weights_move_between_requests_and_are_named_in_the_record():
    kept = []
    one = runner(fusion="weighted_mean", kept=kept)
    version = one.version
    one.set_weights(Weights("w2", {"a": 0.0, "b": 2.0}))
    assert one.answer(request()).output.tolist() == [[0.25, 0.75]]
    assert kept[0].rows["weight_version"].to_pylist() == ["w2"] and one.version == version


@pytest.mark.parametrize(("cutoff", "says"), [(None, "no"), (0.2, "yes"), (0.25, "yes"), (0.3, "no")])
def test_the_cutoff_decides_the_class(cutoff, says):
    same = {"a": Fake("a", 0.25), "b": Fake("b", 0.25)}
    assert runner(same, cutoff=cutoff).answer(request()).prediction(0) == says


def test_an_ensemble_is_a_member_of_another():
    kept = []
    inner = runner({"a": Fake("a", 0.25), "b": Fake("b", RuntimeError())}, kept=kept)
    outer = runner({"a": inner, "b": Fake("b", 0.75)}, name="outer")
    answer = outer.answer(request(1, 2))
    assert answer.output[:, 1].tolist() == [0.5, 0.5] and kept == []
    assert answer.calls[0].version == inner.version


def test_a_nested_ensemble_below_quorum_is_a_failed_member():
    inner = runner({"a": Fake("a", RuntimeError()), "b": Fake("b", RuntimeError())})
    answer = runner({"a": inner, "b": Fake("b", 0.75)}, name="outer").answer(request())
    assert answer.missing == {"a": "failed"}


def test_one_member_alone():
    one = runner({"a": Fake("a", 0.25), "b": Fake("b", RuntimeError())}, deadline_seconds=0.1)
    assert one.answer_member("a", request()).output.tolist() == [[0.75, 0.25]]
    with pytest.raises(Unavailable):
        one.answer_member("b", request())
    with pytest.raises(UnknownName):
        one.answer_member("zz", request())
    gate = threading.Event()
    slow = runner({"a": Fake("a", lambda t: gate.wait(3)), "b": Fake("b", 0.5)}, deadline_seconds=0.05)
    with pytest.raises(DeadlineExceeded):
        slow.answer_member("a", request())
    gate.set()


def test_no_rows_ask_no_member_and_too_many_are_refused():
    one = runner(max_rows=2)
    empty = PredictRequest(features_table(LAYOUT, {}, 0))
    assert one.answer(empty).rows == 0 and one.members["a"].calls == 0
    with pytest.raises(TooLarge):
        one.answer(request(1, 2, 3))


def test_a_regression_is_fused_as_numbers():
    one = regression()
    table = features_table(one.layout, {"u": [1, 2], "v": [10, None]}, 2)
    answer = one.answer(PredictRequest(table))
    assert answer.output[0] == 11.0 and answer.answered.tolist() == [True, False]
    assert answer.prediction(0) == 11.0 and answer.prediction(1) is None


def test_answers_come_from_many_threads_at_once():
    one = runner()
    wrong = []

    def ask():
        for _ in range(50):
            answer = one.answer(request())
            if answer.output.tolist() != [[0.5, 0.5]] or answer.degraded:
                wrong.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and one.threads <= 8


def test_warming_asks_everybody_once_and_counts_nowhere():
    kept = []
    broken = Fake("b", RuntimeError("no missing values"))
    one = runner({"a": Fake("a", 0.25), "b": broken}, kept=kept)
    assert one.warm() == 2 and kept == []
    assert (one.members["a"].calls, broken.calls) == (1, 1)
    gate = threading.Event()
    one = runner({"a": Fake("a", 0.25), "b": Fake("b", lambda t: gate.wait(30))})
    assert one.warm(0.2) == 1
    gate.set()
    one.close()
