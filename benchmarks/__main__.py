"""``python -m benchmarks``: every benchmark, each figure with what it is compared to."""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks import footprint, relabel, scan, state_bytes
from benchmarks.peers import compare


def main() -> None:
    """Run all; ``--rows`` may be given several times."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--rows", type=int, action="append", help="rows of a scan (default: 1,000,000 and 10,000,000)")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "choirmaster-bench")
    parser.add_argument(
        "--peer-rows", type=int, action="append", help="rows for peers (default: 100,000 and 1,000,000)"
    )
    parser.add_argument("--no-peers", action="store_true", help="leave the peers out")
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args()
    print(f"choirmaster {version('choirmaster')}, Python {platform.python_version()}, pyarrow {version('pyarrow')}, "
          f"numba {version('numba')}, numpy {version('numpy')}", flush=True)  # fmt: skip
    found = [scan.main(rows, given.folder, given.days) for rows in given.rows or [1_000_000, 10_000_000]]
    peers = [] if given.no_peers else compare.main(given.peer_rows or [100_000, 1_000_000], given.folder, given.days)
    states = state_bytes.main()
    labels = relabel.main()
    size = footprint.main()
    if given.json:
        given.json.write_text(
            json.dumps(
                {"scan": found, "peers": peers, "states": states, "relabel": labels, "footprint": size}, indent=2
            )
            + "\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
