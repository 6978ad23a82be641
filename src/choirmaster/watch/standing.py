"""Roles and weights of an ensemble as pages show them: what holds now, and who set what the file does not say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from choirmaster.overlay import Overlay, Standing
from choirmaster.overlay.words import described
from choirmaster.watch.settings import MonitorSettings


class StandingQueries:
    """Answers about roles, weights and versions of members."""

    overlays: Callable[[str], Overlay]
    settings: dict[str, MonitorSettings]
    if TYPE_CHECKING:

        def _asked(self, ensemble: str) -> list[str]: ...

    def stands(self, settings: MonitorSettings) -> dict[str, Any]:
        """Return members, weights, weight version, freeze and overrides of an ensemble."""
        return _stands(settings, self.overlays(settings.name))

    def models(self, *, ensemble: str = "", limit: int = 10_000) -> list[dict[str, Any]]:
        """Return every member of every ensemble with its role and version."""
        known = [(name, self.stands(self.settings[name])) for name in self._asked(ensemble)]
        return [{"ensemble": name, **one} for name, found in known for one in found["members"]][:limit]

    def weights(self, *, ensemble: str = "", limit: int = 10_000) -> list[dict[str, Any]]:
        """Return the fusion weights of each ensemble as they hold now, and their version."""
        known = [(name, self.stands(self.settings[name])) for name in self._asked(ensemble)[:limit]]
        return [{"ensemble": name, "weights": one["weights"], "version": one["weight_version"]} for name, one in known]


def _stands(settings: MonitorSettings, overlay: Overlay) -> dict[str, Any]:
    facts, names = settings.facts, [one.name for one in settings.layout.members]
    file = facts.get("standing")
    known: Any = facts.get("members") or [{"name": name, "version": "", "role": "voter", "kind": ""} for name in names]
    if not isinstance(file, Standing):
        return {"members": list(known), "weights": facts.get("weights", {}), "weight_version": "", "frozen": False,
                "overrides": []}  # fmt: skip
    found = described(overlay, file)
    now = {one["name"]: one for one in found["members"]}
    return {name: found[name] for name in ("weights", "weight_version", "frozen", "overrides")} | {
        "members": [{**one, **now.get(one["name"], {})} for one in known]
    }
