"""``choirmaster`` and ``python -m choirmaster``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from choirmaster.cli import services

_FILES_ONLY = ("init", "monitor")  # commands that run no code of the user's, which might want pandas


def _services() -> services.Services:
    """Load the composition, which knows every name; ``--help`` never comes here."""
    from choirmaster.app.services import Services

    if sys.argv[1:2] and sys.argv[1] in _FILES_ONLY:
        from choirmaster.app.lean import keep_pandas_out

        keep_pandas_out()
    return Services()


def main() -> None:
    """Run the command line and exit with its code."""
    from choirmaster.cli.main import main as run

    sys.exit(run(sys.argv[1:], _services))


if __name__ == "__main__":
    main()
