"""The clean rows that every nasty case begins with, and the ways rows come in."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

N = 120
START = dt.datetime(2026, 3, 1)
Columns = dict[str, Any]


def clean() -> Columns:
    """Return 120 rows over five days, as lists: two members, a label, a number and a category."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=N)
    y = (rng.random(N) < 1 / (1 + np.exp(-x))).astype(int)
    return {
        "ts": [START + dt.timedelta(hours=at) for at in range(N)],
        "id": [f"r{at}" for at in range(N)],
        "x": x.round(6).tolist(),
        "place": rng.choice(["A", "B", "C"], N).tolist(),
        "y": y.tolist(),
        "p": (1 / (1 + np.exp(-x + rng.normal(0, 0.5, N)))).round(6).tolist(),
        "q": (1 / (1 + np.exp(-x + rng.normal(0, 1.0, N)))).round(6).tolist(),
    }


def in_form(form: str, columns: Columns, folder: Path) -> Any:
    """Return columns as a frame of some kind, or written to a file of some kind."""
    if form == "columns":
        return columns
    if form == "pandas":
        return pd.DataFrame(columns)
    if form == "polars":
        return pl.DataFrame(columns, strict=False)
    if form == "records":
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    path = folder / f"rows.{form}"
    if form == "jsonl":
        rows = zip(*columns.values(), strict=True)
        lines = [json.dumps(dict(zip(columns, row, strict=True)), default=str) for row in rows]
        path.write_text("\n".join(lines), encoding="utf-8")
        return str(path)
    table = pa.table(columns)
    (pq.write_table if form == "parquet" else pc.write_csv)(table, path)
    return str(path)
