"""Questions that are asked at every look must not grow with the rows ever stored."""

from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.stores.sql.changed import _WAITING


def test_changed_labels_are_found_without_walking_through_the_index(tmp_path):
    store = EmbeddedStore(tmp_path)
    with store._database.read() as link:
        steps = [row[3] for row in link.exec_driver_sql("EXPLAIN QUERY PLAN " + _WAITING, ("delays", 10))]
    store.close()
    assert steps[0].startswith("SEARCH c ")
    assert not [step for step in steps if step.startswith("SCAN")]
