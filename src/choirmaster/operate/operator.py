"""Takes decisions about running ensembles: each is checked, written down with its audit entry, and then told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from choirmaster.errors import ConfigError, Unavailable, unknown
from choirmaster.overlay import Decision, Declared, Overlay, Standing, Verb, due, overlay_of
from choirmaster.overlay.checks import check_voters, read_length, read_member, read_reason, read_role, read_weights
from choirmaster.overlay.words import described, subject_words
from choirmaster.ports import AuditEntry, Clock, Decisions
from choirmaster.times import SECOND, isoformat

TRIES = 20  # two who decide at the same moment try again, one after the other
CLOCK = "clock"  # who ends a decision whose time has run out

Make = Callable[[Declared, Overlay, int], Decision]
NOTHING = Standing({}, {}, {}, "")  # of an ensemble that the file no longer names


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks for a change, why, and how.

    Attributes
    ----------
    who, reason : str
        For the audit table; a change without a reason is refused.
    lasting : str
        How long it holds, such as ``2h``; '' for good.
    force : bool
        Accept fewer voters than the quorum, or no fallback.
    automatic : bool
        The system asks by itself; refused while the ensemble is frozen.
    """

    who: str
    reason: str
    lasting: str = ""
    force: bool = False
    automatic: bool = False


class Operator:
    """The verbs over one store.

    Parameters
    ----------
    store : Decisions
    clock : Clock
    declared : callable
        Returns ``{ensemble: Declared}``: what the configuration says now.
    told : callable, optional
        Called after each decision, so that this process follows it at once.
    """

    def __init__(
        self, store: Decisions, clock: Clock, declared: Callable[[], Mapping[str, Declared]],
        told: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._store, self._clock, self._declared, self.told = store, clock, declared, told

    # -- the verbs ----------------------------------------------------------------------------------------------
    def set_role(
        self, ensemble: str, member: str, role: str, ask: Ask, *, share: float | None = None
    ) -> dict[str, Any]:
        """Give a member another role; raises UnknownName, or ConfigError for what cannot be."""
        where = f"{ensemble}.{member}"

        def make(declared: Declared, _: Overlay, now: int) -> Decision:
            read_member(member, declared.standing, where=ensemble)
            read, part = read_role(role, share, where=where)
            return _decision(ensemble, Verb.MEMBER_SET, ask, now, member=member, role=read, share=part)

        return self._decide(ensemble, ask, make)

    def clear_role(self, ensemble: str, member: str, ask: Ask) -> dict[str, Any]:
        """Let a member do what the file says."""

        def make(declared: Declared, held: Overlay, now: int) -> Decision:
            if member not in held.roles:
                read_member(member, declared.standing, where=ensemble)
                raise ConfigError("there is nothing to clear", where=f"{ensemble}.{member}",
                                  got="the role that the file says")  # fmt: skip
            return _decision(ensemble, Verb.MEMBER_CLEAR, ask, now, member=member)

        return self._decide(ensemble, ask, make)

    def set_weights(self, ensemble: str, weights: Mapping[str, float], ask: Ask) -> dict[str, Any]:
        """Set fusion weights, a new weight version; a member that is not named keeps the weight it has."""

        def make(declared: Declared, held: Overlay, now: int) -> Decision:
            if not declared.weighted:
                raise ConfigError("the fusion rule reads no weights", where=ensemble,
                                  fix="declare one that does, such as weighted_mean")  # fmt: skip
            whole = read_weights(weights, held.over(declared.standing), where=ensemble)
            return _decision(ensemble, Verb.WEIGHTS_SET, ask, now, weights=whole)

        return self._decide(ensemble, ask, make)

    def clear_weights(self, ensemble: str, ask: Ask) -> dict[str, Any]:
        """Let the weights be what the file says."""

        def make(_: Declared, held: Overlay, now: int) -> Decision:
            if held.weights is None:
                raise ConfigError("there is nothing to clear", where=ensemble, got="the weights that the file says")
            return _decision(ensemble, Verb.WEIGHTS_CLEAR, ask, now)

        return self._decide(ensemble, ask, make)

    def freeze(self, ensemble: str, ask: Ask) -> dict[str, Any]:
        """Let nothing automatic move weights or roles."""
        return self._decide(ensemble, ask, lambda _, __, now: _decision(ensemble, Verb.FREEZE, ask, now))

    def unfreeze(self, ensemble: str, ask: Ask) -> dict[str, Any]:
        """Let automatic changes go on."""

        def make(_: Declared, held: Overlay, now: int) -> Decision:
            if held.freeze is None:
                raise ConfigError("the ensemble is not frozen", where=ensemble)
            return _decision(ensemble, Verb.UNFREEZE, ask, now)

        return self._decide(ensemble, ask, make)

    def undo(self, ensemble: str, ask: Ask) -> dict[str, Any]:
        """Take back the last decision that holds; again: the one before it."""

        def make(_: Declared, held: Overlay, now: int) -> Decision:
            if held.last is None:
                raise ConfigError("there is nothing to undo", where=ensemble, got="an ensemble as its file says")
            return _decision(ensemble, Verb.UNDO, ask, now, takes_back=held.last.number)

        return self._decide(ensemble, ask, make)

    # -- questions ----------------------------------------------------------------------------------------------
    def overlay(self, ensemble: str) -> Overlay:
        """Return what holds now whatever the file says."""
        return overlay_of(ensemble, self._store.decisions(ensemble), self._clock.now())

    def stands(self, ensemble: str = "") -> list[dict[str, Any]]:
        """Return how each ensemble stands, and what of it was decided, as plain data."""
        declared = self._declared()
        names = [ensemble] if ensemble else list(declared)
        return [{"ensemble": name} | described(self.overlay(name), self._known(name).standing) for name in names]

    # -- deeds --------------------------------------------------------------------------------------------------
    def expire(self, ensemble: str) -> None:
        """Write down the end of each decision whose time has run out; harmless where another process does so too."""
        newest = self._store.last_decision()
        past, now = self._store.decisions(ensemble), self._clock.now()
        for one in due(past, now):
            end = Decision(ensemble, Verb.EXPIRE, now, CLOCK, f"its time ran out: {one.reason}", takes_back=one.number,
                           number=newest + 1)  # fmt: skip
            until = one.until or now
            before, past = overlay_of(ensemble, past, until - 1), [*past, end]
            after = overlay_of(ensemble, past, until - 1)  # those that end at this very moment follow one by one
            if not self._store.add_decision(end, self._audit(end, one, before, after)):
                return
            newest += 1

    def _decide(self, ensemble: str, ask: Ask, make: Make) -> dict[str, Any]:
        declared, reason = self._known(ensemble), read_reason(ask.reason, where=ensemble)
        for _ in range(TRIES):
            self.expire(ensemble)
            newest = self._store.last_decision()  # read first: what comes after it is seen, or refuses the number
            past, now = self._store.decisions(ensemble), self._clock.now()
            before = overlay_of(ensemble, past, now)
            if ask.automatic and before.freeze is not None:
                raise ConfigError("the ensemble is frozen", where=ensemble, fix=f"choirmaster unfreeze {ensemble}")
            found = replace(make(declared, before, now), reason=reason, number=newest + 1)
            after = [*past, found]
            check_voters(past, after, declared, now, force=ask.force, where=ensemble)
            about = next((one for one in past if one.number == found.takes_back), found)
            audit = self._audit(found, about, before, overlay_of(ensemble, after, now))
            if self._store.add_decision(found, audit):
                self.told()
                return _answer(found, audit)
        raise Unavailable("others decide about this store at the same time", where=ensemble, fix="try again")

    def _audit(self, decision: Decision, about: Decision, before: Overlay, after: Overlay) -> AuditEntry:
        """Return the entry of a decision: how that stood which it is about, and how it stands."""
        declared = self._declared().get(decision.ensemble)
        file = declared.standing if declared else NOTHING
        until = f" until {isoformat(decision.until)}" if decision.until else ""
        was, stands = (subject_words(about, one.over(file)) for one in (before, after))
        return AuditEntry(decision.at, decision.who, str(decision.verb), decision.ensemble, decision.reason,
                          was, f"{stands}{until}")  # fmt: skip

    def _known(self, ensemble: str) -> Declared:
        declared = self._declared()
        if ensemble not in declared:
            raise unknown("ensemble", ensemble[:100], declared)
        return declared[ensemble]


def _decision(ensemble: str, verb: Verb, ask: Ask, now: int, **more: Any) -> Decision:
    until = _second(now + read_length(ask.lasting, where=ensemble)) if ask.lasting else None
    return Decision(ensemble, verb, now, ask.who, automatic=ask.automatic, until=until, **more)


def _second(instant: int) -> int:
    """Return the first whole second that is not before an instant: the end of a decision is read by people."""
    return -(-instant // SECOND) * SECOND


def _answer(decision: Decision, audit: AuditEntry) -> dict[str, Any]:
    return {
        "ensemble": decision.ensemble, "number": decision.number, "action": audit.action, "before": audit.before,
        "after": audit.after, "until": None if decision.until is None else isoformat(decision.until),
        "who": decision.who, "reason": decision.reason,
    }  # fmt: skip
