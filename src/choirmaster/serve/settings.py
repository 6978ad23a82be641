"""What an ensemble needs to run. Defaults stand here, each with its unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from choirmaster.errors import ConfigError
from choirmaster.ids import check_name
from choirmaster.layout import Layout
from choirmaster.overlay import Role, Standing
from choirmaster.serve.breaker import BreakerSettings
from choirmaster.serve.hedging import HedgeSettings
from choirmaster.serve.roles import check_share

FALLBACKS = ("error", "member", "constant")
RECORD_MODES = ("async", "durable")


@dataclass(frozen=True, slots=True)
class MemberSettings:
    """How one member is called.

    Attributes
    ----------
    timeout_seconds : float or None
        Its own limit inside the ensemble's deadline; None means the whole deadline.
    concurrency : int
        Calls that may run at the same time; also the most threads a hung member can hold.
    waiting : int
        Calls that may wait for one of those; more are not asked and counted ``quarantined``.
    role : Role
        What the member does, until an operator says otherwise.
    share : float
        Share of the ids in which a canary is asked.
    repeatable : bool
        Whether it may be asked twice for one request.
    batch : int
        Rows of waiting calls that are asked about as one call; 0 makes each call alone.
    """

    timeout_seconds: float | None = None
    concurrency: int = 4
    waiting: int = 256
    role: Role = Role.VOTER
    share: float = 0.0
    repeatable: bool = False
    batch: int = 0


@dataclass(frozen=True, slots=True)
class EarlySettings:
    """When an answer need not wait for those missing.

    Attributes
    ----------
    tolerance : float or None
        How far the fused output may still move; None where only the class counts.
    limits : (float, float) or None
        The least and the greatest number that a member of a regression may answer.
    """

    tolerance: float | None = None
    limits: tuple[float, float] | None = None

    def check(self, where: str, *, classifies: bool) -> None:
        """Raise ConfigError for the first setting that cannot work."""
        if self.tolerance is not None and not self.tolerance >= 0:
            raise ConfigError("tolerance out of range", where=f"{where}.tolerance", expected="at least 0",
                              got=str(self.tolerance))  # fmt: skip
        if self.limits is not None and not self.limits[0] < self.limits[1]:
            raise ConfigError("limits out of order", where=f"{where}.least", expected="below greatest",
                              got=str(self.limits))  # fmt: skip
        if not classifies and (self.tolerance is None or self.limits is None):
            raise ConfigError("an early answer of numbers needs a tolerance, a least and a greatest", where=where)


@dataclass(frozen=True, slots=True)
class Fallback:
    """What to answer below quorum: an error, one named member's answer, or a constant.

    Attributes
    ----------
    kind : str
        ``error``, ``member`` or ``constant``.
    member : str
        The member whose answer stands in.
    constant : dict or float or None
        Probability by class name, or a number for a regression.
    """

    kind: str = "error"
    member: str = ""
    constant: Mapping[str, float] | float | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """Fusion weights and the version under which they are recorded."""

    version: str = "equal"
    values: Mapping[str, float] = field(default_factory=dict)  # a member that is not named weighs 1


@dataclass(frozen=True, slots=True)
class EnsembleSettings:
    """One ensemble as it is run.

    Attributes
    ----------
    name : str
    layout : Layout
        Features, classes, members in declared order, tags.
    members : dict
        ``{member: MemberSettings}``; members that are not named take the defaults.
    fusion : str or dict
        Name of a fusion rule, or what ``choirmaster.fusion.prepare`` reads: the rule with its parameters.
    weights : Weights
        The weights at the start; ``EnsembleRunner.apply`` and ``set_weights`` move them.
    deadline_seconds : float
        For the whole answer.
    quorum : int
        Members that must be present in a row.
    fallback : Fallback
    cutoff : float or None
        Probability of the positive class from which a binary answer is positive; None leaves it to the fusion rule.
    record : str
        ``async`` or ``durable``.
    max_rows : int
        Rows of one request.
    breaker : BreakerSettings or None
        When a failing member is left alone; None asks it always.
    hedge : HedgeSettings or None
        When a slow member that may be asked twice is; None never.
    early : EarlySettings or None
        When an answer need not wait for those missing; None waits for all voters.
    """

    name: str
    layout: Layout
    members: Mapping[str, MemberSettings] = field(default_factory=dict)
    fusion: str | Mapping[str, Any] = "mean"
    weights: Weights = field(default_factory=Weights)
    deadline_seconds: float = 1.0
    quorum: int = 1
    fallback: Fallback = field(default_factory=Fallback)
    cutoff: float | None = None
    record: str = "async"
    max_rows: int = 100_000
    breaker: BreakerSettings | None = field(default_factory=BreakerSettings)
    hedge: HedgeSettings | None = None
    early: EarlySettings | None = None

    def member(self, name: str) -> MemberSettings:
        """Return how a member is called."""
        return self.members.get(name, MemberSettings())

    @property
    def declared(self) -> Standing:
        """The standing that holds until somebody says otherwise."""
        how = {one.name: self.member(one.name) for one in self.layout.members}
        return Standing(
            {name: one.role for name, one in how.items()},
            {name: one.share for name, one in how.items() if one.role is Role.CANARY},
            {name: float(self.weights.values.get(name, 1.0)) for name in how}, self.weights.version,
        )  # fmt: skip

    def check(self) -> None:
        """Raise ConfigError for the first setting that cannot work."""
        where = f"$.ensembles.{self.name}"
        check_name("ensemble", self.name, where=where)
        names = [one.name for one in self.layout.members]
        if not names:
            raise ConfigError("an ensemble needs at least one member", where=f"{where}.members")
        voters = sum(self.member(name).role is Role.VOTER for name in names)
        if not 1 <= self.quorum <= voters:
            raise ConfigError("quorum out of range", where=f"{where}.answer.quorum", got=str(self.quorum),
                              expected=f"1 to {voters}, the members whose role is voter")  # fmt: skip
        if not 0 < self.deadline_seconds <= 3600:
            raise ConfigError("deadline out of range", where=f"{where}.answer.deadline", expected="above 0, at most 1h",
                              got=f"{self.deadline_seconds}s")  # fmt: skip
        _check_fallback(self, names, f"{where}.answer.fallback")
        if self.record not in RECORD_MODES:
            raise ConfigError("unknown record mode", where=f"{where}.record", got=f'"{self.record}"',
                              allowed=RECORD_MODES)  # fmt: skip
        for name in [*self.members, *self.weights.values]:
            if name not in names:
                raise ConfigError("unknown member", where=f"{where}.members", got=f'"{name}"', allowed=names)
        for name, one in self.members.items():
            check_share(one.share, f"{where}.members.{name}.share")
        if self.breaker is not None:
            self.breaker.check(f"{where}.answer.breaker")
        if self.hedge is not None:
            self.hedge.check(f"{where}.answer.hedge")
        if self.early is not None:
            self.early.check(f"{where}.answer.early", classifies=bool(self.layout.classes))


def _check_fallback(settings: EnsembleSettings, names: list[str], where: str) -> None:
    fallback = settings.fallback
    if fallback.kind not in FALLBACKS:
        raise ConfigError("unknown fallback", where=where, got=f'"{fallback.kind}"', allowed=FALLBACKS)
    if fallback.kind == "member" and fallback.member not in names:
        raise ConfigError("unknown member", where=where, got=f'"{fallback.member}"', allowed=names)
    if fallback.kind != "constant":
        return
    classes = settings.layout.classes
    if not classes:
        if not isinstance(fallback.constant, int | float):
            raise ConfigError("a constant fallback needs a number", where=where, got=str(fallback.constant))
        return
    if not isinstance(fallback.constant, Mapping) or set(fallback.constant) != set(classes):
        raise ConfigError("a constant fallback needs a probability for each class", where=where,
                          got=str(fallback.constant), allowed=classes)  # fmt: skip
    if abs(sum(fallback.constant.values()) - 1) > 1e-6 or min(fallback.constant.values()) < 0:
        raise ConfigError("the probabilities of a constant fallback must sum to 1", where=where,
                          got=str(dict(fallback.constant)))  # fmt: skip
