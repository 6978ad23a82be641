"""What a command needs from the outside: the services, made when first asked for, and how to answer."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from choirmaster.cli.services import Services

FINE, FOUND, USAGE, COULD_NOT = 0, 1, 2, 3

Json = Annotated[bool, Parameter("--json", negative=(), help="Answer in JSON, for machines.")]
Config = Annotated[Path, Parameter(["--config", "-c"], help="The configuration.")]
DEFAULT_CONFIG = Path("choirmaster.yaml")


@dataclass(slots=True)
class Context:
    """One run of the command line."""

    make: Callable[[], Services]
    made: list[Any] = field(default_factory=list)

    @property
    def services(self) -> Services:
        """The services; what they need is loaded now."""
        if not self.made:
            self.made.append(self.make())
        services: Services = self.made[0]
        return services


CURRENT: ContextVar[Context] = ContextVar("choirmaster_cli")


def services() -> Services:
    """Return the services of this run."""
    return CURRENT.get().services
