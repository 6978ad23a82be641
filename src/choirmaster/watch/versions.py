"""Versions of a member that answered in one window: the values of each, and their differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from choirmaster.metrics import MACRO, Metric, evaluate, targets
from choirmaster.metrics.base import QUALITY
from choirmaster.metrics.difference import difference
from choirmaster.plan import Plan
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import States
from choirmaster.states.versions import OTHER_VERSION, names_of, versioned
from choirmaster.values import Reason, Value

DIFFERENCE = "_difference"
Row = tuple[StateKey, str, str, Value]  # key, target, metric, value


def version_values(states: States, plan: Plan, metrics: Mapping[str, tuple[Metric, ...]]) -> Iterator[Row]:
    """Yield the values of each version where a member has more than one, and the differences of its quality.

    A difference ``accuracy_difference`` has the target ``v1|v2``, the version ``v2``, and is v2's value minus v1's; its
    interval is that of :func:`choirmaster.metrics.difference.difference`, for independent rows. Names come in order.
    """
    for series, names in names_of(key for key, state in states.items() if not state.empty).items():
        if len(names) < 2:
            continue
        for key in versioned(plan.parts, series):
            for metric in metrics.get(key.kind, ()):
                if not metric.compares:
                    yield from _of_metric(states, plan, key, metric, names)


def _of_metric(states: States, plan: Plan, key: StateKey, metric: Metric, names: list[str]) -> Iterator[Row]:
    state = states.get(key)
    for target in targets(metric, state) if state is not None else ("",):
        found = {name: evaluate(metric, states.get(key._replace(version=name)), None, target) for name in names}
        if any(value.reason is Reason.NOT_APPLICABLE for value in found.values()):
            continue
        for name, value in found.items():
            yield key._replace(version=name), key.target or target, metric.name, value
        if metric.family == QUALITY and target in ("", MACRO) and key.target in ("", plan.layout.positive):
            named = [name for name in names if name != OTHER_VERSION]
            for one, two in combinations(named, 2):
                pair = "|".join(name.replace("%", "%25").replace("|", "%7C") for name in (one, two))
                value = difference(found[one], found[two])
                yield key._replace(version=two), pair, f"{metric.name}{DIFFERENCE}", value
