"""Where a member comes from: exactly one place, what fits it, and no ensemble inside itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from choirmaster.config.model import Config, Member
from choirmaster.errors import ChoirmasterError, ConfigError, unknown

Place = Callable[[str], str]
ORIGINS = ("file", "url", "callable", "ensemble")
MOST_PROCESSES = 64
_OF_A_URL = ("inputs", "tensor", "headers", "ca")


def check_origin(one: Member, path: str, place: Place) -> Iterator[ChoirmasterError]:
    """Yield what is wrong with where a member comes from, and with keys that would be without effect there."""
    given = [name for name in ORIGINS if getattr(one, name) is not None]
    if len(given) != 1:
        yield ConfigError("a member needs exactly one of file, url, callable and ensemble", where=place(path),
                          got=" and ".join(given) or "none")  # fmt: skip
        return
    if one.url is not None and not one.url.reveal().startswith(("http://", "https://")):
        yield ConfigError("a remote member needs an http or https url", where=place(f"{path}.url"), got=str(one.url))
    for name in _OF_A_URL:
        if getattr(one, name) and one.url is None:
            yield ConfigError("a key of remote members", where=place(f"{path}.{name}"), got=given[0], expected="url")
    if not 0 <= one.processes <= MOST_PROCESSES:
        yield ConfigError("processes out of range", where=place(f"{path}.processes"), got=str(one.processes),
                          expected=f"0 to {MOST_PROCESSES}")  # fmt: skip
    if one.processes and given[0] not in ("file", "callable"):
        yield ConfigError("only a local model runs in processes", where=place(f"{path}.processes"), got=given[0],
                          expected="file or callable")  # fmt: skip
    if one.memory < 0 or (one.memory and not one.processes):
        yield ConfigError("a limit of memory needs processes", where=place(f"{path}.memory"), got=str(one.memory),
                          expected="0, or MiB of a member with processes")  # fmt: skip


def check_nesting(config: Config, place: Place) -> Iterator[ChoirmasterError]:
    """Yield members that name an ensemble that is not there, has another task, or leads back to itself."""
    for name, ensemble in config.ensembles.items():
        for member, one in ensemble.members.items():
            where = place(f"$.ensembles.{name}.members.{member}.ensemble")
            if one.ensemble is None:
                continue
            inner = config.ensembles.get(one.ensemble)
            if inner is None:
                yield unknown("ensemble", one.ensemble, config.ensembles, where=where)
            elif name in _inside(config, one.ensemble):
                yield ConfigError("an ensemble is inside itself", where=where, got=f'"{one.ensemble}"')
            elif inner.task != ensemble.task:
                yield ConfigError("a member ensemble has another task", where=where, expected=ensemble.task,
                                  got=inner.task)  # fmt: skip


def _inside(config: Config, name: str) -> set[str]:
    """Return an ensemble and all that are inside it, at any depth."""
    found: set[str] = set()
    left = [name]
    while left:
        one = left.pop()
        if one not in found and one in config.ensembles:
            found.add(one)
            left += [it.ensemble for it in config.ensembles[one].members.values() if it.ensemble is not None]
    return found
