"""How an ensemble stands: the role and weight of each member, as its file declares them or as they hold now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from choirmaster.overlay.decision import Role


@dataclass(frozen=True, slots=True)
class Standing:
    """Roles and weights of all members at one moment; replaced as a whole, never changed.

    Attributes
    ----------
    roles : dict
        Of every member, in declared order.
    shares : dict
        Of the canaries only.
    weights : dict
        Fusion weight of every member.
    weight_version : str
        Under which predictions record these weights.
    frozen : bool
        Whether nothing automatic may move any of it.
    """

    roles: Mapping[str, Role]
    shares: Mapping[str, float]
    weights: Mapping[str, float]
    weight_version: str
    frozen: bool = False

    @property
    def voters(self) -> tuple[str, ...]:
        """The members that vote on every row, and so count towards the quorum."""
        return tuple(name for name, role in self.roles.items() if role is Role.VOTER)


@dataclass(frozen=True, slots=True)
class Declared:
    """What the configuration file says of an ensemble.

    Attributes
    ----------
    standing : Standing
    quorum : int
        Members that must be present in a row.
    weighted : bool
        Whether its fusion rule reads weights.
    fallback : str
        The member whose answer stands in below the quorum; '' where none does.
    """

    standing: Standing
    quorum: int = 1
    weighted: bool = True
    fallback: str = ""
