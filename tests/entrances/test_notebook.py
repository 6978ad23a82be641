"""A result in a notebook: what leads, what moved, what fired; small, and no address in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest

import choirmaster as cm
from choirmaster.api.notebook import summary

EVIL = '<img src=x onerror="x()">\u202e'


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.cells = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.cells.append(data)


def frame(columns: int, members: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    y = (rng.random(1500) < 0.4).astype(int)
    rows = {"time": np.datetime64("2026-01-01T00:00:00") + 600 * np.arange(1500), "y": y}
    rows |= {f"x{at}": rng.normal(at * seed, 1, 1500) for at in range(columns)}
    rows |= {f"m{at}": np.clip(0.3 + 0.3 * y + rng.normal(0, 0.2, 1500), 0.01, 0.99) for at in range(members)}
    return pa.table(rows)


def measured(columns: int = 8, members: int = 2, **more) -> cm.Result:
    schema = cm.Schema("binary", label="y", positive=1, time="time", fusion="mean",
                       members=[f"m{at}" for at in range(members)])  # fmt: skip
    return cm.monitor(frame(columns, members, 1), reference=frame(columns, members), schema=schema, **more)


@pytest.fixture(scope="module")
def shown() -> tuple[cm.Result, str]:
    result = measured(window="1w")
    return result, result._repr_html_()


def test_it_shows_the_newest_values_with_their_interval(shown):
    result, text = shown
    rows = [row for row in result.table.to_pylist() if row["metric"] == "roc_auc" and row["series"] == "fused"]
    last = max((row for row in rows if row["value"] is not None), key=lambda row: row["window_start"])
    told = f"{last['value']:.4f} ({last['lower']:.4f} to {last['upper']:.4f}; n {last['n']})"
    assert told in Page(text).cells
    assert f"newest window {last['window_start']:%Y-%m-%d}" in text


def test_it_shows_what_moved(shown):
    _, text = shown
    cells = Page(text).cells
    assert cells.index("x7") < cells.index("x3")  # x7 moved most
    assert "x0" not in cells
    assert "No alert." in cells


def test_it_shows_what_fired_the_firing_ones_first():
    alert = {"state": "resolved", "series": "fused", "metric": "psi", "value": 0.41234, "window_start": "2026-01-05"}
    fired = [alert | {"feature": f"x{at}", "since": f"2026-01-{at:02}"} for at in range(1, 21)]
    fired[2]["state"] = "firing"
    cells = Page(summary("r", [], fired, [], (), None)).cells
    assert "Alerts (20); 8 of 20 shown" in cells
    assert [one for one in cells if one.startswith("x")] == ["x3", "x20", "x19", "x18", "x17", "x16", "x15", "x14"]
    assert cells.count("0.4123 nats") == 8


def test_it_reaches_for_nothing_and_is_small():
    text = measured(columns=60, members=30, window="1d")._repr_html_()
    assert len(text.encode()) < 100_000
    assert not {"script", "link", "img", "iframe", "a", "form"} & {tag for tag, _ in Page(text).tags}
    assert not re.search(r"https?:|url\(|@import", text)
    assert "12 of 31 shown" in text


def test_names_do_no_harm():
    rows = {"y": [0, 1] * 40, "p": [0.2, 0.7] * 40, EVIL: list(range(80))}
    schema = cm.Schema("binary", label="y", prediction="p", features=[EVIL])
    text = cm.monitor(rows, reference=rows, schema=schema, window=None)._repr_html_()
    assert "img" not in {tag for tag, _ in Page(text).tags}
    assert "\\u202e" in text


def test_nothing_measured_is_shown_as_well():
    schema = cm.Schema("regression", label="y", prediction="p")
    text = cm.monitor({"y": [], "p": []}, schema=schema)._repr_html_()
    assert "Result: 0 rows" in text
