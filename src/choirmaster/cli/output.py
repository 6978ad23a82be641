"""How answers look: JSON for machines, tables and lines for people, progress on a terminal or as plain lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from choirmaster.ports import Progress

_ROWS = 60


def tell(line: str) -> None:
    """Print one line for people, at once."""
    print(line, flush=True)


def hint(line: str) -> None:
    """Print one line beside the answer."""
    print(line, file=sys.stderr, flush=True)


def as_json(value: Any) -> None:
    """Print an answer for machines; NaN never appears, because undefined values are null."""
    print(json.dumps(value, ensure_ascii=False, default=_plain, indent=None if isinstance(value, list) else 2))


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    if hasattr(value, "to_pylist"):
        return value.to_pylist()
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else str(value)


def record(value: Mapping[str, Any]) -> None:
    """Print plain data as lines ``name: value``; lists of records as tables."""
    for name, one in value.items():
        if isinstance(one, Sequence) and one and all(isinstance(item, Mapping) for item in one):
            print(f"{name}:")
            records(one)
        elif isinstance(one, Mapping):
            print(f"{name}: " + (", ".join(f"{key} {text(item)}" for key, item in one.items()) or "none"))
        else:
            print(f"{name}: {text(one)}")


def records(rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str] = ()) -> None:
    """Print records as a table: drawn on a terminal, with tabs elsewhere."""
    names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
    _table(names, [[text(row.get(name)) for name in names] for row in rows], len(rows))


def arrow(table: pa.Table) -> None:
    """Print an Arrow table; columns that hold nothing are left out."""
    shown = table.slice(0, _ROWS) if sys.stdout.isatty() else table
    filled = [name for name in table.column_names if table.column(name).null_count < len(table)]
    filled = [name for name in filled if any(one not in ("", None) for one in shown.column(name).to_pylist())]
    rows = [[text(row[name]) for name in filled] for row in shown.select(filled).to_pylist()]
    _table(filled, rows, len(table))


def text(value: Any) -> str:
    """Write one value for people: six significant digits, times without zeros that say nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).replace("+00:00", "Z").replace("T00:00:00Z", "")
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(text(one) for one in value)
    return str(value)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], total: int) -> None:
    if not sys.stdout.isatty():
        for row in [names, *rows]:
            print("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(escape(name))
    for row in rows:
        table.add_row(*map(escape, row))
    console = Console()
    console.print(table)
    if total > len(rows):
        console.print(f"... and {total - len(rows)} rows more; --json has them all")


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Progress]:
    """Show how far long work is, on stderr: a bar on a terminal, else a line for each stage and each tenth."""
    if quiet:
        yield _silent
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield bars
    else:
        yield _Lines()


def _silent(stage: str, done: float, total: float, text: str = "") -> None:
    """Show nothing."""
    del stage, done, total, text


class _Lines:
    """Plain lines, few of them."""

    def __init__(self) -> None:
        self._shown: dict[str, int] = {}

    def __call__(self, stage: str, done: float, total: float, text: str = "") -> None:
        tenth = int(10 * done / total) if total else 0
        if self._shown.get(stage, -1) < tenth:
            self._shown[stage] = tenth
            share = f" {10 * tenth} %" if total else ""
            hint(f"{stage}{share}{': ' + text if text else ''}")


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: float, total: float, text: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total or None, text=text)
            bars.update(tasks[stage], completed=done, total=total or None, text=text)

        yield show
