"""From the configuration of an ensemble to what serves and what monitors it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from choirmaster.alerts.default_rules import default_rules
from choirmaster.alerts.rules import Rule, Severity, bounded
from choirmaster.app.files import beside, content_of
from choirmaster.app.policy import breaker_settings, early_settings, hedge_settings, member_settings
from choirmaster.config import Config, Ensemble
from choirmaster.config import Rule as RuleConfig
from choirmaster.costs import flat_costs, read_costs
from choirmaster.errors import ConfigError, unknown
from choirmaster.layout import Layout, Output, SeriesSpec, Task, split_segments
from choirmaster.overlay import Standing
from choirmaster.ports import Member
from choirmaster.schema import class_text
from choirmaster.serve.settings import EnsembleSettings, Fallback, Weights
from choirmaster.times import SECOND, parse_duration, parse_grain
from choirmaster.values import FUSED
from choirmaster.watch.service import NO_DATA
from choirmaster.watch.settings import COLLECT_TIME, MonitorSettings

STORED = "1d"  # windows that are stored where they are chosen, until a reference says that an hour is enough
OF_LABELS = ("label_share", "prevalence")  # about the labels themselves, so they wait for them too


def layout_of(config: Ensemble) -> Layout:
    """Return the canonical columns of an ensemble."""
    task = Task(config.task)
    usual = Output.VALUE if task is Task.REGRESSION else Output.PROBABILITY
    series = [SeriesSpec(name, Output(one.output or usual)) for name, one in config.members.items()]
    fused = SeriesSpec(FUSED, _fused_output(config, usual))
    single, crosses = split_segments(config.monitor.segments)
    return Layout(
        task, (*series, fused), tuple(str(one) for one in config.classes), _positive(config, task),
        config.features.numeric, config.features.categorical, single, config.value, crosses=crosses,
        costs=flat_costs(read_costs(config.costs, class_text), tuple(str(one) for one in config.classes)),
    )  # fmt: skip


def _fused_output(config: Ensemble, usual: Output) -> Output:
    """Votes decide for a class; their shares are no probabilities, so no loss is read off them."""
    return Output.CLASS if config.fusion.rule == "hard_vote" else usual


def _positive(config: Ensemble, task: Task) -> str:
    if task is not Task.BINARY:
        return ""
    return str(config.positive) if config.positive is not None else str(config.classes[-1])


def serve_settings(name: str, config: Ensemble, layout: Layout, cutoff: float | None) -> EnsembleSettings:
    """Return how an ensemble answers."""
    weights = Weights("configured" if config.fusion.weights else "equal", dict(config.fusion.weights))
    return EnsembleSettings(
        name, layout, {member: member_settings(one) for member, one in config.members.items()},
        config.fusion.document(), weights, config.answer.deadline / SECOND, config.answer.quorum, _fallback(config),
        cutoff, config.answer.record, config.answer.max_rows, breaker_settings(config.answer.breaker),
        hedge_settings(config.answer.hedge),
        early_settings(config.answer.early),
    )  # fmt: skip


def standing_of(name: str, config: Ensemble) -> Standing:
    """Return the roles and weights that the file declares."""
    return serve_settings(name, config, layout_of(config), None).declared


def _fallback(config: Ensemble) -> Fallback:
    wish = config.answer.fallback
    if wish == "error":
        return Fallback()
    if isinstance(wish, str):
        return Fallback("member", member=wish)
    return Fallback("constant", constant={str(k): v for k, v in wish.items()} if isinstance(wish, Mapping) else wish)


def monitor_settings(
    name: str, config: Ensemble, whole: Config, config_path: Path, members: Mapping[str, Member]
) -> MonitorSettings:
    """Return how an ensemble is watched."""
    watch, layout = config.monitor, layout_of(config)
    rows: Callable[[], pa.Table] | None = None
    content: Callable[[], str] | None = None
    if watch.reference is not None and watch.reference.file is not None:
        file = watch.reference.file
        rows = lambda: reference_rows(beside(config_path, file), config, members)  # noqa: E731 - one line says it all
        content = lambda: content_of(beside(config_path, file))  # noqa: E731 - the same
    fused: float | str | None = config.cutoff
    first = watch.reference.first if watch.reference else None
    return MonitorSettings(
        name, layout, parse_grain(STORED if watch.window.chosen else str(watch.window), zone=watch.timezone),
        int(watch.grace), watch.clock,
        int(config.labels.expected), None if config.labels.absent_after is None else int(config.labels.absent_after),
        config.labels.expected_share, rules_of(config), _sinks(config, whole), rows,
        watch.reference.file if watch.reference and watch.reference.file else "", content,
        {"*": "auto"} | ({FUSED: fused} if fused is not None else {}), config.owner, _facts(name, config, members),
        collect=parse_duration(first) if first else COLLECT_TIME,
        metrics=_metrics(watch.metrics, name), precision=watch.precision if watch.window.chosen else None,
    )  # fmt: skip


def _metrics(wish: str | tuple[str, ...], ensemble: str) -> str | tuple[str, ...] | None:
    if isinstance(wish, str):
        return None if wish == "auto" else wish
    from choirmaster.metrics import BY_NAME

    for one in wish:
        if one not in BY_NAME:
            raise unknown("metric", one, BY_NAME, where=f"$.ensembles.{ensemble}.monitor.metrics")
    return wish


def _facts(name: str, config: Ensemble, members: Mapping[str, Member]) -> dict[str, object]:
    listed = [
        {"name": member, "version": members[member].version if member in members else "", "role": one.role,
         "kind": _kind(members[member]) if member in members else ""}
        for member, one in config.members.items()
    ]  # fmt: skip
    standing = standing_of(name, config)
    return {
        "fusion": config.fusion.rule,
        "declared_fusion": config.fusion.document(),
        "weights": standing.weights,
        "members": listed,
        "standing": standing,
    }


def _kind(member: Member) -> str:
    """Return ``onnx``, ``skops``, ``remote`` and so on."""
    return type(member).__name__.removesuffix("Member").removesuffix("V2").removesuffix("Runner").lower()


def rules_of(config: Ensemble) -> tuple[Rule, ...]:
    """Return the rules of an ensemble; raises ConfigError for a metric there is not and for two of one name."""
    out: list[Rule] = []
    for one in config.alerts.rules:
        if isinstance(one, RuleConfig):
            out.append(_rule(one))
        else:
            out += default_rules(Task(config.task), expected_label_share=config.labels.expected_share)
    names = [one.name for one in out]
    twice = sorted({name for name in names if names.count(name) > 1 or name == NO_DATA.name})
    if twice:
        raise ConfigError("a rule has the name of another", where="alerts.rules", got=", ".join(twice),
                          fix="choose a name that no default rule has")  # fmt: skip
    return tuple(out)


def _rule(config: RuleConfig) -> Rule:
    from choirmaster.metrics import BY_NAME

    metric = BY_NAME.get(config.metric)
    if metric is None:
        raise unknown("metric", config.metric, BY_NAME, where=f'alerts.rules, rule "{config.name}"')
    labelled = metric.family == "quality" or metric.name in OF_LABELS
    return Rule(
        config.name, config.metric, bounded(above=config.above, below=config.below), int(config.windows),
        Severity(config.severity), labelled, config.series, config.feature, config.segment, config.target or "*",
        config.runbook,
    )  # fmt: skip


def _sinks(config: Ensemble, whole: Config) -> tuple[str, ...]:
    if config.alerts.sinks is not None:
        return config.alerts.sinks
    mine = tuple(name for name, sink in whole.sinks.items() if config.owner and config.owner in sink.owners)
    return mine or tuple(name for name, sink in whole.sinks.items() if not sink.owners)


def reference_rows(path: Path, config: Ensemble, members: Mapping[str, Member]) -> pa.Table:
    """Return the canonical rows of a reference file: as ``train`` writes it, or raw rows scored and fused now."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        if any(name.startswith("m.") for name in table.schema.names):
            return table
    from choirmaster.app.fusing import Fuser
    from choirmaster.app.scoring import score_rows

    layout = layout_of(config)
    return Fuser(layout, config.fusion.document(), config.fusion.weights).table(score_rows(path, layout, members))
