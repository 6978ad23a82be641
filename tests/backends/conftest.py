"""The stores under test; a database server's store joins the list when there is one."""

import pytest

from choirmaster.stores.lake.store import EmbeddedStore
from tests.backends.events import LAYOUT, Line

STORES = {"embedded": EmbeddedStore}


@pytest.fixture(params=sorted(STORES))
def make_store(request, tmp_path):
    opened = []

    def make(**options):
        store = STORES[request.param](tmp_path / "store", **options)
        opened.append(store)
        store.open_ensemble("delays", LAYOUT)
        return store

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def store(make_store):
    return make_store()


@pytest.fixture
def line():
    return Line()
