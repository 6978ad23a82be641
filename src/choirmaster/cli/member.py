"""``choirmaster member``: what each member does now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, FINE, Config, Json, services
from choirmaster.cli.deciding import For, Force, Url, Who, Why, decide

_COLUMNS = ("ensemble", "member", "role", "share", "weight", "file says", "set by", "until", "reason")


def set_role(
    ensemble: str, member: str, *, role: str, reason: Why = "", share: float | None = None, for_: For = "",
    force: Force = False, who: Who = "", url: Url = "", config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> int:  # fmt: skip
    """Give a member another role in every running server, at once and over restarts, until it is cleared.

    Example: choirmaster member set fraud boost --role shadow --reason "times out since 02:40" --for 2h

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    member
        Its name there.
    role
        voter: has a say. shadow: asked and measured, no say. canary: a voter for a share of the ids. off: not asked.
    share
        Share of the ids that a canary votes on, such as 0.1.
    """
    return decide(config, "set_role", ensemble, url=url, json=json, member=member, role=role, share=share,
                  reason=reason, lasting=for_, force=force, who=who)  # fmt: skip


def clear_role(
    ensemble: str, member: str, *, reason: Why = "", force: Force = False, who: Who = "", url: Url = "",
    config: Config = DEFAULT_CONFIG, json: Json = False,
) -> int:  # fmt: skip
    """Let a member do again what the configuration says.

    Example: choirmaster member clear fraud boost --reason "answers in time again"

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    member
        Its name there.
    """
    return decide(config, "clear_role", ensemble, url=url, json=json, member=member, reason=reason, force=force,
                  who=who)  # fmt: skip


def list_members(ensemble: str = "", *, url: Url = "", config: Config = DEFAULT_CONFIG, json: Json = False) -> int:
    """List roles and weights as they hold now, who set them, until when and why.

    Example: choirmaster member list fraud

    Parameters
    ----------
    ensemble
        Its name in the configuration; all when not given.
    """
    found = list(services().stands(config, ensemble=ensemble, url=url))
    if json:
        output.as_json(found)
        return FINE
    output.records([_row(one["ensemble"], it) for one in found for it in one["members"]], columns=_COLUMNS)
    for line in _beside(found):
        output.tell(line)
    return FINE


def _row(ensemble: str, member: Mapping[str, Any]) -> dict[str, Any]:
    given = member["set"] or {}
    return {
        "ensemble": ensemble, "member": member["name"], "role": member["role"], "share": member["share"],
        "weight": member["weight"], "file says": member["role_in_file"], "set by": given.get("who"),
        "until": given.get("until"), "reason": given.get("reason"),
    }  # fmt: skip


def _beside(found: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Say what was decided about an ensemble as a whole, and what no longer has a member."""
    for one in found:
        for each in one["overrides"]:
            if each["kind"] != "member":
                yield f"{one['ensemble']}: {each['what']}: {each['now']}, {each['text']}"
        if one["ignored"]:
            yield f"{one['ensemble']}: decided about members that the file does not name: {', '.join(one['ignored'])}"
