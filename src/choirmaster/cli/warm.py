"""``choirmaster warm``."""

from __future__ import annotations

from choirmaster.cli import output
from choirmaster.cli.context import Json, services


def warm(*, json: Json = False) -> int:
    """Compile the kernels into the cache (CHOIRMASTER_CACHE_DIR), as for an image build.

    Example: choirmaster warm
    """
    with output.progress(quiet=json) as progress:
        found = services().warm(progress=progress)
    output.as_json(found) if json else output.record(found)
    return 0
