"""Keep pandas out of a process that makes no pandas frame."""

from __future__ import annotations

import sys
from typing import Any


class _NoPandas:
    """Says that there is no pandas, to whoever looks for it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Refuse pandas; leave every other name to the others."""
        del path, target
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name="pandas")


def keep_pandas_out() -> None:
    """Let pyarrow believe that there is no pandas, until somebody asks it for a pandas frame.

    pyarrow imports pandas, where it is installed, the first time it makes an array from a list, only to see whether
    the list is a pandas object. That costs 0.5 s, and 2.5 s where pandas is not yet compiled to bytecode. pyarrow looks
    once and remembers; what needs pandas (``to_pandas``) looks again and finds it.
    """
    if "pandas" in sys.modules:
        return
    import pyarrow as pa

    finder: Any = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)
