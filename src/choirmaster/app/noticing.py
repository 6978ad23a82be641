"""What ``check`` tells of a store: where a reference in use is not what the configuration asks for now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from choirmaster.app.ensembles import monitor_settings
from choirmaster.app.files import read_config, store_folder
from choirmaster.stores.sql.database import sqlite
from choirmaster.stores.sql.migrate import HEAD, current
from choirmaster.stores.sql.small import SmallTables
from choirmaster.watch.choosing import fix_text, found_differences
from choirmaster.watch.history import history_of

STORE = "store.sqlite"


def notices(path: Path) -> Sequence[str]:
    """Return a line for each difference; a store of another version is left as it is, and nothing is said of it."""
    config = read_config(path)
    file = store_folder(config, path) / STORE
    if not file.exists():
        return []
    database = sqlite(file)
    try:
        with database.read() as link:
            if current(link) != HEAD:
                return []
        store: Any = SmallTables(database)  # all that a reference's history asks of a store
        out: list[str] = []
        for name, one in config.ensembles.items():
            settings = monitor_settings(name, one, config, path, {})
            history = history_of(store, name, settings.layout)
            found = [] if history is None else found_differences(store, settings, history)
            out += [f"{name}: {what}; {fix_text(name)}" for what in found]
        return out
    finally:
        database.close()
