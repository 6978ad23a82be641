"""What a configuration may say in words and this version does not do yet: refused aloud, never passed over."""

from __future__ import annotations

from collections.abc import Iterator

from choirmaster.config import Config, Ensemble, Rule
from choirmaster.errors import ConfigError

FRAMES_ONLY = "domain_classifier_auc"


def unserved(config: Config) -> list[ConfigError]:
    """Return one problem for each setting that would be without effect."""
    found = [one for name, ensemble in config.ensembles.items() for one in _ensemble(ensemble, f"$.ensembles.{name}")]
    if config.reports:
        found.append(_not_yet("scheduled reports", "$.reports", "write one with: choirmaster report"))
    if "://" in config.store.reveal():
        found.append(_not_yet("a database server as store", "$.store", "name a folder, such as ./data"))
    return found


def _ensemble(one: Ensemble, path: str) -> Iterator[ConfigError]:
    if one.task in ("multilabel", "quantile"):
        yield _not_yet(f"the task {one.task}", f"{path}.task", "measure frames and files: choirmaster monitor rows.csv")
    if one.labels.absent_means is not None:
        yield _not_yet("a meaning of absent labels", f"{path}.labels.absent_means", "they are counted as absent")
    asked = {f"{path}.monitor.metrics": one.monitor.metrics} if isinstance(one.monitor.metrics, tuple) else {}
    asked |= {f"{path}.alerts.rules[{at}].metric": (rule.metric,) for at, rule in enumerate(one.alerts.rules)
              if isinstance(rule, Rule)}  # fmt: skip
    for where, names in asked.items():
        if FRAMES_ONLY in names:
            yield _not_yet(FRAMES_ONLY, where, "it needs the rows of both sides in memory: measure frames with it")
    first = one.monitor.reference.first if one.monitor.reference else None
    if first is not None and first.endswith("%"):
        yield _not_yet("a share of a stream", f"{path}.monitor.reference.first", "say a duration, such as 14d")


def _not_yet(what: str, where: str, fix: str) -> ConfigError:
    return ConfigError(f"{what} is not served yet", where=where, fix=fix)
