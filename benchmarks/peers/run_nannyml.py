"""NannyML: drift of every feature and quality of every series by day. Runs in its own environment."""

from __future__ import annotations

import json
import resource
import sys
import time

import nannyml as nml
import pandas as pd

SERIES = ("a", "b", "c", "fused")
METRICS = ["roc_auc", "f1", "precision", "recall", "accuracy"]


def main(path: str, reference_path: str) -> None:
    """Print one line of JSON."""
    features = [f"f{k:02d}" for k in range(20)]
    start = time.perf_counter()
    current, reference = pd.read_parquet(path), pd.read_parquet(reference_path)
    drift = nml.UnivariateDriftCalculator(
        column_names=features, timestamp_column_name="time", chunk_period="D",
        continuous_methods=["jensen_shannon", "kolmogorov_smirnov"],
    )  # fmt: skip
    values = drift.fit(reference).calculate(current).to_df().size
    for name in SERIES:
        for frame in (reference, current):
            frame[f"{name}_class"] = (frame[name] >= 0.5).astype(int)
        quality = nml.PerformanceCalculator(
            y_true="label", y_pred=f"{name}_class", y_pred_proba=name, timestamp_column_name="time", chunk_period="D",
            problem_type="classification_binary", metrics=METRICS,
        )  # fmt: skip
        values += quality.fit(reference).calculate(current).to_df().size
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"rows": len(current), "seconds": seconds, "peak_mb": peak, "values": values}))


if __name__ == "__main__":
    main(*sys.argv[1:])
