"""What a store says after faults, against one count of all its rows."""

from choirmaster.app.ensembles import layout_of
from choirmaster.app.files import journal_folder, read_config, store_folder
from choirmaster.engines.local import LocalEngine
from choirmaster.plan import plan_for
from choirmaster.states import BY_KIND
from choirmaster.states.pack import pack, unpack
from choirmaster.states.reference import from_bytes
from choirmaster.stores.journal_file import JournalFolder
from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.times import parse_grain
from choirmaster.watch.arrived import ROWS
from tests.faults.served import ENSEMBLE


def differences(config):
    """Return all rows, and the windows and segments whose states are not those of the rows, bit for bit."""
    site = read_config(config)
    settings = site.ensembles[ENSEMBLE]
    store = EmbeddedStore(store_folder(site, config))
    try:
        store.open_ensemble(ENSEMBLE, layout_of(settings))
        assert JournalFolder(journal_folder(site, config)).waiting() == 0
        assert store.pending(ENSEMBLE).empty
        rows = store.rows(ENSEMBLE)
        reference = from_bytes(store.reference(ENSEMBLE)[1], BY_KIND)
        grain = parse_grain(str(settings.monitor.window), zone=settings.monitor.timezone)
        parts = plan_for(reference, grain, calls=True).parts
        counted = LocalEngine().states(rows, reference, grain, calls=True)
        stored = {(one.window, one.segment): unpack(one.payload, parts, BY_KIND) for one in store.packs(ENSEMBLE)}
        recount, kept = ({slot: of_rows(states) for slot, states in some.items()} for some in (counted, stored))
        return rows, sorted(slot for slot in recount.keys() | kept.keys() if recount.get(slot) != kept.get(slot))
    finally:
        store.close()


def of_rows(states):
    """Return the bytes of all that rows say themselves, and how many there are: not how they arrived."""
    arrived = states[ROWS].rows if ROWS in states else 0
    return pack({key: state for key, state in states.items() if key != ROWS}), arrived


def stored_labels(rows):
    """Return the current label of each id."""
    return dict(zip(rows.column("id").to_pylist(), rows.column("label").to_pylist(), strict=True))
