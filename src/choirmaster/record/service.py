"""Takes event bodies in: parse, keep the good rows durably, answer with a receipt, counts and the bad rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from choirmaster.errors import NotFound, RequestError
from choirmaster.layout import Layout
from choirmaster.ports import Journal, Store
from choirmaster.record.ingest import label_batch, label_table, prediction_batch, prediction_table
from choirmaster.record.parsing import Refusals, records
from choirmaster.records import Batch

EVERY = "*"


class IngestService:
    """The service behind ``/api/ingest/*`` and the command ``ingest``.

    Parameters
    ----------
    journal : Journal
    store : Store
        Asked for final counts only.
    layouts : dict
        Layout of each ensemble, by name.
    zones : dict, optional
        Time zone of naive times, by ensemble.
    settle : callable, optional
        Drains now; given where ``ack: store`` is asked for, then answers carry the final counts.
    """

    def __init__(
        self,
        journal: Journal,
        store: Store,
        layouts: Mapping[str, Layout],
        *,
        zones: Mapping[str, str] | None = None,
        settle: Callable[[], object] | None = None,
    ) -> None:
        self._journal, self._store, self._layouts = journal, store, layouts
        self._zones, self._settle = zones or {}, settle

    def predictions(self, body: bytes, *, content_type: str, ensemble: str | None) -> Mapping[str, Any]:
        """Keep predictions; returns when the good rows are durable."""
        refused = Refusals()
        batches: list[Batch | None] = []
        if content_type == "arrow":
            name = self._only(ensemble)
            batches.append(prediction_table(name, self._layout(name), _table(body), refused))
        else:
            for name, some in self._by_ensemble(body, ensemble, refused, None).items():
                zone = self._zones.get(name, "UTC")
                batches.append(prediction_batch(name, self._layout(name), some, refused, zone=zone))
        return self._keep(batches, refused)

    def labels(self, body: bytes, *, content_type: str, ensemble: str | None) -> Mapping[str, Any]:
        """Keep labels; without an ensemble they are for every ensemble that scored the id."""
        refused = Refusals()
        batches: list[Batch | None] = []
        if content_type == "arrow":
            name = ensemble or EVERY
            batches.append(label_table(name, self._label_layout(name), _table(body), refused))
        else:
            for name, some in self._by_ensemble(body, ensemble, refused, EVERY).items():
                zone = self._zones.get(name, "UTC")
                batches.append(label_batch(name, self._label_layout(name), some, refused, zone=zone))
        return self._keep(batches, refused)

    def receipt(self, receipt: str) -> Mapping[str, Any] | None:
        """Return the final counts of a receipt; ``state`` is ``queued`` until the store has them all.

        None for a receipt that cannot be one.
        """
        names = receipt.split(",")
        if len(names) > 1000 or not all(_plausible(one) for one in names):
            return None
        found = [self._store.outcome(one) for one in names]
        done = [one for one in found if one is not None]
        if not done:
            journal, _, sequence = names[0].rpartition(":")
            waiting = journal == self._journal.identity and int(sequence) > self._store.drained(journal)
            return {"receipt": receipt, "state": "queued"} if waiting else None
        reasons: Counter[str] = Counter()
        for one in done:
            reasons.update(one.reasons)
        counts = {
            name: sum(getattr(one, name) for one in done)
            for name in ("accepted", "duplicate", "conflicting", "refused")
        }
        state = "stored" if len(done) == len(names) else "queued"
        return {"receipt": receipt, "state": state, **counts, "reasons": dict(reasons)}

    # -- parts of it --------------------------------------------------------------------------------------------
    def _keep(self, batches: list[Batch | None], refused: Refusals) -> Mapping[str, Any]:
        receipts = [self._journal.append(one) for one in batches if one is not None]
        name = ",".join(one.id for one in receipts)
        answer: dict[str, Any] = {
            "receipt": name, "state": "durable" if receipts else "nothing",
            "accepted": sum(one.accepted for one in receipts), "duplicate": 0, "conflicting": 0,
            "refused": refused.count, "reasons": dict(refused.reasons), "masked": dict(refused.masked),
            "rows": refused.rows,
        }  # fmt: skip
        if receipts and self._settle is not None:
            self._settle()
            final = self.receipt(name)
            if final is not None and final["state"] == "stored":
                answer |= {one: final[one] for one in ("state", "accepted", "duplicate", "conflicting")}
                answer["refused"] += final["refused"]
                answer["reasons"] = dict(Counter(answer["reasons"]) + Counter(final["reasons"]))
        return answer

    def _by_ensemble(
        self, body: bytes, ensemble: str | None, refused: Refusals, default: str | None
    ) -> dict[str, list[tuple[int, Mapping[str, Any]]]]:
        groups: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
        if ensemble is not None and ensemble != default:
            self._layout(ensemble)
        for row, record in records(body, refused):
            name = record.get("ensemble", ensemble or default or self._single())
            if ensemble is not None and name != ensemble:
                refused.add(row, "other_ensemble", f'the address says "{ensemble}", the row says "{str(name)[:100]}"')
            elif not isinstance(name, str) or (name not in self._layouts and name != default):
                refused.add(row, "unknown_ensemble", f"expected one of {', '.join(sorted(self._layouts))}")
            else:
                groups.setdefault(name, []).append((row, record))
        return groups

    def _single(self) -> str | None:
        return next(iter(self._layouts)) if len(self._layouts) == 1 else None

    def _only(self, ensemble: str | None) -> str:
        name = ensemble or self._single()
        if name is None:
            raise RequestError("an Arrow body needs its ensemble in the address", allowed=sorted(self._layouts))
        return name

    def _layout(self, ensemble: str) -> Layout:
        try:
            return self._layouts[ensemble]
        except KeyError:
            raise NotFound("unknown ensemble", got=f'"{ensemble[:100]}"', allowed=sorted(self._layouts)) from None

    def _label_layout(self, ensemble: str) -> Layout | None:
        return None if ensemble == EVERY else self._layout(ensemble)


def _table(body: bytes) -> pa.Table:
    """Read an Arrow IPC stream or file."""
    last: Exception | None = None
    for opener in (pa.ipc.open_stream, pa.ipc.open_file):
        try:
            with opener(pa.py_buffer(body)) as reader:
                table = reader.read_all()
            table.validate(full=True)
            return table
        except (pa.ArrowException, OSError, ValueError) as error:
            last = error
    raise RequestError("cannot read the body", expected="an Arrow IPC stream or file", got=str(last)[:200])


def _plausible(receipt: str) -> bool:
    journal, _, sequence = receipt.rpartition(":")
    return len(journal) == 32 and sequence.isdigit() and len(sequence) <= 18
