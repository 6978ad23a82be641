"""What a store says after faults, against one count of all its rows."""

from choirmaster.app.ensembles import layout_of
from choirmaster.app.files import journal_folder, read_config, store_folder
from choirmaster.engines.local import LocalEngine
from choirmaster.states import BY_KIND
from choirmaster.states.pack import pack
from choirmaster.states.reference import from_bytes
from choirmaster.stores.journal_file import JournalFolder
from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.times import parse_grain
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
        counted = LocalEngine().states(rows, reference, grain, calls=True)
        recount = {slot: pack(states) for slot, states in counted.items()}
        kept = {(one.window, one.segment): one.payload for one in store.packs(ENSEMBLE)}
        return rows, sorted(slot for slot in recount.keys() | kept.keys() if recount.get(slot) != kept.get(slot))
    finally:
        store.close()


def stored_labels(rows):
    """Return the current label of each id."""
    return dict(zip(rows.column("id").to_pylist(), rows.column("label").to_pylist(), strict=True))
