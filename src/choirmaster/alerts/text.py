"""What an alert says, in plain words."""

from __future__ import annotations

from dataclasses import dataclass

from choirmaster.alerts.life import Change, fingerprint
from choirmaster.alerts.rules import NO_VERDICT, Rule
from choirmaster.times import isoformat


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about."""

    ensemble: str
    series: str
    feature: str = ""
    segment: str = ""
    target: str = ""

    @property
    def words(self) -> str:
        """The subject as people say it.

        >>> Subject("delays", "boost").words, Subject("delays", "all", "temp").words
        ('boost', 'feature temp')
        """
        shown = f"feature {self.feature}" if self.feature else self.series
        return f"{shown} in {self.segment}" if self.segment else shown


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it is stored, shown and sent."""

    rule: Rule
    subject: Subject
    change: Change

    @property
    def fingerprint(self) -> str:
        """The same rule on the same subject has the same fingerprint for ever."""
        one = self.subject
        return fingerprint(one.ensemble, self.rule.name, one.series, one.feature, one.segment, one.target)

    @property
    def title(self) -> str:
        """One line."""
        state = "resolved: " if self.change.status == "resolved" else ""
        return f"{state}{self.subject.ensemble}: {self.rule.name.replace('_', ' ')} ({self.subject.words})"

    @property
    def text(self) -> str:
        """What, value against bound with n and interval, since when."""
        point, verdict = self.change.point, self.change.verdict
        value = "undefined" if point.value is None else f"{point.value:.4g}"
        interval = "" if point.lower is None or point.upper is None else f" [{point.lower:.4g}, {point.upper:.4g}]"
        past = "" if point.baseline is None else f"; the reference has {point.baseline:.4g}"
        bound = "" if verdict.bound is None else f" against a bound of {verdict.bound:.4g}"
        told = self.change.status == "firing" or verdict.why.startswith(NO_VERDICT)
        why = f" ({verdict.why})" if verdict.why and told else ""
        return (
            f"{self.rule.metric} of {self.subject.words} is {value}{interval} over {point.n} rows"
            f"{bound}{why}{past}; window {isoformat(point.window_start)}, since {isoformat(self.change.since)}"
        )

    def document(self, *, now: int, link: str = "") -> dict[str, object]:
        """Return the alert as plain data."""
        point, change, one = self.change.point, self.change, self.subject
        return {
            "id": f"{self.fingerprint}-{change.since}", "fingerprint": self.fingerprint, "ensemble": one.ensemble,
            "rule": self.rule.name, "metric": self.rule.metric, "state": change.status, "title": self.title,
            "severity": str(self.rule.severity), "series": one.series, "feature": one.feature, "segment": one.segment,
            "target": one.target, "value": point.value, "lower": point.lower, "upper": point.upper, "n": point.n,
            "baseline": point.baseline, "bound": change.verdict.bound, "why": change.verdict.why, "text": self.text,
            "since": change.since, "window_start": point.window_start, "window_end": point.window_end,
            "changed_at": now, "resolved_at": None, "resolution": "", "link": link, "runbook": self.rule.runbook,
        }  # fmt: skip
