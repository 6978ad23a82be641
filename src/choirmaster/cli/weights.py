"""``choirmaster weights``: how much each member's answer counts."""

from __future__ import annotations

from choirmaster.cli.context import DEFAULT_CONFIG, Config, Json
from choirmaster.cli.deciding import For, Url, Who, Why, decide
from choirmaster.errors import ConfigError


def set_weights(
    ensemble: str, *weights: str, reason: Why = "", for_: For = "", who: Who = "", url: Url = "",
    config: Config = DEFAULT_CONFIG, json: Json = False,
) -> int:  # fmt: skip
    """Set fusion weights in every running server, at once and over restarts: a new weight version, until cleared.

    Example: choirmaster weights set fraud boost=2 net=1 --reason "boost has the better recall since June"

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    weights
        member=weight, each at least 0; a member that is not named keeps the weight it has.
    """
    return decide(config, "set_weights", ensemble, url=url, json=json, weights=dict(map(_pair, weights)), reason=reason,
                  lasting=for_, who=who)  # fmt: skip


def clear_weights(
    ensemble: str, *, reason: Why = "", who: Who = "", url: Url = "", config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> int:  # fmt: skip
    """Let the weights be again what the configuration says.

    Example: choirmaster weights clear fraud --reason "trial over"

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    """
    return decide(config, "clear_weights", ensemble, url=url, json=json, reason=reason, who=who)


def _pair(text: str) -> tuple[str, float]:
    member, mark, number = text.partition("=")
    try:
        if mark:
            return member, float(number)
    except ValueError:
        pass
    raise ConfigError("cannot read a weight", expected="member=weight, such as boost=2", got=f'"{text[:80]}"')
