"""What a decision may be: errors of one form for whoever asks, on the command line or over HTTP."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from choirmaster.errors import ConfigError, unknown
from choirmaster.overlay.decision import Decision, Role
from choirmaster.overlay.fold import overlay_of, standing_decisions
from choirmaster.overlay.standing import Declared, Standing
from choirmaster.times import DAY, parse_duration

LONGEST_REASON = 500
LONGEST = 365 * DAY


def read_reason(text: str, *, where: str = "") -> str:
    """Return a reason without blanks around it; ConfigError where there is none.

    >>> read_reason("  drift on amount ")
    'drift on amount'
    """
    reason = " ".join(text.split())
    if not reason:
        raise ConfigError("a reason is needed", where=where, fix='say why, for who reads the audit: "boost times out"')
    if len(reason) > LONGEST_REASON:
        raise ConfigError("the reason is too long", where=where, expected=f"at most {LONGEST_REASON} characters",
                          got=str(len(reason)))  # fmt: skip
    return reason


def read_length(text: str, *, where: str = "") -> int:
    """Return how long a decision holds, in microseconds.

    >>> read_length("2h")
    7200000000
    """
    length = parse_duration(text, where=where)
    if not 0 < length <= LONGEST:
        raise ConfigError("duration out of range", where=where, expected="above 0, at most 365d", got=f'"{text}"')
    return length


def read_role(text: str, share: float | None, *, where: str = "") -> tuple[Role, float | None]:
    """Return a role and, of a canary, its share.

    >>> read_role("canary", 0.1)
    (<Role.CANARY: 'canary'>, 0.1)
    """
    if text not in list(Role):
        raise unknown("role", text, Role, where=where)
    role = Role(text)
    if role is Role.CANARY and (share is None or not 0 < share < 1):
        raise ConfigError("a canary needs a share of the traffic", where=where, expected="above 0 and below 1",
                          got="none" if share is None else f"{share:g}")  # fmt: skip
    if role is not Role.CANARY and share is not None:
        raise ConfigError("only a canary has a share", where=where, got=f"{role} with share {share:g}")
    return role, share


def read_member(name: str, file: Standing, *, where: str = "") -> str:
    """Return the name of a member, or raise UnknownName with those there are."""
    if name not in file.roles:
        raise unknown("member", name[:100], file.roles, where=where)
    return name


def read_weights(given: Mapping[str, float], now: Standing, *, where: str = "") -> dict[str, float]:
    """Return the weight of every member: those given, and for the others what holds now.

    >>> file = Standing({"a": Role.VOTER, "b": Role.VOTER}, {}, {"a": 1.0, "b": 1.0}, "equal")
    >>> read_weights({"a": 2}, file)
    {'a': 2.0, 'b': 1.0}
    """
    if not given:
        raise ConfigError("no weight is given", where=where, expected="member=weight, such as boost=2")
    for name, weight in given.items():
        read_member(name, now, where=where)
        if isinstance(weight, bool) or not math.isfinite(weight) or weight < 0:
            raise ConfigError("weight out of range", where=f"{where}, {name}" if where else name,
                              expected="a finite number, at least 0", got=f"{weight:g}")  # fmt: skip
    return {name: float(given.get(name, weight)) for name, weight in now.weights.items()}


def check_voters(
    before: Sequence[Decision], after: Sequence[Decision], declared: Declared, now: int, *, force: bool, where: str = ""
) -> None:
    """Refuse what would leave too few voters, no fallback, or no weight, now or when something runs out.

    Raises
    ------
    ConfigError
        Fewer voters than the quorum, or a fallback that would not be asked, where it is better without this decision;
        ``force`` accepts that. Or every voter would weigh nothing, which no fusion can use.
    """
    for at in _instants(after, now):
        held, then = _standing(before, declared, at), _standing(after, declared, at)
        have, had = len(then.voters), len(held.voters)
        if not force and have < min(declared.quorum, had):
            raise ConfigError("too few voters would be left", where=where, expected=f"the quorum, {declared.quorum}",
                              got=str(have), fix="put another member in first, or accept it with --force")  # fmt: skip
        if not force and declared.fallback in held.voters and declared.fallback not in then.voters:
            raise ConfigError("the fallback would not answer every row", where=where, expected="a voter",
                              got=f"{declared.fallback}: {then.roles[declared.fallback]}",
                              fix="declare another fallback, or accept it with --force")  # fmt: skip
        if then.voters and not any(then.weights[name] > 0 for name in then.voters):
            raise ConfigError("no voter would have a weight", where=where, expected="at least one above 0",
                              got=", ".join(f"{name} 0" for name in then.voters))  # fmt: skip


def _standing(decisions: Iterable[Decision], declared: Declared, at: int) -> Standing:
    return overlay_of("", decisions, at).over(declared.standing)


def _instants(decisions: Iterable[Decision], now: int) -> list[int]:
    ends = {one.until for one in standing_decisions(decisions) if one.until is not None and one.until > now}
    return [now, *sorted(ends)]
