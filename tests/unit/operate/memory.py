"""Decisions kept in a list, and a clock that stands where it is put."""

from __future__ import annotations

from choirmaster.operate.operator import Ask, Operator
from choirmaster.overlay import Declared, Role, Standing

START = 1_767_225_600_000_000
FILE = Standing(
    {"a": Role.VOTER, "b": Role.VOTER, "c": Role.SHADOW}, {}, {"a": 1.0, "b": 2.0, "c": 1.0}, "configured"
)  # fmt: skip


class Memory:
    """The port of decisions without a database."""

    def __init__(self):
        self.kept, self.audits = [], []

    def add_decision(self, decision, audit):
        if decision.number != self.last_decision() + 1:
            return False
        self.kept.append(decision)
        self.audits.append(audit)
        return True

    def decisions(self, ensemble=""):
        return [one for one in self.kept if ensemble in ("", one.ensemble)]

    def last_decision(self):
        return len(self.kept)


class Clock:
    def __init__(self):
        self.at = START

    def now(self):
        return self.at

    def monotonic(self):
        return self.at / 1e6


def operator(store=None, clock=None, *, quorum=1, weighted=True, fallback="", **ensembles):
    """Return an operator over ``fraud`` (and other ensembles), declared as ``FILE`` says."""
    declared = {"fraud": Declared(FILE, quorum, weighted, fallback)} | ensembles
    return Operator(store or Memory(), clock or Clock(), lambda: declared)


def ask(reason="why", **more):
    return Ask("ana", reason, **more)
