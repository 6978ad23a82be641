"""``choirmaster.yaml`` of the demo: first only a place and a port, later the ensemble too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from choirmaster.demo import flights
from choirmaster.demo.traffic import ENSEMBLE

CONFIG = "choirmaster.yaml"
TIMEZONE = "America/New_York"

_PLACE = """\
# Written by `choirmaster demo`. Start it again with: choirmaster serve {config}
store: ./data
access: {{listen: "127.0.0.1:{port}"}}
sinks:
  log: {{kind: log}}
  file: {{kind: file, path: alerts.jsonl}}
"""

_ENSEMBLE = """\
ensembles:
  {name}:
    task: binary
    owner: demo
    classes: [{on_time}, {late}]
    positive: {late}
    members:  # trained on January and February; each file is pinned by its hash
{members}
    features:
      numeric: [{numeric}]
      categorical: [{categorical}]
    fusion: {{rule: soft_vote}}
    cutoff: {cutoff!r}  # chosen by F1 on out-of-fold rows of the training months
    answer: {{deadline: 10s, quorum: {quorum}, record: async}}
    labels: {{expected: 2d, expected_share: 0.9}}  # a label is known when the flight has arrived
    monitor:
      window: 1d
      timezone: {zone}
      clock: data  # time stands where the flights are, not where the replay's computer is
      every: 5s
      grace: 3h  # longer than answers may overtake each other in the replay
      reference: {{file: models/oof.parquet}}
      segments: [{segments}]
    alerts: {{rules: [default]}}
"""


def place_only(port: int) -> str:
    """Return the configuration before anything is trained.

    >>> place_only(8080).splitlines()[2]
    'access: {listen: "127.0.0.1:8080"}'
    """
    return _PLACE.format(port=port, config=CONFIG)


def with_ensemble(port: int, members: Mapping[str, Mapping[str, Any]], cutoff: float) -> str:
    """Return the whole configuration.

    Parameters
    ----------
    members : mapping
        As the recipe of ``cm.train`` lists them: ``file``, ``sha256`` and ``trusted_types`` by name.
    cutoff : float
        Of the fused probability.
    """
    return place_only(port) + _ENSEMBLE.format(
        name=ENSEMBLE, on_time=flights.ON_TIME, late=flights.LATE, cutoff=cutoff, zone=TIMEZONE,
        members="\n".join(f"      {name}: {_member(one)}" for name, one in members.items()),
        numeric=_list(flights.NUMBERS), categorical=_list(flights.CATEGORIES), segments=_list(flights.SEGMENTS),
        quorum=max(1, len(members) // 2),
    )  # fmt: skip


def write(path: Path, text: str) -> None:
    """Write a configuration so that a reader sees the old one or the new one, never a part."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def _member(one: Mapping[str, Any]) -> str:
    parts = [f"file: {json.dumps('models/' + str(one['file']))}", f'sha256: "{one["sha256"]}"']
    if one.get("trusted_types"):
        parts.append(f"trusted_types: {json.dumps(list(one['trusted_types']))}")
    return "{" + ", ".join(parts) + "}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
