"""From the configuration of a member to the member, whatever kind it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from choirmaster.app.files import beside
from choirmaster.config import Ensemble
from choirmaster.config import Member as MemberConfig
from choirmaster.errors import ChoirmasterError
from choirmaster.layout import Layout, feature_column
from choirmaster.members.loading import Source, load
from choirmaster.ports import Member
from choirmaster.times import SECOND

if TYPE_CHECKING:
    import pyarrow as pa

_LOG = structlog.get_logger(__name__)
MIB = 2**20
SAMPLE_ROWS = 1_000  # on which a converted model must agree with the one it stands for


def load_members(
    name: str, config: Ensemble, layout: Layout, config_path: Path, nested: Callable[[str], Any]
) -> dict[str, Member]:
    """Load all members of an ensemble; ``nested`` returns the ensemble that a member names."""
    loaded: dict[str, Member] = {}
    try:
        for member, one in config.members.items():
            if one.ensemble is not None:
                loaded[member] = nested(one.ensemble)
                continue
            made = load_member(member, one, config, config_path)
            loaded[member] = converted(made, config, layout, config_path, f"{name}.{member}") if one.convert else made
    except BaseException:
        close_members(loaded.values())
        raise
    return loaded


def load_member(name: str, one: MemberConfig, config: Ensemble, config_path: Path) -> Member:
    """Load one member that is no ensemble.

    What a file is, is decided by its content; code in it runs only where the operator flagged and pinned it.
    """
    if one.url is not None:
        return _remote(name, one, config, config_path)
    source = Source(
        name=name, target=one.callable or "", file=str(beside(config_path, one.file)) if one.file else "",
        folder=str(config_path.parent.resolve()), sha256=one.sha256, trusted=one.trusted,
        trusted_types=one.trusted_types, classes=tuple(str(known) for known in one.classes), features=one.features,
        known=(*config.features.numeric, *config.features.categorical),
    )  # fmt: skip
    if not one.processes:
        return load(source)
    from choirmaster.members.isolated import IsolatedMember

    return IsolatedMember(source, processes=one.processes, memory_bytes=one.memory * MIB)


def try_member(name: str, one: MemberConfig, config: Ensemble, config_path: Path) -> None:
    """Load one member and let go of it; raises what is wrong with it."""
    close_members([load_member(name, one, config, config_path)])


def _remote(name: str, one: MemberConfig, config: Ensemble, config_path: Path) -> Member:
    from choirmaster.members.remote_v2 import RemoteV2Member

    limit = config.answer.deadline if one.timeout is None else min(one.timeout, config.answer.deadline)
    return RemoteV2Member(
        name, one.url.reveal() if one.url else "", inputs=one.inputs, classes=[str(known) for known in one.classes],
        features=one.features, tensor=one.tensor, headers={key: text.reveal() for key, text in one.headers.items()},
        ca=str(beside(config_path, one.ca)) if one.ca else "", concurrency=one.concurrency, seconds=limit / SECOND,
        classifies=bool(config.classes),
    )  # fmt: skip


def converted(member: Member, config: Ensemble, layout: Layout, config_path: Path, where: str) -> Member:
    """Return a scikit-learn member as ONNX where that answers the same on rows of the reference; else the member."""
    if not hasattr(member, "estimator"):
        return member
    from choirmaster.members.estimator import EstimatorMember

    assert isinstance(member, EstimatorMember)
    try:
        from choirmaster.members.convert import as_onnx

        made, note = as_onnx(member, sample_rows(config, layout, config_path))
    except ChoirmasterError as error:
        made, note = None, str(error)
    except ImportError as error:
        made, note = None, f"{error.name} is not installed"
    if made is None:
        _LOG.info("member_runs_native", member=where, reason=note)
        return member
    _LOG.info("member_runs_as_onnx", member=where, agreement=note)
    return made


def sample_rows(config: Ensemble, layout: Layout, config_path: Path) -> pa.Table | None:
    """Return the features of the first rows of the reference file; None where the configuration names none."""
    from choirmaster.app.rows import open_rows
    from choirmaster.serve.request import features_table

    reference = config.monitor.reference
    if reference is None or reference.file is None or not beside(config_path, reference.file).exists():
        return None
    rows = open_rows(str(beside(config_path, reference.file))).sample(SAMPLE_ROWS).slice(0, SAMPLE_ROWS)
    given = {}
    for name in layout.features:
        for column in (feature_column(name), name):
            if column in rows.column_names:
                given[name] = rows[column]
                break
    return features_table(layout, given, rows.num_rows) if rows.num_rows else None


def close_members(members: Iterable[Member]) -> None:
    """Close the members that hold connections or processes; a nested ensemble is closed by who runs it."""
    for member in members:
        close = getattr(member, "close", None)
        if close is not None and not hasattr(member, "members"):
            with contextlib.suppress(Exception):
                close()
