"""Reports over a made-up year: every form opens, says the same numbers, and no name can do harm."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest
from pypdf import PdfReader

import choirmaster as cm
from choirmaster.records import VALUE_SCHEMA
from choirmaster.reports import content, content_from_values, render_csv, render_html, render_json, render_pdf
from choirmaster.reports.words import cell_text
from choirmaster.values import VALUE_COLUMNS
from tests.entrances.dashboard.fake import FakeQueries

EVIL = "<b>&amp;<script>x</script>\u202e\u0645\u0631\u062d\u0628\u0627"
ARGUMENTS = {"made_at": "2013-06-02T06:00:00Z", "versions": {"choirmaster": "0.1.0"}, "configuration": "9f2c11ab"}


@pytest.fixture(scope="module")
def year():
    return content(FakeQueries(days=151), "delays", **ARGUMENTS)


@pytest.fixture(scope="module")
def pdf_text(year):
    return squeezed("\n".join(page.extract_text() for page in PdfReader(io.BytesIO(render_pdf(year))).pages))


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def cells(report):
    for section in report.sections:
        for table in section.tables:
            for row in table.rows:
                for col in table.columns:
                    yield col, row[col.key]


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def test_summary_says_what_happened_in_plain_words(year):
    said = " ".join(year.summary)
    assert "2013-01-01 05:00 to 2013-06-01" in said
    assert "in 5 of 5 months" in said
    assert "chosen cutoff 0.2871" in said
    assert "moved most is temp" in said
    assert "4 alerts, 2 of them firing" in said
    labels = [row for section in year.sections for t in section.tables for row in t.rows if "open" in row]
    assert labels[0] == {"period": "2013-01", "n": 27004, "labelled": 26964, "open": 40,
                         "share": 26964 / 27004, "rate": pytest.approx(0.225)}  # fmt: skip


def test_rows_without_a_label_are_counted_and_not_taken_as_zero(year):
    assert re.search(r"[\d,]+ have none and stand in no quality number", year.summary[0])


def test_the_pdf_has_every_section_and_every_number(year, pdf_text):
    for section in year.sections:
        assert squeezed(section.title) in pdf_text
    for sentence in year.summary:
        assert squeezed(sentence) in pdf_text
    missing = [
        text for col, cell in cells(year) for text in cell_text(col.kind, cell)[:1] if squeezed(text) not in pdf_text
    ]
    assert missing == []


def test_the_pdf_numbers_its_pages_and_carries_its_fonts(year):
    reader = PdfReader(io.BytesIO(render_pdf(year)))
    total = len(reader.pages)
    assert total >= 4
    used = set()
    for number, page in enumerate(reader.pages, start=1):
        text = page.extract_text(
            visitor_text=lambda text, _, __, font, ___: used.add(font["/BaseFont"]) if text.strip() and font else None
        )
        assert f"page {number} of {total}" in text
    assert used
    assert all(re.fullmatch(r"/[A-Z]{6}\+BitstreamVeraSans-(Roman|Bold)", name) for name in used), used


def test_the_same_content_gives_the_same_bytes(year):
    assert render_pdf(year) == render_pdf(year)


def test_the_html_holds_everything_and_reaches_for_nothing(year):
    text = render_html(year)
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "form", "a"} & {tag for tag, _ in page.tags}
    for tag, attrs in page.tags:
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in {"src", "href", "xlink:href", "style"}, (tag, name, value)
    assert not re.search(r"https?://|url\(|@import", text)
    shown = " ".join(page.texts)
    assert [t for col, cell in cells(year) for t in cell_text(col.kind, cell) if t not in shown] == []
    charts = sum(len(section.charts) for section in year.sections)
    assert charts == len([tag for tag, _ in page.tags if tag == "svg"]) > 5
    assert len(text) < 1_500_000


def test_the_csv_file_has_the_tidy_rows(year):
    rows = list(csv.reader(io.StringIO(render_csv(year))))
    assert tuple(rows[0]) == VALUE_COLUMNS
    assert len(rows) - 1 == len(year.values)
    first = dict(zip(VALUE_COLUMNS, rows[1], strict=True))
    assert float(first["value"]) == year.values[0]["value"]
    undefined = [row for row in rows[1:] if row[VALUE_COLUMNS.index("reason")]]
    assert undefined
    assert {row[VALUE_COLUMNS.index("value")] for row in undefined} == {""}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\t=1"])
def test_a_text_that_looks_like_a_formula_stays_a_text_and_numbers_stay_numbers(year, text):
    row = {**year.values[0], "series": text, "value": -0.25}
    written = next(csv.DictReader(io.StringIO(render_csv(replace(year, values=(row,))))))
    assert written["series"].startswith("'")
    assert written["value"] == "-0.25"


def test_the_json_form_holds_the_summary_and_the_rows(year):
    plain = json.loads(render_json(year))
    assert plain["summary"] == list(year.summary)
    assert plain["values"]["columns"] == list(VALUE_COLUMNS)
    assert len(plain["values"]["rows"]) == len(year.values)
    assert plain["facts"] == {"choirmaster": "0.1.0", "configuration": "9f2c11ab", "reference": "ref-5f0c2a91"}


@pytest.mark.parametrize("place", ["name", "member", "feature"])
def test_markup_and_right_to_left_names_do_no_harm(place):
    name = EVIL if place == "name" else "delays"
    report = content(FakeQueries(days=35, **{place: EVIL}), name)
    page = Page(render_html(report))
    assert "script" not in {tag for tag, _ in page.tags}
    assert "\u202e" not in "".join(page.texts)
    assert "<b>&amp;<script>x</script>\\u202e\u0645\u0631" in "".join(page.texts)
    text = squeezed("".join(one.extract_text() for one in PdfReader(io.BytesIO(render_pdf(report))).pages))
    assert squeezed("<b>&amp;<script>x</script>\\u202e\\u0645\\u0631") in text


def test_a_span_keeps_only_its_windows_and_months():
    report = content(FakeQueries(days=151), "delays", start="2013-03-01T00:00:00Z", end="2013-05-01T00:00:00Z")
    assert (report.start[:10], report.end[:10]) == ("2013-03-01", "2013-05-01")
    months = {row["period"] for section in report.sections for t in section.tables for row in t.rows if "open" in row}
    assert months == {"2013-03", "2013-04"}
    assert {row["window_start"][:7] for row in report.values} == {"2013-03", "2013-04"}


def test_a_year_is_kept_small():
    report = content(FakeQueries(), "delays")
    assert len(render_pdf(report)) < 600_000
    assert len(render_html(report)) < 1_500_000


def table_of(rows):
    for row in rows:
        for name in ("window_start", "window_end"):
            row[name] = datetime.fromisoformat(row[name]) if row[name] else None
    return pa.Table.from_pylist(rows, schema=VALUE_SCHEMA)


def test_a_table_of_values_is_enough():
    queries = FakeQueries(days=9)
    values = table_of(queries.metrics(ensemble="delays"))
    report = content_from_values(
        values,
        queries.alerts(),
        {"task": "binary", "cutoff": 0.3, "notes": ["3 rows refused: no time"]},
        title="my data",
    )
    assert report.title == "my data"
    assert report.ensemble == "delays"
    assert any(section.title.startswith("By window") for section in report.sections)
    assert any("of 8 windows" in sentence for sentence in report.summary)
    text = render_html(report)
    assert "0.3000" in text
    assert "3 rows refused: no time" in text
    assert render_pdf(report).startswith(b"%PDF-")


def test_what_is_read_off_states_stands_in_sections_of_its_own(year):
    found = {section.title: section for section in year.sections}
    calibration = found["Calibration"]
    assert [len(table.rows) for table in calibration.tables] == [10]
    (curve,) = calibration.charts
    shown = [row["fused.share"]["value"] for row in calibration.tables[0].rows]
    assert list(curve.lines[0].value) == shown
    assert list(curve.lines[0].places) == [row["fused.score"] for row in calibration.tables[0].rows]
    weakest, gaps = found["Segments"].tables
    assert [row["segment"] for row in weakest.rows] == ["carrier OO", "carrier AA", "carrier missing"]
    assert {row["segment"] for row in gaps.rows} == {"carrier", "origin"}
    assert "1 of those listed are worse beyond chance" in found["Segments"].sentences[0]
    assert found["Versions of members"].tables[0].rows[0]["pair"] == "v1 to v2"
    drift = found["Features against the reference"].tables[0]
    assert {"psi.newest", "ks.largest"} <= {col.key for col in drift.columns}


def test_nothing_is_shown_that_has_no_value():
    report = content(FakeQueries(days=0), "delays")
    titles = [section.title for section in report.sections]
    assert titles == ["Alerts", "Methods and definitions", "What was measured"]


def frame_result():
    rng = np.random.default_rng(5)
    n = 2000
    y = (rng.random(n) < 0.4).astype(int)
    rows = {
        "time": np.datetime64("2026-01-01T00:00:00") + 600 * np.arange(n),
        "y": y,
        "x": rng.normal(y, 1.0),
        "place": rng.choice(["north", "south"], n),
        "money": rng.gamma(2.0, 10.0, n),
        "built": np.where(np.arange(n) % 2, "v1", "v2"),
    }
    rows |= {name: np.clip(0.3 + 0.3 * y + rng.normal(0, 0.15, n), 0.01, 0.99) for name in ("p", "q")}
    schema = cm.Schema("binary", label="y", positive=1, members={"p": {"columns": "p", "version": "built"}, "q": "q"},
                       fusion="mean", time="time", segments=["place"], value="money",
                       costs={"1": {"0": 5}, "0": {"1": 1}})  # fmt: skip
    return cm.monitor(pa.table(rows), reference="first 30%", schema=schema, window="1d")


def test_a_measured_frame_has_every_section(tmp_path):
    result = frame_result()
    result.to_html(tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    titles = ["Quality over time", "Calibration", "Segments", "Versions of members", "Value and cost",
              "Members together", "Features against the reference", "Scores and labels against the reference",
              "Data quality"]  # fmt: skip
    assert [one for one in titles if f"<h2>{one}</h2>" not in text] == []
    assert f"{result.fairness('place')['gaps'][0]['difference']:.4f}" in text
    assert "place south" in text
    assert len(text) < 400_000


def test_values_without_time_or_rows_still_make_a_report():
    queries = FakeQueries(days=1)
    rows = [{**row, "window_start": "", "window_end": ""} for row in queries.metrics(ensemble="delays")]
    for values in (table_of(rows), VALUE_SCHEMA.empty_table()):
        report = content_from_values(values, [], {})
        assert "No alert." in report.summary
        assert render_pdf(report).startswith(b"%PDF-")
        assert "Methods and definitions" in render_html(report)
        assert json.loads(render_json(report))["sections"]


def test_many_members_and_long_names_fit_on_the_page():
    queries = FakeQueries(days=6)
    extra = [f"a_member_with_a_rather_long_name_{number}" for number in range(14)]
    rows = queries.metrics(ensemble="delays")
    rows += [{**row, "series": name} for name in extra for row in rows if row["series"] == "boost"]
    report = content_from_values(table_of(rows), [], {"positive": "x" * 3000})
    text = squeezed("".join(one.extract_text() for one in PdfReader(io.BytesIO(render_pdf(report))).pages))
    assert all(name in text for name in extra)


def test_drift_is_listed_by_the_measures_there_are(tmp_path):
    rng = np.random.default_rng(3)
    time = np.datetime64("2026-01-01T00:00:00.000000") + np.arange(600) * np.timedelta64(1, "h")
    rows = {"y": rng.integers(0, 2, 600), "p": rng.uniform(size=600), "x": rng.normal(size=600), "t": time}
    schema = cm.Schema("binary", label="y", prediction="p", numeric=["x"], time="t")

    def page(metrics) -> str:
        result = cm.monitor(rows, reference=rows, schema=schema, window="1w", metrics=metrics)
        result.to_html(tmp_path / "page.html")
        return (tmp_path / "page.html").read_text(encoding="utf-8")

    some = page(["psi", "hellinger", "score_ks", "score_hellinger", "label_psi"])
    for words in (
        "Hellinger distance, largest",
        "Score, KS, largest",
        "Score, Hellinger distance, largest",
        "Label, PSI, largest",
    ):
        assert words in some
    assert "JS, largest" not in some
    every = page("all")
    assert "Wasserstein, sd, largest" in every
    assert "Score, JS, largest" not in every  # two measures of each side are enough


def test_all_features_together_have_a_section_where_they_were_measured(tmp_path):
    rng = np.random.default_rng(4)
    time = np.datetime64("2026-01-01T00:00:00.000000") + np.arange(600) * np.timedelta64(1, "h")
    x = rng.normal(size=600)
    rows = {"y": rng.integers(0, 2, 600), "p": rng.uniform(size=600), "a": x, "b": x + rng.normal(size=600), "t": time}
    schema = cm.Schema("binary", label="y", prediction="p", numeric=["a", "b"], time="t")
    for metrics, shown in ((["psi"], False), (["psi", "reconstruction_shift", "domain_classifier_auc"], True)):
        result = cm.monitor(rows, reference=rows, schema=schema, window="1w", metrics=metrics)
        result.to_html(tmp_path / "page.html")
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert ("All features together" in page) == shown
        assert ("Shift of the reconstruction error" in page) == shown
        result.to_pdf(tmp_path / "page.pdf")
