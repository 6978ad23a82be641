"""``choirmaster freeze``, ``unfreeze`` and ``undo``."""

from __future__ import annotations

from choirmaster.cli.context import DEFAULT_CONFIG, Config, Json
from choirmaster.cli.deciding import For, Force, Url, Who, Why, decide


def freeze(
    ensemble: str, *, reason: Why = "", for_: For = "", who: Who = "", url: Url = "",
    config: Config = DEFAULT_CONFIG, json: Json = False,
) -> int:  # fmt: skip
    """Let nothing automatic move the weights or roles of an ensemble; people still can.

    Example: choirmaster freeze fraud --reason "audit week" --for 5d

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    """
    return decide(config, "freeze", ensemble, url=url, json=json, reason=reason, lasting=for_, who=who)


def unfreeze(
    ensemble: str, *, reason: Why = "", who: Who = "", url: Url = "", config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> int:  # fmt: skip
    """Let automatic changes of weights and roles go on.

    Example: choirmaster unfreeze fraud --reason "audit over"

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    """
    return decide(config, "unfreeze", ensemble, url=url, json=json, reason=reason, who=who)


def undo(
    ensemble: str, *, reason: Why = "", force: Force = False, who: Who = "", url: Url = "",
    config: Config = DEFAULT_CONFIG, json: Json = False,
) -> int:  # fmt: skip
    """Take the last decision about an ensemble back; once more: the one before it.

    Example: choirmaster undo fraud --reason "wrong member"

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    """
    return decide(config, "undo", ensemble, url=url, json=json, reason=reason, force=force, who=who)
