"""choirmaster runs many models as one, and hears which one is off key.

>>> import choirmaster as cm
>>> cm.Schema("binary", label="y", members={"logit": "p_logit", "forest": "p_forest"}, fusion="mean").fusion
'mean'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from choirmaster.api import Result, TrainResult, monitor, train
    from choirmaster.api.profiles import Profile, profile
    from choirmaster.client import AsyncClient, Client
    from choirmaster.detect import detect_changes, window_changes
    from choirmaster.estimators.ensemble import Ensemble
    from choirmaster.schema import Schema

_HOMES = {
    "AsyncClient": "choirmaster.client", "Client": "choirmaster.client", "Ensemble": "choirmaster.estimators.ensemble",
    "Profile": "choirmaster.api.profiles", "Result": "choirmaster.api", "Schema": "choirmaster.schema",
    "TrainResult": "choirmaster.api", "detect_changes": "choirmaster.detect", "monitor": "choirmaster.api",
    "profile": "choirmaster.api.profiles", "train": "choirmaster.api", "window_changes": "choirmaster.detect",
}  # fmt: skip

__all__ = [
    "AsyncClient",
    "Client",
    "Ensemble",
    "Profile",
    "Result",
    "Schema",
    "TrainResult",
    "detect_changes",
    "monitor",
    "profile",
    "train",
    "window_changes",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562), so that importing the package costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        found = getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        from choirmaster.errors import extra_for

        raise extra_for(error) or error from None
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
