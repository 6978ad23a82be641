"""``choirmaster check``."""

from __future__ import annotations

from typing import Any

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, FINE, USAGE, Config, Json, services
from choirmaster.errors import ChoirmasterError


def check(config: Config = DEFAULT_CONFIG, *, json: Json = False, json_schema: bool = False) -> int:
    """List every problem of a configuration with its path, then each effective value and where it came from.

    Where the store is there, it also says which references in use are not what the configuration asks for now, such as
    a reference file that holds something else under the same name. That is no problem: they stay until another is set.

    Example: choirmaster check choirmaster.yaml

    Parameters
    ----------
    json_schema
        Print the JSON Schema of the configuration, for editors, and do nothing else.
    """
    if json_schema:
        from choirmaster.config.json_schema import json_schema as schema

        output.as_json(schema())
        return FINE
    from choirmaster.config import effective

    parsed = services().config(config, {})
    problems = list(services().check(config))
    notices = [] if problems else list(services().notices(config))
    values = [{"path": path, "value": value, "source": source} for path, value, source in effective(parsed)]
    try:
        decided = list(services().stands(config))
    except ChoirmasterError as error:
        problems, decided = [*problems, error], []
    values = _with_decisions(values, decided)
    overrides = [{"ensemble": one["ensemble"], **each} for one in decided for each in one["overrides"]]
    if json:
        output.as_json({"problems": [one.as_dict() for one in problems], "notices": notices, "values": values,
                        "overrides": overrides})  # fmt: skip
        return USAGE if problems else FINE
    output.records(values)
    for each in overrides:
        output.hint(
            f"{each['ensemble']}: {each['what']}: {each['now']}, where the file says {each['file']}; {each['text']}"
        )
    for one in problems:
        output.hint(f"problem: {one}")
    for notice in notices:
        output.hint(f"notice: {notice}")
    output.hint(f"{len(problems)} problems" if problems else f"{config} is fine")
    return USAGE if problems else FINE


def _with_decisions(values: list[dict[str, str]], decided: list[Any]) -> list[dict[str, str]]:
    """Put what operators decided in the place of what the file says."""
    found: dict[str, dict[str, str]] = {}
    replaced: list[str] = []
    for one in decided:
        path = f"$.ensembles.{one['ensemble']}"
        for each in one["overrides"]:
            if each["kind"] == "member":
                found |= _row(f"{path}.members.{each['what']}.role", each["now"], each["text"])
            if each["kind"] == "weights":
                replaced.append(f"{path}.fusion.weights")
                for name, weight in one["weights"].items():
                    found |= _row(f"{path}.fusion.weights.{name}", output.text(weight), each["text"])
    kept = [found.pop(one["path"], one) for one in values if one["path"] not in replaced]
    return [*kept, *found.values()]


def _row(path: str, value: str, source: str) -> dict[str, dict[str, str]]:
    return {path: {"path": path, "value": value, "source": source}}
