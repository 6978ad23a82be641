"""Compile the kernels with numba, once a machine: where the cache lies, and what happens when it cannot be written."""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from choirmaster.kernels import (
    answers,
    errors,
    locate,
    log,
    losses,
    numeric,
    quantiles,
    reconstruction,
    relative,
    scores,
    table,
    value_sums,
    votes,
)
from choirmaster.kernels.table import HELPERS, PLAIN, Kernels

MODULES = (
    answers,
    errors,
    locate,
    log,
    losses,
    numeric,
    quantiles,
    reconstruction,
    relative,
    scores,
    table,
    value_sums,
    votes,
)


class CacheNotWritable(UserWarning):
    """Compiled kernels cannot be kept, so each new process compiles again (about 4 s)."""


def cache_folder() -> Path:
    """Return where compiled kernels are kept: ``CHOIRMASTER_CACHE_DIR``, else the user's cache folder."""
    chosen = os.environ.get("CHOIRMASTER_CACHE_DIR")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base) / "choirmaster"
    try:
        return Path.home() / ".cache" / "choirmaster"
    except RuntimeError:  # no HOME and no entry for this user
        return Path(tempfile.gettempdir()) / f"choirmaster-{os.getuid()}"


@cache
def compiled() -> Kernels:
    """Return the compiled kernels; compiling happens at the first call of each with given types."""
    import numba
    from numba.extending import register_jitable

    for helper in HELPERS:
        register_jitable(helper)
    folder = _usable(cache_folder() / f"kernels-{_fingerprint()}")
    setattr(numba.config, "CACHE_DIR", str(folder) if folder else "")  # noqa: B010 - mypy does not know it
    jit: Any = numba.njit(nogil=True, cache=folder is not None)
    return Kernels(*(jit(getattr(PLAIN, name)) for name in Kernels.__slots__))


def _usable(folder: Path) -> Path | None:
    """Return the folder, or a private temporary one, or None with a warning."""
    for candidate in (folder, Path(tempfile.gettempdir()) / f"choirmaster-{os.getuid()}" / folder.name):
        try:
            candidate.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=candidate):
                return candidate
        except OSError:
            continue
    warnings.warn(f"compiled kernels cannot be kept: {folder} is not writable; set CHOIRMASTER_CACHE_DIR to a folder "
                  "that is, or each process compiles again", CacheNotWritable, stacklevel=3)  # fmt: skip
    return None


def _fingerprint() -> str:
    """Return a hash of the kernels' sources: helpers are compiled into their callers, so one change renews all."""
    digest = hashlib.blake2b(digest_size=8)
    for module in MODULES:
        read = getattr(module.__loader__, "get_source", None)
        digest.update(((read(module.__name__) if read else "") or "").encode())
    return digest.hexdigest()
