"""Write the pages of docs/ that follow from declarations; ``--check`` only compares."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

DOCS = Path(__file__).resolve().parents[1] / "docs"
MADE = "<!-- Written by scripts/make_docs.py from the declarations in the code; change those, then run it. -->\n"


CONFIGURATION = """\
# Configuration

`choirmaster init` writes a commented `choirmaster.yaml`; `choirmaster check` lists every problem with its path and
line, and prints each effective value and where it came from. `choirmaster check --json-schema` prints a JSON Schema
for editors. Unknown keys are refused. What this version does not serve yet is refused by name.

- `include: [ensembles/*.yaml]` takes in other files; `defaults: {monitor: {grace: 2h}}` holds for every ensemble
  that does not say otherwise.
- `${NAME}` is taken from the environment, `${NAME:-other}` has a default, `${file:path}` reads a file (secrets).
- Durations have a unit: us, ms, s, m, h, d, w, y. An empty default means: not set.
"""

METRICS = """\
# Metrics and fusion rules

Every value has n, and where one is known a 95 % interval; what cannot be told is undefined, with a reason.
`choirmaster describe NAME` prints one entry. The table of values is described in
[formats/values.md](formats/values.md).
"""

CLI = """\
# Command line

Exit codes: 0 fine, 1 found something (an alert, a refused row), 2 usage or configuration, 3 could not run.
Long work shows a bar on a terminal and lines elsewhere, on standard error. `--help` shows the same as this page.
"""

HTTP = """\
# HTTP

Two ways to ask for an answer: the Open Inference Protocol V2 (JSON and bytes) below `/v2`, and plain records at
`/api/predict/{ensemble}`; [clients.md](clients.md) shows both. `/openapi.json` describes every route with its types. An
error is JSON with a sentence under `error`, and outside `/v2` its parts beside it (`code`, `what`, `where`, `expected`,
`got`).

## Who may do what

Denied is what is not listed. On loopback without tokens everything is open to this machine's users; with tokens
configured each request carries `Authorization: Bearer ...`, and the token's roles decide.
"""

PAGES = """\
## Pages

Open to `read`, `operate` and `admin`. Each page is also there for machines: `?format=json` and `?format=csv`.
"""

EVENTS = """\
## A plain question and its answer

```
curl -s 127.0.0.1:8080/api/predict/mine -H 'content-type: application/json' \\
  -d '{"id": "o-17", "amount": 12.5, "country": "NL"}'
```

The answer of a row: `id`, `prediction`, `probability`, `present` (who answered), `missing` (who did not, and why),
`degraded`; with `?explain=true` also `shares` (what part each member has in it).

## Events

`POST /api/ingest/predictions` and `/api/ingest/labels` take NDJSON or an Arrow IPC stream and answer when the good rows
are durable, with a receipt, counts, and each refused row with its reason. The same row sent twice counts once;
`GET /api/ingest/{receipt}` has the final counts once the rows are in the store.
"""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


# --- configuration


def comments(kind: type) -> dict[str, str]:
    """Return the comment beside each field of a class, from its source."""
    source = inspect.getsource(kind)
    lines = source.splitlines()
    (declared,) = ast.parse(source).body
    assert isinstance(declared, ast.ClassDef)
    out = {}
    for one in declared.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            _, mark, words = lines[(one.end_lineno or 1) - 1][one.end_col_offset or 0 :].partition("#")
            out[one.target.id] = words.strip() if mark else ""
    return out


def written(annotation: str) -> str:
    """Return a type as a reader of the configuration says it."""
    out = annotation
    for name, word in (("tuple[", "list of "), ("dict[", "mapping of "), (", ...]", ""), ("Literal[", "one of ")):
        out = out.replace(name, word)
    out = out.replace("]", "").replace("str, ", "name to ").replace(" | None", "").replace(" | ", " or ")
    for name, word in (("ClassName", "class"), ("WindowLength", "window"), ("SinkUrl", "URL"), ("Secret", "text"),
                       ("Duration", "duration"), ("Windows", "count"), ("str", "text"), ("bool", "yes or no"),
                       ("float", "number"), ("int", "whole number"), ("Address", "address")):  # fmt: skip
        out = re.sub(rf"\b{name}\b", word, out)
    return out


def below(annotation: str) -> str:
    """Return the first sentence about a type that has a section of its own."""
    from choirmaster.config import model

    names = {kind.__name__: kind for kind in model.TYPES}
    found = [names[word] for word in re.findall(r"\w+", annotation) if word in names]
    return (inspect.getdoc(found[0]) or "").splitlines()[0] if found else ""


def default(field: Any) -> str:
    """Return the default as it is written in the file; 'needed' where there is none."""
    from choirmaster.config.effective import plain

    if field.required:
        return "needed"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, msgspec.Struct):
        return "see there"
    value = plain(value)
    if value in ([], {}, None, "", ()):
        return ""
    if isinstance(value, list | tuple):
        return "`[" + ", ".join(map(str, value)) + "]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def configuration() -> str:
    """Return docs/configuration.md."""
    from choirmaster.config import model

    homes = {
        "Config": "the whole file", "Ensemble": "ensembles.*name*", "Member": "ensembles.*name*.members.*name*",
        "Features": "ensembles.*name*.features", "Fusion": "ensembles.*name*.fusion",
        "Calibration": "ensembles.*name*.fusion.calibration",
        "Answer": "ensembles.*name*.answer", "Breaker": "ensembles.*name*.answer.breaker",
        "Hedge": "ensembles.*name*.answer.hedge", "Early": "ensembles.*name*.answer.early",
        "Labels": "ensembles.*name*.labels",
        "Monitor": "ensembles.*name*.monitor", "Reference": "ensembles.*name*.monitor.reference",
        "Alerts": "ensembles.*name*.alerts", "Rule": "ensembles.*name*.alerts.rules[]", "Sink": "sinks.*name*",
        "Report": "reports[]", "Access": "access", "Token": "access.tokens[]", "Tls": "access.tls",
    }  # fmt: skip
    private = model.Config.PRIVATE
    parts = [MADE, CONFIGURATION]
    for kind in model.TYPES:
        said = comments(kind)
        rows = [
            [
                f"`{one.encode_name}`",
                written(str(kind.__annotations__[one.name])),
                default(one),
                said[one.name] or below(str(kind.__annotations__[one.name])),
            ]
            for one in msgspec.structs.fields(kind)
            if not (kind is model.Config and one.name in private)
        ]
        parts += [f"## {homes[kind.__name__]}\n", f"{inspect.getdoc(kind)}\n",
                  table(("key", "type", "default", "meaning"), rows)]  # fmt: skip
    return "\n".join(parts)


# --- metrics and fusion rules


def metrics() -> str:
    """Return docs/metrics.md."""
    from choirmaster import metrics as declared
    from choirmaster.fusion import CALIBRATIONS, RULES
    from choirmaster.values import REASON_TEXT, Kind

    words = {"quality": "Quality (needs labels)", "drift": "Drift (compares with a reference)",
             "data_quality": "Data quality", "latency": "Answering"}  # fmt: skip
    parts = [MADE, METRICS]
    for family in declared.FAMILIES:
        rows = [
            [f"`{one.name}`", one.definition, one.better, one.unit, ", ".join(map(str, one.tasks)), one.interval,
             f"`{one.needs}`", one.source]
            for one in (*declared.METRICS, *declared.OBSERVED) if one.family == family
        ]  # fmt: skip
        head = ("name", "definition", "better", "unit", "tasks", "interval", "state", "source")
        parts += [f"## {words[family]}\n", table(head, rows)]
    head = ("name", "definition", "range", "tasks", "parameters", "edge cases", "source")
    for title, listed in (("Fusion rules", RULES), ("Recalibrations", CALIBRATIONS)):
        rows = [[f"`{one.name}`", one.definition, one.range, ", ".join(one.tasks),
                 ", ".join(f"`{key}`" for key in one.parameters), "; ".join(one.edge_cases), one.source]
                for one in listed]  # fmt: skip
        parts += [f"## {title}\n", table(head, rows)]
    parts += ["## Reasons\n", "Why a value may be undefined.\n",
              table(("reason", "meaning"), [[f"`{one}`", text] for one, text in REASON_TEXT.items()])]  # fmt: skip
    kinds = {Kind.REALIZED: "with labels", Kind.ESTIMATED: "without labels; no metric of this version",
             Kind.OBSERVED: "needs no labels"}  # fmt: skip
    parts += ["## Kinds\n", table(("kind", "meaning"), [[f"`{one}`", text] for one, text in kinds.items()])]
    return "\n".join(parts)


# --- command line


def commands() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield each command's words and function."""
    from choirmaster.cli.main import COMMANDS, GROUPS

    listed = [(name, place) for name, place, _ in COMMANDS]
    listed += [(f"{group} {name}", place) for group, _, inner in GROUPS for name, place, _ in inner]
    for name, place in sorted(listed):
        module, _, function = place.partition(":")
        yield name, getattr(import_module(f"choirmaster.cli.{module}"), function)


def options(name: str, said: dict[str, str]) -> list[list[str]]:
    """Return a row for each argument and option of a command, named as the command line itself names them."""
    from choirmaster.cli.main import build

    app = build(name.split())
    for part in name.split():
        app = app[part]
    rows = []
    for one in app.assemble_argument_collection():
        names = [text for text in one.names if not text.startswith("--no-") or text == "--no-monitor"]
        first = one.field_info.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        words = one.parameter.help or said.get(one.field_info.name, "")
        value = one.field_info.default
        shown = "needed" if one.required else "" if value in (None, False, "") else f"`{value}`"
        shown_names = f"`{names[0].removeprefix('--').upper()}`" if first else ", ".join(f"`{text}`" for text in names)
        rows.append([shown_names, shown, words])
    return rows


def parameters(doc: str) -> tuple[str, str, dict[str, str]]:
    """Return the sentence, the example and the words of each parameter of a docstring."""
    head, _, tail = doc.partition("Parameters\n----------\n")
    about, _, example = head.partition("Example: ")
    said: dict[str, str] = {}
    name = ""
    for line in tail.splitlines():
        if line and not line.startswith(" "):
            name = line.split(":")[0].strip()
            said[name] = ""
        elif name:
            said[name] = f"{said[name]} {line.strip()}".strip()
    return " ".join(about.split()), " ".join(example.split()), said


def cli() -> str:
    """Return docs/cli.md."""
    parts = [MADE, CLI]
    for name, function in commands():
        about, example, said = parameters(inspect.getdoc(function) or "")
        parts += [f"## choirmaster {name}\n", f"{about}\n", f"```\n{example}\n```\n",
                  table(("argument", "default", "meaning"), options(name, said))]  # fmt: skip
    return "\n".join(parts)


# --- HTTP


def http() -> str:
    """Return docs/http.md."""
    from choirmaster.dashboard import entry
    from choirmaster.http.routes import ROUTES, matrix
    from choirmaster.http.settings import ROLES

    about = {(one.method, one.path): one.summary for one in ROUTES}
    rows = [
        [f"{method} `{path}`", about[method, path], *("yes" if may[role] else "" for role in ("", *ROLES))]
        for method, path, may in matrix(ROUTES)
    ]
    pages = [[f"GET `{path}`", name] for path, name, _ in entry.PAGES]
    routes = table(("route", "what it does", "without a token", *ROLES), rows)
    return "\n".join([MADE, HTTP, routes, PAGES, table(("page", "name"), pages), EVENTS])


PAGES_OF_DOCS: dict[str, Callable[[], str]] = {
    "configuration.md": configuration,
    "metrics.md": metrics,
    "cli.md": cli,
    "http.md": http,
}


def main() -> int:
    """Write the pages, or say which are out of date."""
    stale = [name for name, make in PAGES_OF_DOCS.items()
             if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != make()]  # fmt: skip
    for name in stale:
        if "--check" in sys.argv:
            print(f"docs/{name} is out of date: run python scripts/make_docs.py")
        else:
            (DOCS / name).write_text(PAGES_OF_DOCS[name](), encoding="utf-8")
            print(f"written: docs/{name}")
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
