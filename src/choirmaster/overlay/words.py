"""The overlay in words and as plain data: the same for the audit table, pages, HTTP and the command line."""

from __future__ import annotations

from typing import Any

from choirmaster.overlay.decision import Decision, Role, Verb
from choirmaster.overlay.fold import Overlay
from choirmaster.overlay.standing import Standing
from choirmaster.times import isoformat


def role_words(standing: Standing, member: str) -> str:
    """Write a member's role.

    >>> role_words(Standing({"a": Role.CANARY}, {"a": 0.1}, {"a": 1.0}, "equal"), "a")
    'canary 0.1'
    """
    role = standing.roles.get(member)
    if role is None:
        return "no member"
    return f"{role} {standing.shares[member]:g}" if role is Role.CANARY else str(role)


def weight_words(standing: Standing) -> str:
    """Write all weights and their version.

    >>> weight_words(Standing({"a": Role.VOTER}, {}, {"a": 2.0}, "configured"))
    'a 2 (configured)'
    """
    return ", ".join(f"{name} {weight:g}" for name, weight in standing.weights.items()) + (
        f" ({standing.weight_version})"
    )


def subject_words(decision: Decision, standing: Standing) -> str:
    """Write how that stands which a decision is about: a member's role, the weights, or whether it is frozen."""
    match decision.verb:
        case Verb.MEMBER_SET | Verb.MEMBER_CLEAR:
            return f"{decision.member}: {role_words(standing, decision.member)}"
        case Verb.WEIGHTS_SET | Verb.WEIGHTS_CLEAR:
            return f"weights: {weight_words(standing)}"
    return "frozen" if standing.frozen else "not frozen"


def set_by(decision: Decision) -> dict[str, Any]:
    """Return who set something, when, until when and why, as plain data with a sentence under ``text``.

    >>> set_by(Decision("fraud", Verb.FREEZE, 0, "ana", "audit week", until=7_200_000_000))["text"]
    'set by ana until 1970-01-01T02:00:00Z: audit week'
    """
    until = None if decision.until is None else isoformat(decision.until)
    return {
        "number": decision.number, "who": decision.who, "at": isoformat(decision.at), "until": until,
        "reason": decision.reason, "automatic": decision.automatic,
        "text": f"set by {decision.who}{f' until {until}' if until else ''}: {decision.reason}",
    }  # fmt: skip


def described(overlay: Overlay, file: Standing) -> dict[str, Any]:
    """Return how an ensemble stands, what of it an operator decided, and what the file says, as plain data."""
    now = overlay.over(file)
    members = [
        {
            "name": name, "role": str(role), "share": now.shares.get(name), "weight": now.weights[name],
            "role_in_file": str(file.roles[name]), "weight_in_file": file.weights[name],
            "set": set_by(overlay.roles[name]) if name in overlay.roles else None,
        }
        for name, role in now.roles.items()
    ]  # fmt: skip
    return {
        "version": overlay.version, "frozen": now.frozen, "weights": dict(now.weights),
        "weight_version": now.weight_version, "members": members, "overrides": overrides(overlay, file),
        "ignored": list(overlay.ignored(file)),
    }  # fmt: skip


def overrides(overlay: Overlay, file: Standing) -> list[dict[str, Any]]:
    """Return one record for each thing that is not as the file says, or was set to be as it says."""
    now = overlay.over(file)
    found = [
        {"kind": "member", "what": name, "now": role_words(now, name), "file": role_words(file, name)}
        | set_by(decision)
        for name, decision in overlay.roles.items()
        if name in file.roles
    ]
    if overlay.weights is not None:
        found.append({"kind": "weights", "what": "weights", "now": weight_words(now), "file": weight_words(file)}
                     | set_by(overlay.weights))  # fmt: skip
    if overlay.freeze is not None:
        found.append({"kind": "freeze", "what": "automatic changes", "now": "frozen", "file": "allowed"}
                     | set_by(overlay.freeze))  # fmt: skip
    return found
