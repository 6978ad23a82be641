"""The append-only table of decisions, in every store."""

import threading

import pytest
import sqlalchemy as sa

from choirmaster.errors import StoreError
from choirmaster.overlay import Decision, Role, Verb
from choirmaster.ports import AuditEntry


def decision(number, **more):
    given = {"ensemble": "delays", "verb": Verb.FREEZE, "at": number, "who": "ana", "reason": "why", "number": number}
    return Decision(**given | more)


def entry(number):
    return AuditEntry(number, "ana", "freeze", "delays", "why", "not frozen", "frozen")


def test_decisions_come_back_as_they_were_and_in_order(store):
    kept = [
        decision(1, verb=Verb.MEMBER_SET, member="boost", role=Role.CANARY, share=0.1, until=7),
        decision(2, verb=Verb.WEIGHTS_SET, weights={"boost": 0.1, "net": 2.0}, automatic=True),
        decision(3, ensemble="other"),
        decision(4, verb=Verb.UNDO, takes_back=2),
    ]
    assert (store.last_decision(), store.decisions()) == (0, [])
    assert [store.add_decision(one, entry(one.number)) for one in kept] == [True] * 4
    assert store.decisions() == kept
    assert store.decisions("delays") == [kept[0], kept[1], kept[3]]
    assert store.last_decision() == 4
    assert store.audit() == [entry(number) for number in (4, 3, 2, 1)]


def test_only_the_next_number_is_taken_and_a_refused_one_leaves_no_audit(store):
    assert store.add_decision(decision(1), entry(1))
    for number in (0, 1, 3):
        assert not store.add_decision(decision(number), entry(number))
    assert (store.last_decision(), len(store.audit())) == (1, 1)


def test_of_many_at_once_one_gets_each_number(make_store):
    stores = [make_store(), make_store()]
    won = []

    def race(store):
        for number in range(1, 21):
            if store.add_decision(decision(number), entry(number)):
                won.append(number)

    threads = [threading.Thread(target=race, args=(one,)) for one in stores * 2]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(won) == list(range(1, 21))
    assert [one.number for one in stores[0].decisions()] == list(range(1, 21))
    assert len(stores[0].audit()) == 20


def test_the_table_is_append_only(store):
    store.add_decision(decision(1), entry(1))
    for statement in ("UPDATE decisions SET who = 'eve'", "DELETE FROM decisions"):
        with pytest.raises(StoreError, match="append-only"), store._database.write() as link:
            link.execute(sa.text(statement))
    assert store.decisions() == [decision(1)]
