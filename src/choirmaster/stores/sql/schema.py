"""The relational tables, for every dialect. Instants are microseconds UTC; hashes are 16 bytes.

A change here needs a migration in ``migrations/versions``; a test compares the two.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

_NAME = sa.String(100)
_KEY = sa.String(255)
_HASH = sa.LargeBinary(16)
_BLOB = sa.LargeBinary(1 << 30)
# SQLite counts up by itself only where the key is a plain INTEGER.
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# One row an ensemble: its layout, all columns ever seen, the largest instants for the watermark (D4), and for each
# source of events the largest that is not after its receipt.
ensembles = sa.Table(
    "ensembles", metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("columns", sa.Text, nullable=False),
    sa.Column("last_live", sa.BigInteger),
    sa.Column("last_known", sa.BigInteger),
    sa.Column("newest", sa.Text, nullable=False, server_default="{}"),
)  # fmt: skip

# How far each journal is in the store.
journals = sa.Table(
    "journals", metadata,
    sa.Column("journal", sa.String(64), primary_key=True),
    sa.Column("drained", sa.BigInteger, nullable=False),
)  # fmt: skip

# One row a drained part (D7); ``merged`` is 1 once the states hold it. ``latest`` is the largest live time of its
# journal so far; ``arrival`` tells measuring which rows came again, and what was the largest time before the part.
parts = sa.Table(
    "parts", metadata,
    sa.Column("part", _BIG, primary_key=True, autoincrement=False),
    sa.Column("journal", sa.String(64), nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("ensemble", _NAME, nullable=False),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("accepted", sa.Integer, nullable=False),
    sa.Column("duplicate", sa.Integer, nullable=False),
    sa.Column("conflicting", sa.Integer, nullable=False),
    sa.Column("refused", sa.Integer, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
    sa.Column("merged", sa.SmallInteger, nullable=False),
    sa.Column("latest", sa.BigInteger),
    sa.Column("arrival", sa.Text, nullable=False, server_default="{}"),
    sa.UniqueConstraint("journal", "sequence", name="parts_by_name"),
    sa.Index("parts_to_merge", "ensemble", "kind", "merged", "part"),
)  # fmt: skip

# Which days a prediction part has rows in, so that a reader opens only these.
part_days = sa.Table(
    "part_days", metadata,
    sa.Column("part", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("ensemble", _NAME, nullable=False),
)  # fmt: skip

# What a group is about to do, kept until it is done: the redo log of a crash between Delta and here (D8).
intents = sa.Table(
    "intents", metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("journal", sa.String(64), nullable=False),
    sa.Column("table_name", sa.String(120), nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("payload", _BLOB, nullable=False),
)  # fmt: skip

# One row a prediction (D6). ``label``/``order_key`` is the current winner (D5).
id_index = sa.Table(
    "id_index", metadata,
    sa.Column("ensemble", _NAME, primary_key=True),
    sa.Column("hash", _HASH, primary_key=True),
    sa.Column("content", _HASH, nullable=False),
    sa.Column("day", sa.Integer, nullable=False),
    sa.Column("part", sa.BigInteger, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("order_key", sa.LargeBinary(1024)),
    sa.Column("label", sa.Text),
    sa.Index("id_index_by_part", "part", "line"),
    sqlite_with_rowid=False,
)  # fmt: skip

# Every label event once; ``order_key`` orders the events of an id by (revision, known_at, source, value).
label_events = sa.Table(
    "label_events", metadata,
    sa.Column("ensemble", _NAME, primary_key=True),
    sa.Column("hash", _HASH, primary_key=True),
    sa.Column("order_key", sa.LargeBinary(1024), primary_key=True),
    sa.Column("value", sa.Text),
    sa.Column("known_at", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    sa.Column("part", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip

# Predictions whose label (the winner) differs from the one ``measured``, which the states hold. Of a merged part's rows
# that are not here the states hold the winner. Until a row's part is merged, ``measured`` says nothing.
changed = sa.Table(
    "changed", metadata,
    sa.Column("ensemble", _NAME, primary_key=True),
    sa.Column("hash", _HASH, primary_key=True),
    sa.Column("day", sa.Integer, nullable=False),
    sa.Column("part", sa.BigInteger, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("label", sa.Text),
    sa.Column("measured", sa.Text),
    sqlite_with_rowid=False,
)  # fmt: skip

packs = sa.Table(
    "packs", metadata,
    sa.Column("ensemble", _NAME, primary_key=True),
    sa.Column("window_start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("window_end", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("segment", _KEY, primary_key=True),
    sa.Column("reference", sa.String(64), nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("payload", _BLOB, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
)  # fmt: skip

# The tidy table of values, its texts once and its numbers by (key, window).
value_keys = sa.Table(
    "value_keys", metadata,
    sa.Column("number", _BIG, primary_key=True),
    *[sa.Column(name, sa.Text, nullable=False) for name in (
        "ensemble", "series", "version", "segment", "feature", "target", "metric", "kind", "reference")],
)  # fmt: skip
window_values = sa.Table(
    "window_values", metadata,
    sa.Column("key_number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("window_start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("window_end", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("ensemble", _NAME, nullable=False),
    sa.Column("revision", sa.BigInteger),
    sa.Column("value", sa.Double),
    sa.Column("lower", sa.Double),
    sa.Column("upper", sa.Double),
    sa.Column("resolution", sa.Double),
    sa.Column("n", sa.BigInteger),
    sa.Column("reason", sa.String(32)),
    sa.Index("values_by_window", "ensemble", "window_start", "window_end"),
    sqlite_with_rowid=False,
)  # fmt: skip

# Every reference for ever, one row an epoch: the windows that start at ``since`` or later are measured with it.
references = sa.Table(
    "reference_parts", metadata,
    sa.Column("number", _BIG, primary_key=True),
    sa.Column("ensemble", _NAME, nullable=False),
    sa.Column("reference", sa.String(64), nullable=False),
    sa.Column("payload", _BLOB, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False, server_default=str(-(1 << 62))),
    sa.Column("who", _KEY, nullable=False, server_default=""),
    sa.Index("references_by_ensemble", "ensemble", "number"),
)  # fmt: skip

documents = sa.Table(
    "documents", metadata,
    sa.Column("kind", _NAME, primary_key=True),
    sa.Column("key", _KEY, primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)  # fmt: skip

audit = sa.Table(
    "audit", metadata,
    sa.Column("number", _BIG, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    *[sa.Column(name, sa.Text, nullable=False) for name in ("who", "action", "subject", "cause", "before", "after")],
)  # fmt: skip

# What operators decided about running ensembles, each row for ever; the newest number says whether there is news.
decisions = sa.Table(
    "decisions", metadata,
    sa.Column("number", _BIG, primary_key=True, autoincrement=False),
    sa.Column("ensemble", _NAME, nullable=False),
    sa.Column("verb", sa.String(32), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("member", _NAME, nullable=False),
    sa.Column("role", sa.String(32)),
    sa.Column("share", sa.Double),
    sa.Column("weights", sa.Text, nullable=False),
    sa.Column("until", sa.BigInteger),
    sa.Column("takes_back", sa.BigInteger),
    sa.Column("automatic", sa.SmallInteger, nullable=False),
    sa.Index("decisions_by_ensemble", "ensemble", "number"),
)  # fmt: skip

leases = sa.Table(
    "leases", metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("holder", _KEY, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
)  # fmt: skip
