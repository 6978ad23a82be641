"""The operator's verbs, composed: what the file declares, which store takes a decision, or which server."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from choirmaster import fusion
from choirmaster.app.clock import RealClock
from choirmaster.app.ensembles import standing_of
from choirmaster.app.files import read_config, store_folder
from choirmaster.config import Config, Ensemble
from choirmaster.errors import StoreError
from choirmaster.operate.operator import Ask, Operator
from choirmaster.overlay import Decision, Declared
from choirmaster.ports import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "CHOIRMASTER_TOKEN"  # noqa: S105 - the name of a variable, no secret


PLAIN = {
    "clear_weights": Operator.clear_weights, "freeze": Operator.freeze, "unfreeze": Operator.unfreeze,
    "undo": Operator.undo,
}  # fmt: skip
"""Verbs that take the ensemble and why, and nothing else."""


def declared_by(config: Config) -> dict[str, Declared]:
    """Return what the file says of each ensemble."""
    return {
        name: Declared(standing_of(name, one), one.answer.quorum, fusion.get(one.fusion.rule).weighted,
                       _fallback(one))
        for name, one in config.ensembles.items()
    }  # fmt: skip


def _fallback(one: Ensemble) -> str:
    wish = one.answer.fallback
    return wish if isinstance(wish, str) and wish in one.members else ""


def decide(path: Path, verb: str, *, ensemble: str, url: str, who: str, **given: Any) -> Mapping[str, Any]:
    """Take one decision: over a server where one is named, else in the store, which every server on it follows."""
    if url:
        with _client(url) as client:
            found: Mapping[str, Any] = client.decide(verb, ensemble, **given)
            return found
    member, share = given.pop("member", ""), given.pop("share", None)
    more: dict[str, Any] = {name: given.pop(name) for name in ("role", "weights") if name in given}
    ask = Ask(who or user(), **given)
    with _operator(path) as operator:
        match verb:
            case "set_role":
                return operator.set_role(ensemble, member, more["role"], ask, share=share)
            case "clear_role":
                return operator.clear_role(ensemble, member, ask)
            case "set_weights":
                return operator.set_weights(ensemble, more["weights"], ask)
            case _:
                return PLAIN[verb](operator, ensemble, ask)


def stands(path: Path, *, ensemble: str, url: str) -> Sequence[Mapping[str, Any]]:
    """Return how each ensemble stands; a store that is not there yet is not made for that."""
    if url:
        with _client(url) as client:
            found: Sequence[Mapping[str, Any]] = client.overrides(ensemble or None)
            return found
    config = read_config(path)
    if not store_folder(config, path).exists():
        return Operator(_Nothing(), RealClock(), lambda: declared_by(config)).stands(ensemble)
    with _operator(path) as operator:
        return operator.stands(ensemble)


def user() -> str:
    """Return the name of whoever runs this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


class _Nothing:
    """The decisions of a store that nobody made yet."""

    def add_decision(self, decision: Decision, audit: AuditEntry) -> bool:
        """Refuse: there is nowhere to write."""
        raise StoreError("there is no store yet", got=str(decision.verb), where=audit.subject)

    def decisions(self, ensemble: str = "") -> list[Decision]:
        """Return none."""
        del ensemble
        return []

    def last_decision(self) -> int:
        """Return 0."""
        return 0


@contextmanager
def _operator(path: Path) -> Iterator[Operator]:
    from choirmaster.stores.lake.store import EmbeddedStore

    config = read_config(path)
    store = EmbeddedStore(store_folder(config, path))
    try:
        yield Operator(store, RealClock(), lambda: declared_by(config))
    finally:
        store.close()


def _client(url: str) -> Any:
    from choirmaster.client import Client

    return Client(url, os.environ.get(TOKEN))
