"""Choose the windows that stored ones are looked at in: each from the windows before it, once, with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from choirmaster.catalogue.following import LOOKS_BACK, next_window, per_day, rows_by_length
from choirmaster.catalogue.lengths import Leading, choose_window
from choirmaster.ports import Store
from choirmaster.times import DAY, Window
from choirmaster.watch.chosen import choices_of, leading_of
from choirmaster.watch.labelled import counted
from choirmaster.watch.looks import CHOICE, lengths_of, put_look, windows_chosen
from choirmaster.watch.rollup import COUNTING, merged
from choirmaster.watch.traffic import Count, labelled_before
from choirmaster.watch.watched import Watched


def choose(store: Store, watched: Watched, due: Sequence[Window], *, at: int) -> None:
    """Decide for each due window that no other window holds yet which window begins with it.

    Parameters
    ----------
    due : sequence of Window
        Stored windows whose values are about to be written, in order of time. One that lies before what was looked at
        already, because its rows came late, is looked at on its own.
    at : int
        The instant now.
    """
    settings = watched.settings
    if settings.precision is None:
        return
    _count(store, watched, due)
    frontier = max((one.end for one in (*watched.evaluated, *watched.looks.windows)), default=None)
    known = windows_chosen(store, settings.name)
    now = known[-1]["name"] if known else ""
    for window in due:
        if window in watched.evaluated or (frontier is not None and window.start < frontier):
            continue
        leading = _leading(store, watched, window.start)
        rows = rows_by_length(_before(store, watched, window.start), per_day(settings.grain))
        chosen = choose_window(leading, rows, precision=settings.precision, now=now)
        if chosen.name != now:
            now = chosen.name
            document = {"start": window.start, "name": now, "why": chosen.why}
            store.put_document(CHOICE, f"{settings.name}/{window.start}", document, at=at)
        found = next_window(settings.grain, now, window.start, frontier)
        if found != window:
            watched.looks.add(found)
            put_look(store, settings.name, found, None, at=at)
        frontier = found.end


def _count(store: Store, watched: Watched, due: Sequence[Window]) -> None:
    """Count rows and labels of the windows that changed."""
    series = watched.settings.layout.series[-1].name
    for one in store.packs(watched.settings.name, due):
        if not one.segment:
            found = merged([one], watched.history, lambda key: key.series == series and key.kind in COUNTING)
            watched.counts[one.window] = Count(*counted(found.states, series))


def _before(store: Store, watched: Watched, start: int) -> list[float]:
    settings = watched.settings
    rows, labelled = counted(dict(watched.history.at(start).states), settings.layout.series[-1].name)
    return labelled_before(
        watched.counts, start, settings.grain, expected=settings.labels_expected,
        share=labelled / rows if labelled else settings.expected_share,
        seeds=lengths_of(store, settings.name).get("before", []),
    )  # fmt: skip


def _leading(store: Store, watched: Watched, start: int) -> Leading:
    """Return what is known of the leading metric: by the reference, else by the 14 days whose labels were due last."""
    settings, reference = watched.settings, watched.history.at(start)
    chosen = choices_of(settings, reference)
    if reference.id not in watched.leading:
        watched.leading[reference.id] = leading_of(reference.layout, reference.states, chosen)
    if watched.leading[reference.id].known:
        return watched.leading[reference.id]
    until = start - settings.labels_expected
    due = [one for one in watched.counts if until - LOOKS_BACK * DAY < one.end <= until]
    packs = [one for one in store.packs(settings.name, due) if not one.segment] if due else []
    series = reference.layout.series[-1].name
    found = merged(packs, watched.history, lambda key: key.series == series)
    return leading_of(reference.layout, found.states, chosen)
