"""``cm.monitor`` from end to end: every kind of rows, reference and window, against scikit-learn on the rows."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats
from sklearn import metrics as sk

import choirmaster as cm
from choirmaster.errors import DataError, SchemaError
from choirmaster.metrics.exact import OF_RANKED

N = 1200
DAYS = 60


def frame(seed: int = 3, n: int = N) -> pd.DataFrame:
    """Return rows over sixty days with string labels, missing and infinite values, and labels that have not arrived."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-x)), "late", "on time").astype(object)
    p = 1 / (1 + np.exp(-x + rng.normal(0, 0.5, n)))
    q = 1 / (1 + np.exp(-x + rng.normal(0, 1.0, n)))
    x[::50], x[7::100] = np.nan, np.inf
    y[::40], p[::60] = None, np.nan
    start = dt.datetime(2026, 1, 1)  # a Thursday
    times = [start + dt.timedelta(minutes=at * DAYS * 24 * 60 // n) for at in range(n)]
    rules = np.where(q > 0.5, "late", "on time")
    return pd.DataFrame({"ts": times, "id": [f"r{at}" for at in range(n)], "x": x, "place": rng.choice(["A", "B"], n),
                         "y": y, "p": p, "q": q, "rules": rules})  # fmt: skip


DATA = frame()
SCHEMA = cm.Schema("binary", label="y", positive="late", classes=["late", "on time"], members={"p": "p", "q": "q"},
                   fusion="mean", time="ts", id="id", features=["x"])  # fmt: skip
BLOCKS = {"log_loss", "roc_auc", "brier", "accuracy", "f1", "precision", "recall"}


def values(result: cm.Result, **where: str) -> dict[tuple[str, str, str], dict]:
    wished = {"segment": "", **where}
    return {(one["metric"], one["series"], one["window_start"].isoformat()): one for one in result.table.to_pylist()
            if all(one[key] == value for key, value in wished.items())}  # fmt: skip


def by_sklearn(rows: pd.DataFrame, column: str) -> dict[str, float]:
    """Return each metric of the labelled rows that have an answer."""
    used = rows[rows.y.notna() & rows[column].notna()]
    y, p = (used.y == "late").to_numpy(), used[column].to_numpy()
    decided = p >= 0.5
    return {
        "accuracy": sk.accuracy_score(y, decided), "precision": sk.precision_score(y, decided),
        "recall": sk.recall_score(y, decided), "f1": sk.f1_score(y, decided), "roc_auc": sk.roc_auc_score(y, p),
        "log_loss": sk.log_loss(y, p), "brier": sk.brier_score_loss(y, p),
        "average_precision": sk.average_precision_score(y, p),
    }  # fmt: skip


def equal_to_sklearn(result: cm.Result, windows: dict[str, pd.DataFrame], resolution: float = 0.0) -> None:
    found = values(result)
    assert {start for _, series, start in found if series == "p"} == set(windows)
    for start, rows in windows.items():
        fused = rows.assign(fused=rows[["p", "q"]].mean(axis=1))
        for series in ("p", "q", "fused"):
            for metric, expected in by_sklearn(fused, series).items():
                one = found[metric, series, start]
                slack = one["resolution"] if metric in ("roc_auc", "average_precision") else 0.0
                assert slack <= resolution
                assert one["value"] == pytest.approx(expected, abs=1e-9 + slack), (metric, series, start)
                assert one["lower"] <= one["value"] <= one["upper"]


def days(rows: pd.DataFrame, starts: pd.Series) -> dict[str, pd.DataFrame]:
    return {start.tz_localize("UTC").isoformat(): some for start, some in rows.groupby(starts)}


KINDS = {
    "pandas": lambda data, _: data,
    "polars": lambda data, _: pl.from_pandas(data),
    "lazy": lambda data, _: pl.from_pandas(data).lazy(),
    "arrow": lambda data, _: pa.Table.from_pandas(data, preserve_index=False),
    "records": lambda data, _: pa.Table.from_pandas(data, preserve_index=False).to_pylist(),
    "columns": lambda data, _: {name: data[name].tolist() for name in data},
    "csv": lambda data, folder: written(data, folder / "a.csv"),
    "csv.gz": lambda data, folder: written(data, folder / "a.csv.gz"),
    "jsonl": lambda data, folder: written(data, folder / "a.jsonl"),
    "parquet": lambda data, folder: written(data, folder / "a.parquet"),
    "glob": lambda data, folder: (
        [written(part, folder / f"part-{at}.parquet") for at, part in enumerate(halves(data))]
        and str(folder / "part-*.parquet")
    ),
    "csv glob": lambda data, folder: (
        [written(part, folder / f"part-{at}.csv") for at, part in enumerate(halves(data))]
        and str(folder / "part-*.csv")
    ),
}


def halves(data: pd.DataFrame) -> list[pd.DataFrame]:
    return [data.iloc[: N // 2], data.iloc[N // 2 :]]


def written(data: pd.DataFrame, path) -> str:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pandas(data, preserve_index=False), path)
    elif path.suffix == ".jsonl":
        data.replace([np.inf], np.nan).to_json(path, orient="records", lines=True, date_format="iso")
    else:
        data.to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_rows_gives_the_numbers_of_scikit_learn(tmp_path, kind):
    result = cm.monitor(KINDS[kind](DATA, tmp_path), schema=SCHEMA, window=None, metrics="all")
    in_files = isinstance(KINDS[kind](DATA, tmp_path), str)
    equal_to_sklearn(result, {"1970-01-01T00:00:00+00:00": DATA}, resolution=1e-3 if in_files else 0.0)
    assert result.rows == N
    (missing,) = [one for one in result.table.to_pylist() if one["metric"] == "missing_rate"]
    (infinite,) = [one for one in result.table.to_pylist() if one["metric"] == "not_finite_rate"]
    lost = 12 if kind == "jsonl" else 0  # JSON has no infinity
    assert missing["value"] * N == pytest.approx(DATA.x.isna().sum() + lost)
    assert infinite["value"] * N == pytest.approx(np.isinf(DATA.x).sum() - lost)


def test_the_table_comes_back_in_the_kind_that_went_in():
    assert isinstance(cm.monitor(DATA, schema=SCHEMA).metrics, pd.DataFrame)
    assert isinstance(cm.monitor(pl.from_pandas(DATA), schema=SCHEMA).metrics, pl.DataFrame)
    assert isinstance(cm.monitor(pa.Table.from_pandas(DATA), schema=SCHEMA).metrics, pa.Table)


@pytest.mark.parametrize(
    ("window", "starts"),
    [
        ("1d", lambda ts: ts.dt.floor("D")),
        ("1w", lambda ts: ts.dt.to_period("W").dt.start_time),  # from Monday
        ("1mo", lambda ts: ts.dt.to_period("M").dt.start_time),
    ],
)
def test_windows_of_time(window, starts):
    data = frame(5, 6000)
    equal_to_sklearn(cm.monitor(data, schema=SCHEMA, window=window), days(data, starts(data.ts)))


def test_windows_of_an_hour():
    data = frame(6, 600)
    data["ts"] = [dt.datetime(2026, 1, 1) + dt.timedelta(seconds=18 * at) for at in range(600)]
    equal_to_sklearn(cm.monitor(data, schema=SCHEMA, window="1h"), days(data, data.ts.dt.floor("h")))


def test_windows_by_number_are_in_order_of_time():
    shuffled = DATA.sample(frac=1.0, random_state=1)
    found = values(cm.monitor(shuffled, schema=SCHEMA, window=500))
    ends = [one["value"] for (metric, series, _), one in sorted(found.items(), key=lambda one: one[0][2])
            if (metric, series) == ("roc_auc", "p")]  # fmt: skip
    expected = [by_sklearn(DATA.iloc[at : at + 500], "p")["roc_auc"] for at in (0, 500, 1000)]
    assert ends == pytest.approx(expected, abs=1e-12)


def test_days_begin_where_the_zone_says():
    schema = cm.Schema(**_given(), timezone="Europe/Berlin")
    found = values(cm.monitor(DATA, schema=schema, window="1d"))
    assert {start[11:16] for _, _, start in found} == {"23:00"}  # midnight in winter


def _given() -> dict:
    return {"task": "binary", "label": "y", "positive": "late", "classes": ["late", "on time"], "members": ["p", "q"],
            "fusion": "mean", "time": "ts", "id": "id", "features": ["x"]}  # fmt: skip


@pytest.mark.parametrize("how", ["frame", "path", "first 50%", "first 30d"])
def test_references_give_the_distance_that_scipy_gives(tmp_path, how):
    past, current = halves(DATA)
    reference = {"frame": past, "path": written(past, tmp_path / "past.parquet")}.get(how, how)
    rows = current if how in ("frame", "path") else DATA
    result = cm.monitor(rows, reference=reference, schema=SCHEMA, window=None)
    found = {(one["metric"], one["series"]): one for one in result.table.to_pylist()}
    finite = [part.x[np.isfinite(part.x)] for part in (past, current)]
    assert found["ks", "all"]["value"] == pytest.approx(stats.ks_2samp(*finite, method="asymp").statistic, abs=1e-12)
    expected = stats.ks_2samp(past.q, current.q, method="asymp").statistic
    assert found["score_ks", "q"]["value"] == pytest.approx(expected, abs=1e-12)
    assert 0 <= found["psi", "all"]["value"] < 0.2
    assert result.rows == N // 2


def test_no_reference_is_said_and_not_zero():
    result = cm.monitor(DATA, schema=SCHEMA, window=None)
    drift = [one for one in result.table.to_pylist() if one["metric"] in ("psi", "ks", "jensen_shannon", "score_psi")]
    assert drift
    assert {(one["value"], one["reason"]) for one in drift} == {(None, "no_reference")}
    assert any(note.startswith("drift: no reference; say reference=") for note in result.notes)


def test_a_member_that_says_classes_has_no_score_and_a_vote_is_no_probability():
    members = {"p": "p", "rules": {"output": "class", "columns": "rules"}}
    schema = cm.Schema("binary", label="y", positive="late", classes=["late", "on time"], members=members,
                       fusion="hard_vote", features=["x"])  # fmt: skip
    found = values(cm.monitor(DATA, schema=schema, window=None))
    labelled = DATA[DATA.y.notna()]
    start = "1970-01-01T00:00:00+00:00"
    assert found["f1", "rules", start]["value"] == pytest.approx(
        sk.f1_score(labelled.y, labelled.rules, pos_label="late")
    )
    for series in ("rules", "fused"):
        named = {metric for metric, name, _ in found if name == series}
        assert {"accuracy", "f1", "precision", "recall"} <= named
        assert not {"roc_auc", "log_loss", "brier"} & named
    # A tie of two votes goes to the greater mean probability, where a class stands for certainty.
    p = labelled.p.to_numpy()
    one = (p > 0.5).astype(float)
    sure = (labelled.rules == "late").to_numpy().astype(float)
    both = np.where(np.isnan(p), sure, np.where(one == sure, sure, (p + sure) / 2))
    decided = np.where(both > 0.5, "late", "on time")
    assert found["accuracy", "fused", start]["value"] == pytest.approx((decided == labelled.y).mean())


def test_regression():
    rng = np.random.default_rng(1)
    y = rng.normal(100, 20, 500)
    rows = {"y": y, "a": y + rng.normal(0, 3, 500), "b": y + rng.normal(2, 5, 500)}
    rows["y"][::10] = np.nan
    result = cm.monitor(rows, schema=cm.Schema("regression", label="y", members=["a", "b"], fusion="mean"))
    known = np.isfinite(rows["y"])
    fused = (rows["a"] + rows["b"]) / 2
    found = {(one["metric"], one["series"]): one for one in result.table.to_pylist()}
    for series, answer in (("a", rows["a"]), ("b", rows["b"]), ("fused", fused)):
        truth, said = rows["y"][known], answer[known]
        assert found["mae", series]["value"] == pytest.approx(sk.mean_absolute_error(truth, said), rel=1e-9)
        assert found["rmse", series]["value"] == pytest.approx(math.sqrt(sk.mean_squared_error(truth, said)), rel=1e-9)
        assert found["r2", series]["value"] == pytest.approx(sk.r2_score(truth, said), rel=1e-9)
        assert found["mae", series]["n"] == known.sum()


def test_several_classes():
    rng = np.random.default_rng(2)
    classes = ["bus", "car", "rail"]
    p = rng.dirichlet([1, 1, 1], 800)
    y = np.array([rng.choice(classes, p=row) for row in p])
    rows = {"y": y} | {f"p_{name}": p[:, k] for k, name in enumerate(classes)}
    schema = cm.Schema("multiclass", label="y", prediction={name: f"p_{name}" for name in classes})
    table = cm.monitor(rows, schema=schema).table.to_pylist()
    found = {(one["metric"], one["target"]): one["value"] for one in table}
    decided = np.array(classes)[p.argmax(axis=1)]
    assert found["accuracy", ""] == pytest.approx(sk.accuracy_score(y, decided))
    assert found["f1", "macro"] == pytest.approx(sk.f1_score(y, decided, average="macro"))
    assert found["log_loss", ""] == pytest.approx(sk.log_loss(y, p, labels=classes), rel=1e-9)
    for k, name in enumerate(classes):
        assert found["roc_auc", name] == pytest.approx(sk.roc_auc_score(y == name, p[:, k]), abs=1e-12)
        assert found["average_precision", name] == pytest.approx(
            sk.average_precision_score(y == name, p[:, k]), abs=1e-12
        )
        assert found["recall", name] == pytest.approx(sk.recall_score(y, decided, labels=[name], average=None)[0])
    for mean in ("macro", "weighted"):
        assert found["roc_auc", mean] == pytest.approx(
            sk.roc_auc_score(y, p, multi_class="ovr", average=mean), abs=1e-12
        )
        one_hot = y[:, None] == np.array(classes)
        assert found["average_precision", mean] == pytest.approx(
            sk.average_precision_score(one_hot, p, average=mean), abs=1e-12
        )


def test_segments():
    schema = cm.Schema(**_given(), segments=["place"])
    result = cm.monitor(DATA, schema=schema, window=None, metrics="all")
    for place in ("A", "B"):
        some = DATA[DATA.place == place]
        found = values(result, segment=f"place={place}")
        for metric, expected in by_sklearn(some, "q").items():
            assert found[metric, "q", "1970-01-01T00:00:00+00:00"]["value"] == pytest.approx(expected, abs=1e-9)


def test_no_value_of_scores_in_memory_has_a_resolution():
    schema = cm.Schema(**_given(), segments=["place"])
    for reference in ("first 30%", None):
        rows = cm.monitor(DATA, reference=reference, schema=schema, window="1w").table.to_pylist()
        found = [one for one in rows if one["metric"] in OF_RANKED and one["value"] is not None]
        assert {"roc_auc", "average_precision", "expected_calibration_error"} <= {one["metric"] for one in found}
        assert {one["segment"] for one in found} == {"", "place=A", "place=B"}
        assert {one["metric"] for one in found if one["resolution"] > 1e-15} == set()


def test_numpy_times_of_any_unit():
    rows = {"t": np.datetime64("2026-01-01T00:00") + 60 * np.arange(48), "y": [0, 1] * 24, "p": np.linspace(0, 1, 48)}
    result = cm.monitor(rows, schema=cm.Schema("binary", label="y", prediction="p", time="t"), window="1d")
    starts = {one["window_start"].isoformat() for one in result.table.to_pylist()}
    assert starts == {"2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"}


def test_results_are_written(tmp_path):
    result = cm.monitor(DATA, reference="first 30%", schema=SCHEMA, window="1mo")
    for name in ("a.html", "a.pdf", "a.csv", "a.parquet"):
        getattr(result, f"to_{name.partition('.')[2]}")(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
    assert pq.read_table(tmp_path / "a.parquet").equals(result.table)
    assert "<table>" in result._repr_html_()
    assert repr(result).startswith("<Result: ")


@pytest.mark.parametrize(
    ("rows", "error", "said"),
    [
        ({"y": [0, 1], "p": [0.1]}, DataError, "cannot read a frame"),
        (7, DataError, "cannot read a frame"),
        ([1, 2], DataError, "cannot read a frame"),
        ({"z": [1.0]}, SchemaError, "column is missing"),
        ("nowhere-*.csv", DataError, "no such file"),
    ],
)
def test_what_cannot_be_read_is_told(rows, error, said):
    with pytest.raises(error, match=said):
        cm.monitor(rows, schema=cm.Schema("binary", label="y", prediction="p"))
