"""One Prometheus page about several server processes: each leaves its text in a folder, any of them joins all."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

_SAMPLE = re.compile(r"(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>.*)")
EVERY_SECONDS = 1.0


class Page(Protocol):
    """The telemetry of one process."""

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        ...

    def render(self) -> tuple[bytes, str]:
        """Return the text and its media type."""
        ...


class SharedPage:
    """The page of one process beside those of the others, every sample with the label ``worker``.

    Parameters
    ----------
    folder : Path
        Where all processes of one server leave their text once a second.
    number : int
        This process.
    own : Page
        The telemetry of this process.
    """

    def __init__(self, folder: Path, number: int, own: Page) -> None:
        self._folder, self._number, self._own = folder, number, own
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._leave_often, name="metrics-page", daemon=True)

    def start(self) -> None:
        """Leave the text from now on."""
        self._thread.start()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request of this process."""
        self._own.request(method, route, status, seconds)

    def render(self) -> tuple[bytes, str]:
        """Return one page about all processes, this one as of now."""
        own, kind = self._own.render()
        pages = {self._number: own.decode()}
        for file in sorted(self._folder.glob("*.prom")):
            with contextlib.suppress(OSError, ValueError):
                pages.setdefault(int(file.stem), file.read_text(encoding="utf-8"))
        return joined(sorted(pages.items())).encode(), kind

    def close(self) -> None:
        """Take the text of this process away."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        with contextlib.suppress(OSError):
            (self._folder / f"{self._number}.prom").unlink()

    def _leave_often(self) -> None:
        while True:
            with contextlib.suppress(OSError):  # a page that is a second older is still a page
                beside = self._folder / f"{self._number}.{os.getpid()}.new"
                beside.write_bytes(self._own.render()[0])
                beside.replace(self._folder / f"{self._number}.prom")
            if self._ending.wait(EVERY_SECONDS):
                return


def joined(pages: Iterable[tuple[int, str]]) -> str:
    r"""Return the pages as one, family by family, every sample with the label ``worker``.

    >>> print(joined([(0, "# TYPE a counter\na 1.0\n"), (1, '# TYPE a counter\na{b="c"} 2.0\n')]), end="")
    # TYPE a counter
    a{worker="0"} 1.0
    a{worker="1",b="c"} 2.0
    """
    families: dict[str, tuple[list[str], list[str]]] = {}
    for number, text in pages:
        heads, samples = families.setdefault("", ([], []))
        for line in text.splitlines():
            if line.startswith(("# HELP ", "# TYPE ")):
                name = line.split(" ", 3)[2]
                heads, samples = families.setdefault(name, ([], []))
                if line not in heads:
                    heads.append(line)
            elif match := _SAMPLE.fullmatch(line):
                labels = f'worker="{number}"' + (f",{match['labels']}" if match["labels"] else "")
                samples.append(f"{match['name']}{{{labels}}} {match['value']}")
    return "".join(f"{line}\n" for heads, samples in families.values() for line in (*heads, *samples))
