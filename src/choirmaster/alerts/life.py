"""The life of an alert: quiet, pending, firing, resolved; windows are judged once, in order, when they are mature."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from choirmaster.alerts.rules import Point, Rule, Verdict

QUIET, PENDING, FIRING = "quiet", "pending", "firing"


@dataclass(frozen=True, slots=True)
class Track:
    """Where one rule stands on one subject.

    Attributes
    ----------
    state : str
        ``quiet``, ``pending`` or ``firing``.
    judged_until : int
        Start of the last window judged; later runs go on after it.
    streak : int
        Windows in a row that speak for a change: bad ones while not firing, good ones while firing.
    since : int
        Start of the first window of the streak that fired.
    """

    state: str = QUIET
    judged_until: int = -(1 << 62)
    streak: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """An alert began to fire or was resolved, at this point and against this bound."""

    status: str  # firing | resolved
    since: int
    point: Point
    verdict: Verdict


def fingerprint(*parts: str) -> str:
    """Return the stable identity of an alert: the same rule on the same subject, for ever.

    >>> len(fingerprint("fraud", "member_failing", "boost"))
    16
    """
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()


def follow(rule: Rule, track: Track, points: Iterable[Point]) -> tuple[Track, list[Change]]:
    """Judge what is new, in window order, up to the first window whose labels are not due yet.

    Examples
    --------
    >>> from choirmaster.alerts.rules import bounded
    >>> rule = Rule("low", "roc_auc", bounded(below=0.8), windows=2)
    >>> points = [Point(day, day + 1, value, None, None, 9) for day, value in enumerate([0.9, 0.7, 0.7, 0.9, 0.9])]
    >>> [(change.status, change.since) for change in follow(rule, Track(), points)[1]]
    [('firing', 1), ('resolved', 1)]
    """
    changes: list[Change] = []
    for point in sorted(points, key=lambda one: one.window_start):
        if point.window_start <= track.judged_until:
            continue
        if rule.needs_labels and not point.mature:
            break
        verdict = rule.judge(point)
        track, change = _step(rule, track, point, verdict)
        changes += [change] if change else []
    return track, changes


def _step(rule: Rule, track: Track, point: Point, verdict: Verdict) -> tuple[Track, Change | None]:
    track = replace(track, judged_until=point.window_start)
    if verdict.bad is None:
        return track, None
    if track.state == FIRING:
        streak = 0 if verdict.bad else track.streak + 1
        if streak < rule.windows:
            return replace(track, streak=streak), None
        return Track(QUIET, point.window_start), Change("resolved", track.since, point, verdict)
    if not verdict.bad:
        return Track(QUIET, point.window_start), None
    since = track.since if track.streak else point.window_start
    if track.streak + 1 < rule.windows:
        return Track(PENDING, point.window_start, track.streak + 1, since), None
    return Track(FIRING, point.window_start, 0, since), Change("firing", since, point, verdict)
