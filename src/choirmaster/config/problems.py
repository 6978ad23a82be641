"""Every problem of a configuration at once."""

from __future__ import annotations

from collections.abc import Sequence

from choirmaster.errors import ChoirmasterError, ConfigError


class ConfigProblems(ConfigError):
    r"""All that is wrong with one configuration; ``problems`` holds them one by one.

    >>> str(ConfigProblems([ConfigError("bad rule", where="$.a"), ConfigError("bad sink", where="$.b")]))
    '2 problems in the configuration\n  bad rule, $.a\n  bad sink, $.b'
    """

    def __init__(self, problems: Sequence[ChoirmasterError], *, name: str = "the configuration") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in {name}")
        self.args = ("\n  ".join([self.what, *map(str, self.problems)]),)

    def as_dict(self) -> dict[str, object]:
        """Return the problems as plain data."""
        return super().as_dict() | {"problems": [one.as_dict() for one in self.problems]}
