"""What types cannot say: names that must exist, numbers in range, and what is refused for safety."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator

from choirmaster.config.answer import Answer
from choirmaster.config.member_checks import check_nesting, check_origin
from choirmaster.config.model import Access, Config, Ensemble, Member, Monitor, Sink
from choirmaster.costs import flat_costs, read_costs
from choirmaster.errors import ChoirmasterError, ConfigError, unknown
from choirmaster.ids import check_name
from choirmaster.schema import class_text
from choirmaster.times import HOUR, zone_info

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIRST = re.compile(r"(100|[1-9]?\d)%|\d+[hdw]")
_CODE_FILES = (".pkl", ".pickle", ".joblib")
Place = Callable[[str], str]


def check(config: Config, *, place: Place = str) -> list[ChoirmasterError]:
    """Return every problem of a configuration whose types are right."""
    problems: list[ChoirmasterError] = []
    for name, ensemble in config.ensembles.items():
        path = f"$.ensembles.{name}"
        problems += _named("ensemble", name, place(path))
        problems += _ensemble(ensemble, path, place)
        problems += _sinks(config, ensemble.alerts.sinks or (), f"{path}.alerts.sinks", place)
    problems += check_nesting(config, place)
    for name, sink in config.sinks.items():
        problems += _named("sink", name, place(f"$.sinks.{name}"))
        problems += _sink(sink, place(f"$.sinks.{name}"))
    for index, report in enumerate(config.reports):
        path = f"$.reports[{index}]"
        if report.ensemble not in config.ensembles:
            problems.append(unknown("ensemble", report.ensemble, config.ensembles, where=place(f"{path}.ensemble")))
        problems += _sinks(config, report.to, f"{path}.to", place)
    return problems + list(_access(config.access, place))


def _named(kind: str, name: str, where: str) -> list[ChoirmasterError]:
    try:
        check_name(kind, name, where=where)
    except ConfigError as problem:
        return [problem]
    return []


def _ensemble(one: Ensemble, path: str, place: Place) -> Iterator[ChoirmasterError]:
    if not one.members:
        yield ConfigError("an ensemble needs at least one member", where=place(f"{path}.members"))
    for name, member in one.members.items():
        yield from _named("member", name, place(f"{path}.members.{name}"))
        yield from _member(member, f"{path}.members.{name}", place)
    yield from _classes(one, path, place)
    yield from _answer(one, path, place)
    yield from _monitor(one.monitor, f"{path}.monitor", place)
    yield from _fusion(one, f"{path}.fusion", place)
    both = set(one.features.numeric) & set(one.features.categorical)
    if both:
        where = place(f"{path}.features.categorical")
        yield ConfigError("a feature has two types", where=where, got=f'"{min(both)}"')
    names = [rule.name for rule in one.alerts.rules if not isinstance(rule, str)]
    for index, rule in enumerate(one.alerts.rules):
        where = place(f"{path}.alerts.rules[{index}]")
        if isinstance(rule, str):
            continue
        if rule.above is None and rule.below is None:
            yield ConfigError("a rule needs a bound", where=where, expected="above or below")
        if names.count(rule.name) > 1:
            yield ConfigError("two rules share a name", where=where, got=f'"{rule.name}"')
        if rule.series not in ("fused", "*", *one.members):
            yield unknown("series", rule.series, ("fused", "*", *one.members), where=where)


def _member(one: Member, path: str, place: Place) -> Iterator[ChoirmasterError]:
    yield from check_origin(one, path, place)
    if one.sha256 is not None and not _SHA256.fullmatch(one.sha256):
        yield _not_a_hash(place(f"{path}.sha256"))
    if one.file and one.file.lower().endswith(_CODE_FILES) and not (one.trusted and one.sha256):
        yield ConfigError("a file that can run code is not loaded", where=place(f"{path}.file"), got=f'"{one.file}"',
                          fix="save it as ONNX or skops, or pin it with sha256 and say trusted: true")  # fmt: skip
    if one.timeout is not None and one.timeout <= 0:
        yield ConfigError("timeout out of range", where=place(f"{path}.timeout"), expected="above 0")
    if one.concurrency < 1:
        yield ConfigError("concurrency out of range", where=place(f"{path}.concurrency"), expected="at least 1")
    if one.batch < 0:
        yield ConfigError("batch out of range", where=place(f"{path}.batch"), expected="at least 0")
    if (one.share is None) == (one.role == "canary"):
        yield ConfigError("a canary needs a share, and nobody else has one", where=place(f"{path}.share"),
                          got=f"role {one.role}")  # fmt: skip
    if one.share is not None and not 0 <= one.share <= 1:
        yield ConfigError("share out of range", where=place(f"{path}.share"), expected="0 to 1", got=str(one.share))


def _classes(one: Ensemble, path: str, place: Place) -> Iterator[ChoirmasterError]:
    count = len(set(one.classes))
    where = place(f"{path}.classes")
    if count != len(one.classes):
        yield ConfigError("a class is named twice", where=where)
    if one.task in ("regression", "quantile") and (one.classes or one.positive):
        yield ConfigError(f"a {one.task} task has no classes", where=where)
    if one.task == "binary" and one.classes and count != 2:
        yield ConfigError("a binary task has two classes", where=where, got=str(count))
    for name, value in (("positive", one.positive), ("labels.absent_means", one.labels.absent_means)):
        if value is not None and one.classes and value not in one.classes:
            where = place(f"{path}.{name}")
            yield ConfigError("not among the classes", where=where, got=f'"{value}"', allowed=one.classes)
    try:
        costs = read_costs(one.costs, class_text, where=f"{path}.costs", place=place)
        if costs and one.task == "regression":
            yield ConfigError("a regression has no costs of classes", where=place(f"{path}.costs"))
        elif one.classes:
            flat_costs(costs, one.classes, where=f"{path}.costs", place=place)
    except ChoirmasterError as problem:
        yield problem
    if isinstance(one.cutoff, float) and one.task != "regression" and not 0 <= one.cutoff <= 1:
        where = place(f"{path}.cutoff")
        yield ConfigError("cutoff out of range", where=where, expected="0 to 1", got=str(one.cutoff))


def _answer(one: Ensemble, path: str, place: Place) -> Iterator[ChoirmasterError]:
    answer, asked = one.answer, [name for name, member in one.members.items() if member.role == "voter"]
    if one.members and not 1 <= answer.quorum <= len(asked):
        yield ConfigError("quorum out of range", where=place(f"{path}.answer.quorum"), got=str(answer.quorum),
                          expected=f"1 to {len(asked)}, the members whose role is voter")  # fmt: skip
    if not 0 < answer.deadline <= HOUR:
        yield ConfigError("deadline out of range", where=place(f"{path}.answer.deadline"),
                          expected="above 0, at most 1h", got=str(answer.deadline))  # fmt: skip
    where = place(f"{path}.answer.fallback")
    if isinstance(answer.fallback, str) and answer.fallback not in ("error", *asked):
        yield ConfigError("unknown fallback", where=where, got=f'"{answer.fallback}"', allowed=("error", *asked))
    if isinstance(answer.fallback, dict) and abs(sum(answer.fallback.values()) - 1) > 1e-6:
        yield ConfigError("the probabilities of a fallback must sum to 1", where=where, got=str(answer.fallback))
    if not 1 <= answer.max_rows <= 10_000_000:
        yield ConfigError("max_rows out of range", where=place(f"{path}.answer.max_rows"), expected="1 to 10000000")
    yield from _policy(answer, f"{path}.answer", place)
    if answer.early is not None and one.task == "regression" and None in (answer.early.tolerance, answer.early.least):
        yield ConfigError("an early answer of numbers needs a tolerance, a least and a greatest",
                          where=place(f"{path}.answer.early"))  # fmt: skip
    if not 0 <= one.labels.expected_share <= 1:
        where = place(f"{path}.labels.expected_share")
        yield ConfigError("share out of range", where=where, expected="0 to 1", got=str(one.labels.expected_share))
    absent = one.labels.absent_after
    if absent is not None and absent < one.labels.expected:
        yield ConfigError("labels are absent before they are expected", where=place(f"{path}.labels.absent_after"),
                          expected=f"at least {one.labels.expected}", got=str(absent))  # fmt: skip


def _policy(answer: Answer, path: str, place: Place) -> Iterator[ChoirmasterError]:
    breaker, hedge, early = answer.breaker, answer.hedge, answer.early
    bounds: list[tuple[str, bool, str, float | None]] = [
        ("breaker.failures", breaker.failures >= 1, "at least 1", breaker.failures),
        ("breaker.window", breaker.window >= 1, "at least 1", breaker.window),
        ("breaker.share", 0 < breaker.share <= 1, "above 0, at most 1", breaker.share),
        ("breaker.probes", breaker.probes >= 1, "at least 1", breaker.probes),
        ("breaker.rest", 0 < breaker.rest <= breaker.longest, "above 0, at most the longest", breaker.rest),
    ]
    if hedge is not None:
        bounds += [
            ("hedge.after", hedge.after is None or hedge.after > 0, "above 0", hedge.after),
            ("hedge.quantile", 0 < hedge.quantile < 1, "between 0 and 1", hedge.quantile),
            ("hedge.budget", 0 < hedge.budget <= 1, "above 0, at most 1", hedge.budget),
        ]
    if early is not None:
        least, greatest = early.least, early.greatest
        limits = (least is None) == (greatest is None) and (least is None or greatest is None or least < greatest)
        bounds += [
            ("early.tolerance", early.tolerance is None or early.tolerance >= 0, "at least 0", early.tolerance),
            ("early.least", limits, "both least and greatest, in this order, or none", least),
        ]
    for name, good, expected, got in bounds:
        if not good:
            yield ConfigError("out of range", where=place(f"{path}.{name}"), expected=expected, got=str(got))


def _monitor(one: Monitor, path: str, place: Place) -> Iterator[ChoirmasterError]:
    try:
        zone_info(one.timezone, where=place(f"{path}.timezone"))
    except ConfigError as problem:
        yield problem
    if one.window.endswith(("w", "mo")) or (one.window.endswith("d") and one.window != "1d"):
        yield ConfigError("the stored window is at most a day", where=place(f"{path}.window"), expected='up to "1d"',
                          got=f'"{one.window}"', fix="longer ones are put together when asked for")  # fmt: skip
    if not 0 < one.precision < 1:
        yield ConfigError("precision out of range", where=place(f"{path}.precision"), expected="between 0 and 1",
                          got=f"{one.precision:g}")  # fmt: skip
    reference = one.reference
    if reference is None:
        return
    if (reference.file is None) == (reference.first is None):
        yield ConfigError("a reference needs exactly one of file and first", where=place(f"{path}.reference"))
    if reference.first is not None and not _FIRST.fullmatch(reference.first):
        where = place(f"{path}.reference.first")
        yield ConfigError("cannot read a share", where=where, expected='"30%" or "14d"', got=f'"{reference.first}"')


def _fusion(one: Ensemble, path: str, place: Place) -> Iterator[ChoirmasterError]:
    from choirmaster.fusion import prepare

    try:
        prepare(one.fusion.document(), task=one.task, members=tuple(one.members), classes=one.classes,
                positive=one.positive or "", where=path)  # fmt: skip
    except ChoirmasterError as problem:
        yield type(problem)(problem.what, where=place(problem.where), expected=problem.expected, got=problem.got,
                            allowed=problem.allowed, fix=problem.fix)  # fmt: skip
    if one.fusion.rule == "rank_average" and one.cutoff is None and one.fusion.calibration is None:
        yield ConfigError(
            "ranks are no probabilities, and 0.5 would call half of all rows positive", where=place(f"{path}.rule"),
            expected="a cutoff or a calibration beside rank_average",
        )  # fmt: skip
    for name, weight in one.fusion.weights.items():
        if name not in one.members:
            yield unknown("member", name, one.members, where=place(f"{path}.weights"))
        if weight < 0:
            yield ConfigError("weight out of range", where=place(f"{path}.weights.{name}"), expected="at least 0",
                              got=str(weight))  # fmt: skip


def _sink(one: Sink, where: str) -> Iterator[ChoirmasterError]:
    kind = one.resolved_kind
    if kind in ("webhook", "apprise") and one.url is None:
        yield ConfigError(f"a {kind} sink needs a url", where=where)
    if kind == "webhook" and one.url is not None and not one.url.reveal().startswith(("http://", "https://")):
        yield ConfigError("a webhook needs an http or https url", where=where)
    if kind == "file" and one.path is None:
        yield ConfigError("a file sink needs a path", where=where)


def _sinks(config: Config, names: tuple[str, ...], path: str, place: Place) -> list[ChoirmasterError]:
    return [unknown("sink", name, config.sinks, where=place(path)) for name in names if name not in config.sinks]


def _not_a_hash(where: str) -> ConfigError:
    return ConfigError("not a sha256", where=where, expected="64 hexadecimal digits, lower case")


def _access(one: Access, place: Place) -> Iterator[ChoirmasterError]:
    host, mark, port = one.listen.rpartition(":")
    if not mark or not host or not port.isdecimal() or not 0 <= int(port) <= 65_535:
        yield ConfigError("cannot read an address", where=place("$.access.listen"), expected="host:port",
                          got=f'"{one.listen}"')  # fmt: skip
    elif not _loopback(host.strip("[]")):
        if not one.tokens:
            yield ConfigError("a wider bind needs tokens", where=place("$.access.listen"), got=f'"{one.listen}"',
                              fix='make one with "choirmaster token new", or listen on 127.0.0.1')  # fmt: skip
        if one.tls is None and not one.behind_proxy:
            yield ConfigError("a wider bind needs TLS", where=place("$.access.listen"), got=f'"{one.listen}"',
                              fix="set access.tls, or access.behind_proxy: true where a proxy ends TLS")  # fmt: skip
    names = [token.name for token in one.tokens]
    for index, token in enumerate(one.tokens):
        path = f"$.access.tokens[{index}]"
        if not _SHA256.fullmatch(token.sha256):
            yield _not_a_hash(place(f"{path}.sha256"))
        if names.count(token.name) > 1:
            yield ConfigError("two tokens share a name", where=place(path), got=f'"{token.name}"')
        if not token.roles:
            yield ConfigError("a token without a role can do nothing", where=place(f"{path}.roles"))


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
