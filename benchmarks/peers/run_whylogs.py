"""whylogs: a profile and drift of every feature, and quality of every series, by day. In its own environment."""

from __future__ import annotations

import json
import resource
import sys
import time

import pandas as pd
import whylogs as why
from whylogs.viz.drift.column_drift_algorithms import KS, Hellinger, calculate_drift_scores

SERIES = ("a", "b", "c", "fused")


def main(path: str, reference_path: str) -> None:
    """Print one line of JSON."""
    features = [f"f{k:02d}" for k in range(20)]
    start = time.perf_counter()
    current, reference = pd.read_parquet(path), pd.read_parquet(reference_path)
    before = why.log(reference[features]).view()
    values = 0
    for _, day in current.groupby(current["time"].dt.floor("D")):
        now = why.log(day[features]).view()
        for how in (Hellinger(), KS()):
            values += len(calculate_drift_scores(now, before, drift_map=dict.fromkeys(features, how)))
        for name in SERIES:
            rows = pd.DataFrame({"label": day["label"], "class": (day[name] >= 0.5).astype(int), "score": day[name]})
            found = why.log_classification_metrics(
                rows, target_column="label", prediction_column="class", score_column="score"
            )
            values += len(found.performance_metrics.to_dict() if hasattr(found.performance_metrics, "to_dict") else [1])
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"rows": len(current), "seconds": seconds, "peak_mb": peak, "values": values}))


if __name__ == "__main__":
    main(*sys.argv[1:])
