"""The same rows and windows, as near to the same work as each interface allows; a process each, one after another.

The work: for each of 30 days, drift of 20 numeric features against a reference of 100,000 rows by two measures, and
accuracy, precision, recall, F1, ROC AUC and log loss of four series. choirmaster does it twice: just these numbers,
which the peers' times are compared to, and its usual ones; both with intervals.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from benchmarks import scan
from benchmarks.data import write
from benchmarks.peers.envs import HERE, PEERS, python, version

ENVIRONMENTS = Path(".tools/peers")
LIMIT_SECONDS = 1800
QUIET = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "WHYLOGS_NO_ANALYTICS": "True"}  # no peer reports home
WORK = {
    "evidently": "Jensen-Shannon and KS of each feature; accuracy, precision, recall, F1, ROC AUC, log loss of series",
    "nannyml": "Jensen-Shannon and KS of each feature; accuracy, precision, recall, F1, ROC AUC of each series",
    "whylogs": "a profile, Hellinger and KS of each feature (approximate); a confusion table of each series",
}


def main(sizes: list[int], folder: Path, days: int) -> list[dict[str, Any]]:
    """Run every peer on every size and print a line each; what cannot run says why."""
    reference = write(folder / "reference.parquet", 100_000, days=14, seed=1)
    found: list[dict[str, Any]] = []
    ready = {peer: python(peer, ENVIRONMENTS) for peer in PEERS}
    for rows in sizes:
        path = write(folder / f"rows-{rows}-{days}d.parquet", rows, days=days)
        scan.child("measure", reference, reference)
        ours, usual = (scan.child(what, path, reference) for what in ("same", "measure"))
        found += [_row("choirmaster", rows, ours, ours), _row("choirmaster, its usual metrics", rows, usual, ours)]
        for peer, (interpreter, reason) in ready.items():
            theirs = _run(peer, interpreter, path, reference) if interpreter else {"skipped": reason}
            found.append(_row(peer, rows, theirs, ours))
    return found


def _run(peer: str, interpreter: Path, path: Path, reference: Path) -> dict[str, Any]:
    command = [str(interpreter), "-W", "ignore", str(HERE / f"run_{peer}.py"), str(path), str(reference)]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_SECONDS,
                              env={**os.environ, **QUIET})  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"skipped": f"stopped after {LIMIT_SECONDS} s"}
    except subprocess.CalledProcessError as error:
        return {"skipped": f"failed: {(error.stderr.strip().splitlines() or ['no message'])[-1][:200]}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _row(name: str, rows: int, run: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    known = name in WORK
    out = {"name": name, "version": version(name) if known else "", "rows": rows,
           "work": WORK.get(name, "with intervals"), **run}  # fmt: skip
    if "skipped" in run:
        print(f"peers: {rows:,} rows: {name} {out['version']}: skipped: {run['skipped']}", flush=True)
        return out
    out["seconds"] = round(run["seconds"], 3)
    out["times_ours"] = round(run["seconds"] / ours["seconds"], 1)
    print(f"peers: {rows:,} rows: {name} {out['version']}: {out['seconds']} s, peak {run['peak_mb']} MB, "
          f"{run['values']} values, {out['times_ours']} times choirmaster's time", flush=True)  # fmt: skip
    return out
