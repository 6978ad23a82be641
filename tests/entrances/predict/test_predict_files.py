"""Files answered row by row: every kind in and out, bad rows put aside, cut runs gone on with, memory bounded."""

from __future__ import annotations

import itertools
import json
import threading

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from choirmaster.app import answering
from choirmaster.app.answering import Asking, Direct, Served, ask, predict_file
from choirmaster.app.answering_rows import AskedRows, Taken
from choirmaster.client import Client
from choirmaster.errors import AccessError, ConfigError, RequestError, SchemaError, Unavailable
from choirmaster.http.app import build_app
from choirmaster.http.settings import AccessSettings
from tests.entrances.http.kit import Clock, Fake, runner, served, services

FREE = AccessSettings(listen="127.0.0.1:0")


def by_x(features):
    late = np.nan_to_num(np.asarray(features["x"], float), nan=0.5)
    return np.column_stack([1.0 - late, late])


def members():
    return {"a": Fake("a", by_x), "b": Fake("b", by_x)}


@pytest.fixture
def way():
    one = runner(members())
    yield Direct(one, Clock().now)
    one.close()


def silent(*_):
    """Show nothing."""


def rows_of(path):
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".csv":
        return pyarrow.csv.read_csv(
            path, convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True)
        ).to_pylist()
    return [json.loads(line) for line in path.read_text().splitlines()]


def good(count):
    return [{"id": f"r{n}", "x": n / count, "c": "u", "shop": "s"} for n in range(count)]


def written(folder, kind, records):
    path = folder / f"rows.{kind}"
    table = pa.Table.from_pylist(records)
    if kind == "csv":
        pyarrow.csv.write_csv(table, path)
    elif kind == "parquet":
        pq.write_table(table, path)
    else:
        path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


KINDS = ("csv", "jsonl", "parquet")


@pytest.mark.parametrize(("into", "out"), [(one, other) for one in KINDS for other in KINDS])
def test_every_kind_in_and_out(way, tmp_path, into, out):
    data, target = written(tmp_path, into, good(7)), tmp_path / f"answers.{out}"
    counts = predict_file(way, "delays", str(data), target, Asking(rows=3, in_flight=2), silent)
    assert counts | {"seconds": 0} == {
        "file": str(target), "rows": 7, "answered": 7, "unanswered": 0, "degraded": 0, "rejected": 0, "rejects": None,
        "resumed": False, "seconds": 0,
    }  # fmt: skip
    found = rows_of(target)
    assert [one["id"] for one in found] == [f"r{n}" for n in range(7)]
    assert [one["prediction"] for one in found] == ["no"] * 4 + ["yes"] * 3
    assert np.allclose([one["p_yes"] for one in found], [n / 7 for n in range(7)])
    assert {one.name for one in tmp_path.iterdir()} == {data.name, target.name}


def test_a_server_and_the_members_here_say_the_same(way, tmp_path):
    data = written(tmp_path, "csv", good(11))
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    kept = []
    app = build_app(services(runners={"delays": runner(members(), kept=kept)}), FREE)
    with served(app, FREE) as (_, url), Client(url) as client:
        predict_file(Served(client, "delays"), "delays", str(data), there, Asking(rows=4), silent)
    predict_file(way, "delays", str(data), here, Asking(rows=4), silent)
    assert here.read_bytes() == there.read_bytes()
    tags = [one for batch in kept for one in batch.rows["tag.shop"].to_pylist()]
    assert tags == ["s"] * 11


CSV = """\
id,x,c,time
ok,0.25,u,2013-04-22T00:00:00Z
word,zero,u,2013-04-22T00:00:00Z
wide,0.5,u,2013-04-22T00:00:00Z,what
none,,u,
,0.5,,
noon,0.5,u,noon
{long},0.5,u,
"""


def test_what_cannot_be_asked_is_put_aside_with_its_reason(way, tmp_path):
    data, out = tmp_path / "rows.csv", tmp_path / "out.jsonl"
    data.write_text(CSV.format(long="x" * 300))
    counts = predict_file(way, "delays", str(data), out, Asking(), silent)
    assert (counts["rows"], counts["answered"], counts["rejected"]) == (6, 3, 4)
    aside = [json.loads(line) for line in (tmp_path / "out.jsonl.rejects.jsonl").read_text().splitlines()]
    assert (
        aside[0]["line"].startswith("line 4 of rows.csv with 5 cells") and "wrong number of cells" in aside[0]["reason"]
    )
    assert [(one["row"], one["id"]) for one in aside[1:3]] == [(1, "word"), (4, "noon")]
    assert aside[1]["reason"] == 'column "x": expected a number, got "zero"'
    assert "ISO 8601" in aside[2]["reason"] and "printable" in aside[3]["reason"]
    found = rows_of(out)
    assert [one["id"] for one in found][:2] == ["ok", "none"] and found[2]["id"].endswith("/3")


def test_lines_that_are_no_json(way, tmp_path):
    data, out = tmp_path / "rows.jsonl", tmp_path / "out.csv"
    data.write_text('{"x": 1, "c": "u"}\nnot json\n[1]\n{"x": {"a": 1}, "c": "u"}\n{"x": "0.5", "c": 7}\n')
    counts = predict_file(way, "delays", str(data), out, Asking(), silent)
    assert (counts["answered"], counts["rejected"]) == (2, 3)
    assert [one["p_yes"] for one in rows_of(out)] == [1.0, 0.5]


def test_the_same_file_gives_the_same_ids(way, tmp_path):
    records = [{"x": n / 5, "c": "u"} for n in range(5)]
    data = written(tmp_path, "csv", records)
    found = []
    for size in (2, 5):
        out = tmp_path / f"{size}.csv"
        predict_file(way, "delays", str(data), out, Asking(rows=size), silent)
        found.append([one["id"] for one in rows_of(out)])
    assert found[0] == found[1] and len(set(found[0])) == 5
    other = written(tmp_path / "..", "csv", [*records, {"x": 0.0, "c": "v"}])
    assert AskedRows(str(other), way.taken).head != found[0][0].split("/")[0]
    other.unlink()


# -- cut off and gone on with -----------------------------------------------------------------------------------------


class Cut:
    """Asks, and is cut off at one request."""

    def __init__(self, way, at):
        self.taken, self.asked, self._way, self._left = way.taken, [], way, at

    def __call__(self, table):
        if self._left == 0:
            raise Unavailable("gone")
        self._left -= 1
        self.asked += table["_id"].to_pylist()
        return self._way(table)

    def alive(self):
        return False


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("at", range(5))
def test_a_cut_run_is_gone_on_with_and_nothing_is_missing_or_twice(way, tmp_path, kind, at):
    data, out = tmp_path / "rows.csv", tmp_path / f"out.{kind}"
    lines = [f"r{n},{'word' if n % 7 == 3 else n / 20},u" + (",more" if n % 5 == 4 else "") for n in range(20)]
    data.write_text("\n".join(["id,x,c", *lines]) + "\n")
    whole = tmp_path / f"whole.{kind}"
    once = predict_file(way, "delays", str(data), whole, Asking(rows=3), silent)
    cut = Cut(way, at)
    with pytest.raises(Unavailable):
        predict_file(cut, "delays", str(data), out, Asking(rows=3, in_flight=1), silent)
    assert not out.exists()
    rest = Cut(way, 99)
    again = predict_file(rest, "delays", str(data), out, Asking(rows=3, resume=True), silent)
    assert again["resumed"] is (at > 0)
    assert out.read_bytes() == whole.read_bytes()
    aside = [sorted((tmp_path / f"{name}.{kind}.rejects.jsonl").read_text().splitlines()) for name in ("whole", "out")]
    assert aside[0] == aside[1] and len(set(aside[0])) == len(aside[0])
    same = ("rows", "answered", "unanswered", "degraded", "rejected")
    assert [again[one] for one in same] == [once[one] for one in same]
    assert not set(cut.asked) & set(rest.asked)
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob("*.progress.json"))


def test_another_question_is_not_gone_on_with(way, tmp_path):
    data, out = written(tmp_path, "csv", good(9)), tmp_path / "out.csv"
    with pytest.raises(Unavailable):
        predict_file(Cut(way, 2), "delays", str(data), out, Asking(rows=3, in_flight=1), silent)
    counts = predict_file(way, "delays", str(data), out, Asking(rows=2, resume=True), silent)
    assert counts["resumed"] is False and counts["rows"] == 9


def test_parquet_starts_again(way, tmp_path):
    data, out = written(tmp_path, "csv", good(9)), tmp_path / "out.parquet"
    with pytest.raises(Unavailable):
        predict_file(Cut(way, 2), "delays", str(data), out, Asking(rows=3, in_flight=1), silent)
    assert predict_file(way, "delays", str(data), out, Asking(rows=3, resume=True), silent)["resumed"] is False
    assert len(rows_of(out)) == 9


# -- refused together, asked in halves --------------------------------------------------------------------------------


class Picky:
    """Refuses tables that hold certain rows, or too many rows."""

    def __init__(self, error, bad=(), most=99, alive=True):
        self.error, self.bad, self.most, self.live, self.calls = error, set(bad), most, alive, 0

    def __call__(self, table):
        self.calls += 1
        names = table["_id"].to_pylist()
        if self.bad & set(names) or len(names) > self.most:
            raise self.error
        return names

    def alive(self):
        return self.live


TABLE = pa.table({"_id": [f"{n}" for n in range(16)]})


def test_one_bad_row_does_not_take_the_others_with_it():
    way = Picky(RequestError("no"), bad={"3", "11"})
    answers, refused = ask(way, TABLE, range(100, 116))
    assert answers == [f"{n}" for n in range(16) if n not in {3, 11}]
    assert [(one.row, one.id, one.reason) for one in refused] == [(103, "3", "no"), (111, "11", "no")]


def test_too_many_rows_at_once_are_fewer():
    way = Picky(Unavailable("late"), most=4)
    assert ask(way, TABLE, range(16)) == ([f"{n}" for n in range(16)], [])


@pytest.mark.parametrize("way", [Picky(Unavailable("gone"), most=0, alive=False), Picky(AccessError("who"), most=0)])
def test_a_server_that_is_away_or_refuses_the_caller_ends_it(way):
    with pytest.raises((Unavailable, AccessError)):
        ask(way, TABLE, range(16))
    assert way.calls == 1


# -- settings, and the memory -----------------------------------------------------------------------------------------


def test_features_that_are_not_there(way, tmp_path):
    data = written(tmp_path, "csv", [{"x": 1.0}])
    with pytest.raises(SchemaError, match="lacks columns"):
        predict_file(way, "delays", str(data), tmp_path / "o.csv", Asking(), silent)


@pytest.mark.parametrize("asking", [Asking(rows=0), Asking(rows=10_001), Asking(in_flight=0), Asking(in_flight=65)])
def test_bounds(way, tmp_path, asking):
    data = written(tmp_path, "csv", good(1))
    with pytest.raises(ConfigError):
        predict_file(way, "delays", str(data), tmp_path / "o.csv", asking, silent)


def test_an_unknown_kind_of_answers(way, tmp_path):
    with pytest.raises(ConfigError, match="cannot write this kind"):
        predict_file(way, "delays", str(written(tmp_path, "csv", good(1))), tmp_path / "o.xlsx", Asking(), silent)


def test_what_is_read_before_it_is_answered_is_bounded(way, tmp_path):
    data = written(tmp_path, "csv", good(400))
    read, most, lock = itertools.count(), [0], threading.Lock()
    answered = itertools.count()
    counts = {"read": 0, "answered": 0}
    pieces = AskedRows.pieces

    def counted(self, size, *, after=-1):
        for piece in pieces(self, size, after=after):
            with lock:
                counts["read"] = next(read) + 1
                most[0] = max(most[0], counts["read"] - counts["answered"])
            yield piece

    class Slow:
        taken = way.taken

        def __call__(self, table):
            found = way(table)
            with lock:
                counts["answered"] = next(answered) + 1
            return found

        def alive(self):
            return True

    AskedRows.pieces = counted
    try:
        predict_file(Slow(), "delays", str(data), tmp_path / "o.csv", Asking(rows=5, in_flight=3), silent)
    finally:
        AskedRows.pieces = pieces
    assert counts == {"read": 80, "answered": 80} and most[0] <= 4


def test_metadata_and_layout_say_the_same():
    from tests.entrances.http.kit import LAYOUT, NUMERIC, browser

    ask_ = browser()
    for name, layout in (("delays", LAYOUT), ("amounts", NUMERIC)):
        assert Taken.of_metadata(ask_.get(f"/v2/models/{name}").json()) == Taken.of_layout(layout)


def test_nobody_waits_for_a_file():
    one = runner(members(), deadline_seconds=0.01).settings
    assert answering.patient(one).deadline_seconds == 600.0
