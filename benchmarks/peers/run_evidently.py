"""Evidently: drift of every feature and quality of every series by day. Runs in its own environment."""

from __future__ import annotations

import json
import resource
import sys
import time

import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.metrics import Accuracy, F1Score, LogLoss, Precision, Recall, RocAuc, ValueDrift

SERIES = ("a", "b", "c", "fused")


def main(path: str, reference_path: str) -> None:
    """Print one line of JSON."""
    features = [f"f{k:02d}" for k in range(20)]
    start = time.perf_counter()
    current, reference = pd.read_parquet(path), pd.read_parquet(reference_path)
    drift = Report([ValueDrift(column=name, method=how) for name in features for how in ("jensenshannon", "ks")])
    quality = Report([Accuracy(), Precision(), Recall(), F1Score(), RocAuc(), LogLoss()])
    plain = DataDefinition(numerical_columns=features)
    before = Dataset.from_pandas(reference[features], data_definition=plain)
    values = 0
    for _, day in current.groupby(current["time"].dt.floor("D")):
        found = drift.run(Dataset.from_pandas(day[features], data_definition=plain), before)
        values += len(found.dict()["metrics"])
        for name in SERIES:
            task = BinaryClassification(target="label", prediction_probas=name, pos_label=1)
            rows = Dataset.from_pandas(
                day[["label", name]], data_definition=DataDefinition(classification=[task], numerical_columns=[name])
            )
            values += len(quality.run(rows, None).dict()["metrics"])
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"rows": len(current), "seconds": seconds, "peak_mb": peak, "values": values}))


if __name__ == "__main__":
    main(*sys.argv[1:])
