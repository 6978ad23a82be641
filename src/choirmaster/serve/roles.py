"""Who does what in an ensemble now: one immutable standing per request, so that no answer mixes two."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from choirmaster.errors import ConfigError, unknown
from choirmaster.overlay import Role, Standing


@dataclass(frozen=True, slots=True)
class Seating:
    """A standing that has been checked; what one request sees.

    Attributes
    ----------
    roles : dict
        Of every member, in declared order.
    shares : dict
        Of the canaries only.
    weights : dict
        Of every member, in declared order.
    member_weight : (n_members,) float64
        The same as an array.
    """

    roles: Mapping[str, Role]
    shares: Mapping[str, float]
    weights: Mapping[str, float]
    weight_version: str
    member_weight: NDArray[np.float64]
    frozen: bool = False

    @property
    def voters(self) -> tuple[str, ...]:
        """Members with a say in every row."""
        return tuple(name for name, role in self.roles.items() if role is Role.VOTER)


def seating(standing: Standing, names: Sequence[str], where: str) -> Seating:
    """Return a standing checked for the members of an ensemble; one that is not named votes with weight 1.

    How many voters there must be is not asked here: an operator may leave fewer than the quorum.

    Raises
    ------
    UnknownName
        A member that there is not.
    ConfigError
        A share or weight out of range.
    """
    for name in (*standing.roles, *standing.shares, *standing.weights):
        if name not in names:
            raise unknown("member", name, names, where=f"{where}.members")
    roles = {name: standing.roles.get(name, Role.VOTER) for name in names}
    shares = {name: standing.shares.get(name, 1.0) for name in names if roles[name] is Role.CANARY}
    for name, share in shares.items():
        check_share(share, f"{where}.members.{name}.share")
    voters = [name for name in names if roles[name] is Role.VOTER]
    array = _weights(standing.weights, names, voters, f"{where}.fusion.weights")
    weights = dict(zip(names, array.tolist(), strict=True))
    return Seating(roles, shares, weights, standing.weight_version, array, standing.frozen)


def check_share(share: float, where: str) -> None:
    """Raise ConfigError for a share that is no number in [0, 1]."""
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ConfigError("share out of range", where=where, expected="0 to 1", got=str(share))


def _weights(
    given: Mapping[str, float], names: Sequence[str], voters: Sequence[str], where: str
) -> NDArray[np.float64]:
    array = np.array([float(given.get(name, 1.0)) for name in names])
    heard = any(array[names.index(name)] > 0 for name in voters or names)
    if not np.isfinite(array).all() or (array < 0).any() or not heard:
        raise ConfigError("bad weights", where=where, got=str(dict(zip(names, array.tolist(), strict=True))),
                          expected="finite, none negative, a voter's above zero")  # fmt: skip
    return array


def in_share(ensemble: str, member: str, identity: str, share: float) -> bool:
    """Tell whether an id belongs to a canary's share: the same answer for ever, in every process.

    A larger share holds every id of a smaller one.

    >>> in_share("fraud", "next", "txn-1", 0.0), in_share("fraud", "next", "txn-1", 1.0)
    (False, True)
    """
    digest = hashlib.blake2b(f"{ensemble}\0{member}\0{identity}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2.0**64
