"""Compile every kernel once, so that the first measuring surprises nobody."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from choirmaster.engines.compile import cache_folder
from choirmaster.engines.reference import build_reference
from choirmaster.layout import Layout, Output, SeriesSpec, Task, quantile_column


def warm(progress: Callable[..., None]) -> str:
    """Compile by measuring a few rows of each kind; returns the cache folder."""
    rng = np.random.default_rng(0)
    numbers = {"x.x": rng.normal(size=40), "m.a.p.yes": rng.uniform(size=40), "m.a.value": rng.normal(size=40),
               quantile_column("a", "0.5"): rng.normal(size=40)}  # fmt: skip
    classes = pa.table({**numbers, "label": pa.array(["yes", "no"] * 20).dictionary_encode()})
    values = pa.table({**numbers, "label": rng.normal(size=40)})
    layouts = [
        (Layout(Task.BINARY, (SeriesSpec("a"),), ("no", "yes"), "yes", ("x",)), classes),
        (Layout(Task.REGRESSION, (SeriesSpec("a", Output.VALUE),), (), "", ("x",)), values),
        (Layout(Task.QUANTILE, (SeriesSpec("a", Output.QUANTILES),), levels=("0.5",)), values),
    ]
    for done, (layout, table) in enumerate(layouts):
        progress("compile", done, len(layouts), str(layout.task))
        build_reference(table, layout)
    progress("compile", len(layouts), len(layouts), "")
    return str(cache_folder())
