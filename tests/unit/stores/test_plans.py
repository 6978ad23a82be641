"""Questions that are asked at every look must not grow with the rows ever stored."""

from choirmaster.stores.lake.measuring import _CHANGES
from choirmaster.stores.lake.store import EmbeddedStore


def test_changed_labels_are_found_without_walking_through_the_index(tmp_path):
    store = EmbeddedStore(tmp_path)
    with store._database.read() as link:
        steps = [row[3] for row in link.exec_driver_sql("EXPLAIN QUERY PLAN " + _CHANGES, ("delays", 10))]
    store.close()
    assert steps[0].startswith("SEARCH c ")
    assert "SEARCH i USING PRIMARY KEY (ensemble=? AND hash=?)" in steps
