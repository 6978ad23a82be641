"""Keep native libraries to one thread while something runs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import threadpool_limits


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which the linear algebra and OpenMP libraries that are loaded use one thread."""
    return threadpool_limits(limits=1)
