"""From the decisions about one ensemble to the overlay that holds at an instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from choirmaster.overlay.decision import ABOUT_OTHERS, Decision, Role, Verb
from choirmaster.overlay.standing import Standing


@dataclass(frozen=True, slots=True)
class Overlay:
    """What holds of an ensemble whatever its file says.

    Attributes
    ----------
    version : int
        Number of the newest decision read; 0 where there is none.
    roles : dict
        ``{member: the decision that set its role}``.
    weights, freeze : Decision or None
        The decision that set the weights, and the one that froze the ensemble.
    last : Decision or None
        The one that ``undo`` takes back.
    next_change : int or None
        The first instant at which a decision in it runs out.
    """

    ensemble: str
    version: int = 0
    roles: Mapping[str, Decision] = field(default_factory=dict)
    weights: Decision | None = None
    freeze: Decision | None = None
    last: Decision | None = None
    next_change: int | None = None

    def over(self, file: Standing) -> Standing:
        """Return what holds: the file's standing with this overlay on top.

        Members that the file does not name are left out; a member that the decided weights do not name keeps the
        file's weight.
        """
        roles = {name: self._role(name, role) for name, role in file.roles.items()}
        return Standing(
            roles,
            {name: self._share(name, file) for name, role in roles.items() if role is Role.CANARY},
            file.weights if self.weights is None else {
                name: float(self.weights.weights.get(name, weight)) for name, weight in file.weights.items()},
            file.weight_version if self.weights is None else weight_version(self.weights),
            self.freeze is not None,
        )  # fmt: skip

    def ignored(self, file: Standing) -> tuple[str, ...]:
        """Return the members of the overlay that the file does not name, sorted."""
        named = {*self.roles, *(self.weights.weights if self.weights else ())}
        return tuple(sorted(named - set(file.roles)))

    def _role(self, name: str, role: Role) -> Role:
        decision = self.roles.get(name)
        return role if decision is None or decision.role is None else decision.role

    def _share(self, name: str, file: Standing) -> float:
        decision = self.roles.get(name)
        given = None if decision is None else decision.share
        return file.shares.get(name, 1.0) if given is None else given


def weight_version(decision: Decision) -> str:
    """Return the name under which predictions record the weights that a decision set.

    >>> weight_version(Decision("fraud", Verb.WEIGHTS_SET, 0, "ana", number=7))
    'decision-7'
    """
    return f"decision-{decision.number}"


def overlay_of(ensemble: str, decisions: Iterable[Decision], now: int) -> Overlay:
    """Return the overlay at an instant: every decision in order, but those taken back and those whose time ran out.

    Parameters
    ----------
    decisions : iterable of Decision
        All of this ensemble, ascending.
    now : int
        Microseconds UTC.

    Examples
    --------
    >>> first = Decision("fraud", Verb.MEMBER_SET, 0, "ana", member="boost", role=Role.OFF, until=10, number=1)
    >>> [name for name in overlay_of("fraud", [first], 9).roles], overlay_of("fraud", [first], 10).roles
    (['boost'], {})
    """
    past = list(decisions)
    held = [one for one in standing_decisions(past) if not one.over(now)]
    roles: dict[str, Decision] = {}
    weights: Decision | None = None
    freeze: Decision | None = None
    for one in held:
        match one.verb:
            case Verb.MEMBER_SET:
                roles[one.member] = one
            case Verb.MEMBER_CLEAR:
                roles.pop(one.member, None)
            case Verb.WEIGHTS_SET:
                weights = one
            case Verb.WEIGHTS_CLEAR:
                weights = None
            case Verb.FREEZE:
                freeze = one
            case Verb.UNFREEZE:
                freeze = None
    return Overlay(
        ensemble, past[-1].number if past else 0, roles, weights, freeze, held[-1] if held else None,
        min((one.until for one in held if one.until is not None), default=None),
    )  # fmt: skip


def standing_decisions(decisions: Iterable[Decision]) -> list[Decision]:
    """Return the decisions that nobody took back and whose end is not written down yet."""
    past = list(decisions)
    gone = {one.takes_back for one in past if one.verb in ABOUT_OTHERS}
    return [one for one in past if one.verb not in ABOUT_OTHERS and one.number not in gone]


def due(decisions: Iterable[Decision], now: int) -> list[Decision]:
    """Return the decisions whose time has run out and whose end is not written down yet, the first to end first."""
    return sorted((one for one in standing_decisions(decisions) if one.over(now)), key=lambda one: one.until or now)
