"""The order of the replay: no label before its time, none for a flight that never arrives, every flight once."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from choirmaster.demo import flights
from choirmaster.demo.replay import HOUR, Timetable
from choirmaster.demo.traffic import Replay
from choirmaster.errors import RequestError

SINGLES = 50


def seconds(instant: str) -> int:
    return int(datetime.fromisoformat(instant).timestamp())


@pytest.fixture(scope="module")
def march() -> pa.Table:
    return flights.replay(flights.load(), (3,))


@pytest.fixture(scope="module")
def steps(march: pa.Table):
    return list(Timetable(march, SINGLES).steps())


def test_steps_are_in_order_of_time(steps):
    instants = [step.at for step in steps]
    assert instants == sorted(instants)
    assert all(one % HOUR == 0 for one in instants)


def test_every_flight_is_asked_for_once_in_the_hour_it_is_planned_to_leave(march, steps):
    asked = [(row["_id"], step.at) for step in steps for row in step.flights]
    assert [one for one, _ in asked] == march["id"].to_pylist()
    assert len({one for one, _ in asked}) == march.num_rows
    assert all(step.at <= seconds(row["_time"]) < step.at + HOUR for step in steps for row in step.flights)


def test_labels_come_at_the_first_third_hour_after_the_arrival(steps):
    for step in steps:
        for label in step.labels:
            assert 0 <= step.at - seconds(label["known_at"]) < 3 * HOUR


def test_labels_are_those_of_the_flights_that_arrived(march, steps):
    arrived = {
        row["id"]: row["arr_delay"] > 15
        for row in march.select(["id", "arr_delay"]).to_pylist()
        if row["arr_delay"] is not None
    }
    labels = [label for step in steps for label in step.labels]
    assert {one["id"]: one["value"] == "late" for one in labels} == arrived
    assert len(labels) == len(arrived) < march.num_rows


def test_no_label_comes_before_its_flight_was_asked_for(steps):
    asked: set[str] = set()
    for step in steps:
        assert {label["id"] for label in step.labels} <= asked
        asked |= {row["_id"] for row in step.flights}


def test_the_last_flights_are_asked_for_one_by_one(steps):
    alone = [step for step in steps if step.one_by_one]
    assert sum(len(step.flights) for step in alone) == SINGLES
    assert not any(step.flights and not step.one_by_one for step in steps[steps.index(alone[0]) + 1 :])


class FakeServer:
    """Keeps what it is sent, in order."""

    def __init__(self, *, recorded: str = "queued", lose: int = 0) -> None:
        self.recorded, self.lose = recorded, lose
        self.seen: list[tuple[str, list[str]]] = []

    def predict(self, ensemble, rows):
        self.seen.append((f"predict {ensemble}", [row["_id"] for row in rows]))
        return [{"id": row["_id"], "recorded": self.recorded, "degraded": False} for row in rows]

    def log_labels(self, ensemble, rows):
        self.seen.append((f"labels {ensemble}", [row["id"] for row in rows]))
        return {"accepted": len(rows) - self.lose}


def small() -> pa.Table:
    """Two flights in one hour, the second never arrives; one flight three hours later."""
    start = 1362117600  # 2013-03-01 06:00 UTC
    instant = pa.timestamp("s", "UTC")
    columns = {name: [None] * 3 for name in flights.feature_names()}
    columns |= {name: ["x"] * 3 for name in flights.CATEGORIES}
    return pa.table(
        {
            "id": ["a", "b", "c"],
            "scheduled_departure": pa.array([start + 60, start + 120, start + 3 * HOUR], instant),
            "arrival": pa.array([start + HOUR + 1, None, start + 5 * HOUR], instant),
            "arr_delay": pa.array([20, None, 0], pa.int64()),
            "label": ["late", None, "ontime"],
            **columns,
        }
    )


def test_a_small_replay_by_hand():
    server = FakeServer()
    sent = Replay(server, lambda step, done: None).run(Timetable(small()).steps())
    assert server.seen == [
        ("predict delays", ["a", "b"]),
        ("labels delays", ["a"]),  # arrived at 07:00:01, so sent at 09:00
        ("predict delays", ["c"]),
        ("labels delays", ["c"]),
    ]
    assert (sent.predictions, sent.labels, sent.requests, sent.single_seconds) == (3, 2, 4, [])


def test_single_requests_are_timed():
    sent = Replay(FakeServer(), lambda step, done: None).run(Timetable(small(), singles=2).steps())
    assert (sent.predictions, len(sent.single_seconds)) == (3, 2)


def test_a_dropped_prediction_stops_the_replay():
    with pytest.raises(RequestError, match="2 dropped"):
        Replay(FakeServer(recorded="dropped"), lambda step, done: None).run(Timetable(small()).steps())


def test_a_refused_label_stops_the_replay():
    with pytest.raises(RequestError, match="did not keep every label"):
        Replay(FakeServer(lose=1), lambda step, done: None).run(Timetable(small()).steps())


def test_an_error_of_the_server_stops_the_replay():
    class Broken(FakeServer):
        def predict(self, ensemble, rows):
            raise RequestError("the server refused", got="status 500")

    with pytest.raises(RequestError, match="status 500"):
        Replay(Broken(), lambda step, done: None).run(Timetable(small()).steps())


def test_instants_are_written_in_utc(steps):
    first = steps[0].flights[0]["_time"]
    assert first == datetime.fromtimestamp(seconds(first), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
