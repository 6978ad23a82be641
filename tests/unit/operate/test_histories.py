"""Any sequence of verbs, expiries and undos leaves an ensemble as a plain model of it says, and leaves nothing out."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from choirmaster.errors import ConfigError
from choirmaster.operate.follower import Follower
from choirmaster.overlay import Verb
from choirmaster.times import HOUR, MINUTE
from tests.unit.operate.memory import FILE, Clock, Memory, ask, operator

MEMBERS = st.sampled_from(sorted(FILE.roles))
LENGTHS = st.sampled_from(["", "", "1h", "2h"])
MICROS = {"": None, "1h": HOUR, "2h": 2 * HOUR}


class Histories(RuleBasedStateMachine):
    """The model is a list of changes, each (key, value or None, end); a key that nobody sets is as the file says."""

    def __init__(self):
        super().__init__()
        self.store, self.clock = Memory(), Clock()
        self.operator = operator(self.store, self.clock)
        self.applied = {}
        self.follower = Follower(self.store, self.clock, self.operator, lambda: ["fraud"], self.applied.__setitem__)
        self.changes, self.taken = [], 0

    # -- the model ----------------------------------------------------------------------------------------------
    def expected(self):
        found = {key: value for key, value, _ in self.changes}
        return {key: value for key, value in found.items() if value is not None}

    def change(self, key, value, length=""):
        self.changes.append((key, value, self.clock.at + MICROS[length] if length else None))
        self.taken += 1

    # -- the verbs ----------------------------------------------------------------------------------------------
    @rule(member=MEMBERS, role=st.sampled_from(["voter", "shadow", "canary 0.25", "off"]), length=LENGTHS)
    def set_role(self, member, role, length):
        name, _, share = role.partition(" ")
        self.operator.set_role("fraud", member, name, ask(lasting=length, force=True),
                               share=float(share) if share else None)  # fmt: skip
        self.change(member, role, length)

    @rule(member=MEMBERS)
    def clear_role(self, member):
        if member not in self.expected():
            with pytest.raises(ConfigError, match="nothing to clear"):
                self.operator.clear_role("fraud", member, ask(force=True))
            return
        self.operator.clear_role("fraud", member, ask(force=True))
        self.change(member, None)

    @rule(weight=st.integers(1, 9), length=LENGTHS)
    def set_weights(self, weight, length):
        before = self.expected().get("weights", FILE.weights)
        self.operator.set_weights("fraud", {"a": weight}, ask(lasting=length))
        self.change("weights", {**before, "a": float(weight)}, length)

    @precondition(lambda self: "weights" in self.expected())
    @rule()
    def clear_weights(self):
        self.operator.clear_weights("fraud", ask())
        self.change("weights", None)

    @rule(length=LENGTHS)
    def freeze(self, length):
        self.operator.freeze("fraud", ask(lasting=length))
        self.change("frozen", True, length)

    @precondition(lambda self: "frozen" in self.expected())
    @rule()
    def unfreeze(self):
        self.operator.unfreeze("fraud", ask())
        self.change("frozen", None)

    @rule()
    def undo(self):
        if not self.changes:
            with pytest.raises(ConfigError, match="nothing to undo"):
                self.operator.undo("fraud", ask(force=True))
            return
        self.operator.undo("fraud", ask(force=True))
        self.changes.pop()
        self.taken += 1

    @rule(minutes=st.integers(1, 90))
    def wait(self, minutes):
        self.clock.at += minutes * MINUTE
        ended = [one for one in self.changes if one[2] is not None and one[2] <= self.clock.at]
        self.changes = [one for one in self.changes if one not in ended]
        self.taken += len(ended)

    # -- what must hold -----------------------------------------------------------------------------------------
    @invariant()
    def it_stands_as_the_model_says(self):
        (found,) = self.operator.stands("fraud")
        wanted = self.expected()
        roles = {one["name"]: one["role"] + (f" {one['share']:g}" if one["share"] else "") for one in found["members"]}
        assert roles == {name: wanted.get(name, str(role)) for name, role in FILE.roles.items()}
        assert found["weights"] == wanted.get("weights", FILE.weights)
        assert found["frozen"] == ("frozen" in wanted)
        assert len(found["overrides"]) == len(wanted)

    @invariant()
    def a_follower_holds_it_and_every_end_is_written_down_once(self):
        self.follower.look()
        self.follower.look()
        assert self.applied["fraud"].over(FILE) == self.operator.overlay("fraud").over(FILE)
        assert len(self.store.kept) == len(self.store.audits) == self.taken
        ends = [one.takes_back for one in self.store.kept if one.verb in (Verb.EXPIRE, Verb.UNDO)]
        assert len(ends) == len(set(ends))

    @invariant()
    def each_entry_of_the_audit_begins_where_the_last_one_about_it_ended(self):
        stood = {}
        for entry in self.store.audits:
            subject, mark, before = entry.before.rpartition(": ")
            key = subject if mark else "frozen"
            after = entry.after.rpartition(" until ")[0] or entry.after
            assert stood.get(key, before) == before, (key, entry)
            stood[key] = after.rpartition(": ")[2]


TestHistories = Histories.TestCase
