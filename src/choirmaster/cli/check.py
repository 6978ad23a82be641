"""``choirmaster check``."""

from __future__ import annotations

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, FINE, USAGE, Config, Json, services


def check(config: Config = DEFAULT_CONFIG, *, json: Json = False, json_schema: bool = False) -> int:
    """List every problem of a configuration with its path, then each effective value and where it came from.

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
    values = [{"path": path, "value": value, "source": source} for path, value, source in effective(parsed)]
    if json:
        output.as_json({"problems": [one.as_dict() for one in problems], "values": values})
        return USAGE if problems else FINE
    output.records(values)
    for one in problems:
        output.hint(f"problem: {one}")
    output.hint(f"{len(problems)} problems" if problems else f"{config} is fine")
    return USAGE if problems else FINE
