"""What states take on disk: packs of real windows, and what a day of many models comes to at that rate.

Scores of four members and their mean, twenty features, twenty segments. A window is packed as the monitor stores it:
one pack of all rows, one for each segment. The day multiplies such windows; nothing else is extrapolated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.engines.local import scan_table
from choirmaster.engines.reference import build_reference
from choirmaster.layout import Layout, SeriesSpec, Task, probability_column
from choirmaster.plan import Plan, plan_for
from choirmaster.states.pack import pack

MODELS, SEGMENTS, HOURS, FEATURES = 200, 20, 24, 20
MEMBERS = ("a", "b", "c", "d")
WINDOWS = (100, 1_000, 1_000_000)
HOURLY = (100, 1_000, 10_000)
SERIES = (*(SeriesSpec(one) for one in MEMBERS), SeriesSpec("fused"))
LAYOUT = Layout(Task.BINARY, SERIES, ("no", "yes"), "yes", tuple(f"f{k:02d}" for k in range(FEATURES)), segments=("g",))


def rows(n: int, seed: int) -> pa.Table:
    """Return canonical rows: scores of some skill at 18 % prevalence, uneven segments, three in four labelled."""
    rng = np.random.default_rng(seed)
    ease = rng.normal(size=n)
    label = np.where(rng.uniform(size=n) < 1.0 / (1.0 + np.exp(2.0 - ease)), "yes", "no")
    shares = np.arange(1, SEGMENTS + 1) / (SEGMENTS * (SEGMENTS + 1) / 2)
    columns: dict[str, Any] = {
        "tag.g": pa.array(rng.choice([f"s{k}" for k in range(SEGMENTS)], n, p=shares)).dictionary_encode(),
        "label": pa.array(label, mask=rng.uniform(size=n) < 0.25).dictionary_encode(),
    }
    scores = [1.0 / (1.0 + np.exp(2.0 - ease - rng.normal(scale=0.5 + 0.2 * k, size=n))) for k in range(len(MEMBERS))]
    for name, p in zip((*MEMBERS, "fused"), [*scores, np.mean(scores, axis=0)], strict=True):
        columns[probability_column(name, "yes")] = p
    for k in range(FEATURES):
        columns[f"x.f{k:02d}"] = rng.normal(loc=0.1 * ease, size=n) if k % 2 else rng.gamma(2.0, size=n)
    return pa.table(columns)


def window(n: int, plan: Plan) -> dict[str, int]:
    """Return the bytes of one window of ``n`` rows: the pack of all rows, and those of its segments."""
    found = scan_table(rows(n, n), plan)
    sizes = {segment: len(pack(found.states(plan, (span, segment)))) for span, segment in found.slots()}
    return {"rows": n, "whole": sizes.pop(""), "segments": sum(sizes.values()), "packs": 1 + len(sizes)}


def main() -> dict[str, Any]:
    """Print bytes by window and by day."""
    plan = plan_for(build_reference(rows(100_000, 1), LAYOUT), None, calls=True)
    windows = [window(n, plan) for n in WINDOWS]
    for one in windows:
        print(f"state bytes: window of {one['rows']:,} rows x {len(SERIES)} series x {FEATURES} features: "
              f"{one['whole'] / 1e3:,.1f} kB for all rows, {one['segments'] / 1e3:,.1f} kB for {one['packs'] - 1} "
              "segments together", flush=True)  # fmt: skip
    days = []
    for n in HOURLY:
        one = window(n, plan)
        total = (one["whole"] + one["segments"]) * HOURS * MODELS
        days.append({"rows_an_hour": n, "bytes_a_day": total})
        print(f"state bytes: {MODELS} models x {len(SERIES)} series x {SEGMENTS} segments x {HOURS} hourly windows of "
              f"{n:,} rows: {total / 1e9:.2f} GB a day, "
              f"{total / (n * HOURS * MODELS):.0f} bytes a row", flush=True)  # fmt: skip
    return {"windows": windows, "days": days}


if __name__ == "__main__":
    main()
