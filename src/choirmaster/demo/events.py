"""Names each event of the monitor once, in plain words, with the address where it can be looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from choirmaster.demo.setting import TIMEZONE
from choirmaster.demo.traffic import ENSEMBLE
from choirmaster.errors import ChoirmasterError

EVERY_SECONDS = 2.0
Alert = Mapping[str, Any]
Said = tuple[str, str]  # alert and whether it fires or is over


class Asked(Protocol):
    """What of ``choirmaster.Client`` the watcher uses."""

    def alerts(self, ensemble: str | None = None) -> list[dict[str, Any]]:
        """Return alerts."""
        ...


class Events:
    """Asks for alerts again and again, in a thread of its own, and tells what is new.

    Parameters
    ----------
    server : Asked
    tell : callable
        Gets one line for each event.
    link : str
        Where an event can be looked at, if it does not say so itself.
    """

    def __init__(self, server: Asked, tell: Callable[[str], None], link: str = "") -> None:
        self._server, self._tell, self._link = server, tell, link
        self._said: set[Said] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self.lines = 0

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self) -> list[dict[str, Any]]:
        """Ask once, tell what is new, and return every alert."""
        found = self._server.alerts(ENSEMBLE)
        for line in self.fresh(found):
            self.lines += 1
            self._tell(line)
        return found

    def fresh(self, alerts: Iterable[Alert]) -> list[str]:
        """Return the lines of what was not said before: one for each rule and day, whatever it says it of."""
        groups: dict[tuple[str, str, str], list[Alert]] = {}
        for one in sorted(alerts, key=lambda one: (one["window_start"], one["rule"], one["series"], one["feature"])):
            if (one["id"], one["state"]) in self._said:
                continue
            over_at_once = one["state"] == "resolved" and (one["id"], "firing") not in self._said
            self._said |= {(one["id"], one["state"]), (one["id"], "firing")}
            state = "passed" if over_at_once else one["state"]
            day = (one.get("resolved_at") or one["since"]) if state == "resolved" else one["window_start"]
            groups.setdefault((day, one["rule"], state), []).append(one)
        return [_line(state, some, self._link) for (_, _, state), some in groups.items()]

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            try:
                self.look()
            except ChoirmasterError:
                continue  # the replay itself says when the server is gone


def _line(state: str, some: list[Alert], link: str) -> str:
    first = some[0]
    link = first.get("link") or link
    where = f"  {link}" if link else ""
    rule = str(first["rule"]).replace("_", " ")
    who = _and([_subject(one) for one in some])
    over = _day(first["resolved_at"]) if first.get("resolved_at") else ""
    if state == "resolved":
        return f"{over}  over: {rule} of {who}, since {_day(first['since'])}{where}".lstrip()
    until = f", over by {over}" if state == "passed" else ""
    return f"{_day(first['window_start'])}  {first['severity']}: {rule} of {who}{_why(first)}{until}{where}"


def _why(one: Alert) -> str:
    value = one["value"]["value"] if isinstance(one.get("value"), Mapping) else one.get("value")
    if value is None:
        return ""
    past = f", {one['baseline']:.3g} in training" if one.get("baseline") is not None else ""
    metric = str(one["metric"]).replace("_", " ")
    return f" ({metric} of {_subject(one)} is {value:.3g}{past})"


def _subject(one: Alert) -> str:
    name = one["feature"] or one["series"]
    return f"{name} in {one['segment']}" if one.get("segment") else str(name)


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _day(instant: str) -> str:
    moment = datetime.fromisoformat(instant).astimezone(ZoneInfo(TIMEZONE))
    return moment.strftime("%d %b").lstrip("0")
