"""The current label follows from the set of events alone, whatever their order (D5)."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.stores.sql.rank import label_rank
from tests.backends.events import LAYOUT, NOON, NUMBERS, Line, ids, labels, predictions

EVENT = st.tuples(
    st.sampled_from(["a", "b", "c", "never"]),
    st.sampled_from(["late", "ontime", None]),
    st.integers(NOON, NOON + 3),
    st.sampled_from([None, "", "desk", "feed"]),
    st.sampled_from([None, 0, 1, 2]),
)


def winner(events, identity):
    """What D5 says, in plain Python."""
    mine = [(e[4] or 0, e[2], (e[3] or "").encode(), b"" if e[1] is None else b"\1" + e[1].encode(), e[1])
            for e in events if e[0] == identity]  # fmt: skip
    return max(mine, key=lambda one: one[:4])[4] if mine else None


@settings(max_examples=25)
@given(st.lists(EVENT, max_size=12), st.integers(0, 2**32), st.integers(1, 4))
def test_any_order_any_split_before_or_after_the_prediction(tmp_path_factory, events, seed, cuts):
    store = EmbeddedStore(tmp_path_factory.mktemp("store"))
    try:
        store.open_ensemble("delays", LAYOUT)
        line, rng = Line(), random.Random(seed)
        batches = [predictions(["a"]), predictions(["b", "c"])]
        shuffled = rng.sample(events * 2, len(events) * 2)  # each event twice
        batches += [
            labels(shuffled[start::cuts], ensemble=rng.choice(["delays", "*"]) if cuts > 2 else "delays")
            for start in range(cuts)
        ]
        rng.shuffle(batches)
        states = {}
        for batch in batches:
            store.write_parts([line.part(batch)])
            if rng.random() < 0.5:
                measure(store, states)
        want = {one: winner(events, one) for one in "abc"}
        assert {row["id"]: row["label"] for row in store.rows("delays", columns=["id", "label"]).to_pylist()} == want
        measure(store, states)
        assert states == want
        assert store.pending("delays").empty
    finally:
        store.close()


def measure(store, states):
    """Do as the monitor does: take what is pending in, subtract what changed, give it back."""
    pending = store.pending("delays")
    for row in pending.predictions.to_pylist():
        assert row["id"] not in states
        states[row["id"]] = row["label"]
    for row in pending.changes.to_pylist():
        assert states[row["id"]] == row["label_before"]
        assert row["label"] != row["label_before"]
        states[row["id"]] = row["label"]
    store.commit(pending, [])


def test_duplicates_are_counted_with_and_without_known_at(store, line):
    store.write_parts([line.part(predictions(ids(4)))])
    event = ("f1", "late", NOON, "desk", 1)
    outcomes = store.write_parts([line.part(labels([event, event])), line.part(labels([event]))])
    assert [(one.accepted, one.duplicate) for one in outcomes] == [(1, 1), (0, 1)]
    again = [line.part(labels([("f2", "late")]), at=NOON + place) for place in range(3)]
    assert [(one.accepted, one.duplicate) for one in store.write_parts(again)] == [(1, 0), (0, 1), (0, 1)]


def test_bad_labels_are_refused_and_the_rest_kept(store, line):
    rows = [("f1", "late"), (None, "late"), ("f2", "purple"), ("f3", "ontime")]
    outcome = store.write_parts([line.part(labels(rows))])[0]
    assert (outcome.accepted, outcome.refused) == (2, 2)
    assert outcome.reasons == {"missing_id": 1, "unknown_class": 1}


def test_labels_of_every_ensemble_wait_until_one_scores_the_id(store, line):
    store.open_ensemble("hours", NUMBERS)
    store.write_parts(
        [line.part(predictions(["a"])), line.part(labels([("a", "late", NOON), ("n", "2.5", NOON)], ensemble="*"))]
    )
    store.write_parts([line.part(predictions(["n", "a"], layout=NUMBERS, ensemble="hours"))])
    assert {row["id"]: row["label"] for row in store.rows("delays").to_pylist()} == {"a": "late"}
    found = {row["id"]: row["label"] for row in store.rows("hours").to_pylist()}
    assert found == {"n": 2.5, "a": None}  # "late" is no number


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ((0, 9, "z", "z"), (1, 0, "", None)),
        ((-1, 0, "", ""), (0, 0, "", "")),
        ((0, -5, "", ""), (0, 5, "", "")),
        ((0, 5, "a", "z"), (0, 5, "a\x00", "")),
        ((0, 5, "a\x00", "z"), (0, 5, "ab", "")),
        ((0, 5, "a", None), (0, 5, "a", "")),
    ],
)
def test_order_keys_sort_as_the_tuple(less, more):
    assert label_rank(*less) < label_rank(*more)
