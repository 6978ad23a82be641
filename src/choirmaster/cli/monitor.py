"""``choirmaster monitor``: a file without a server, or the windows of a store that are due."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, FINE, FOUND, Config, Json, services
from choirmaster.cli.schema_path import read_schema
from choirmaster.errors import ConfigError, unknown

if TYPE_CHECKING:
    from choirmaster.cli.services import Measured

FOREMOST = 3
_REPORTS = (".html", ".pdf", ".csv")
_EXACT: dict[str, bool | str] = {"auto": "auto", "yes": True, "no": False}


def monitor(
    data: str | None = None, *, schema: Path | None = None, reference: str | None = None, window: str | None = None,
    metrics: Annotated[list[str] | None, Parameter(negative=(), consume_multiple=True)] = None,
    exact: Literal["auto", "yes", "no"] | None = None, engine: Literal["local", "spark"] | None = None,
    precision: float | None = None, now: str | None = None,
    report: Annotated[list[Path] | None, Parameter(negative=())] = None, config: Config = DEFAULT_CONFIG,
    ensemble: Annotated[list[str] | None, Parameter(negative=())] = None, once: bool = False, follow: bool = False,
    json: Json = False,
) -> int:  # fmt: skip
    """Measure a file, without a server or a store; or, without a file, every window of the store that is due.

    Example: choirmaster monitor data.csv --schema schema.yaml --reference "first 30%" --report out.html

    Parameters
    ----------
    data
        Path or glob of CSV, JSON lines or Parquet.
    schema
        A schema.yaml; guessed when not given.
    reference
        What to compare with: a path or glob, or "first 30%".
    window
        1h, 1d, 1w, 1mo, a number of rows, or "all"; chosen by the traffic when not given.
    metrics
        auto (when not given: by the task and how rare the classes are), all, or names such as roc_auc log_loss.
    exact
        Take from the rows themselves what bins leave open: yes, no, or auto (in memory, up to a million rows).
    engine
        Where rows are counted: local, or spark for Parquet.
    precision
        Half-width of the leading metric's interval that a chosen window aims at; 0.02 when not given.
    now
        ISO 8601: the clock that times in the future and the age of the newest row are told by; the wall clock when not
        given.
    report
        Where to write .html, .pdf or .csv; may be given several times.
    ensemble
        Of the configuration; all when not given.
    once
        Measure what is due and end; so it is without a file.
    follow
        Go on until interrupted.
    """
    if data is not None:
        if once or follow:
            raise ConfigError("a file is measured at once", got="--once" if once else "--follow", fix="leave it out")
        how = {"metrics": _metrics(metrics or []), "exact": _EXACT[exact or "auto"], "engine": engine or "local",
               "precision": precision or 0.02, "now": now}  # fmt: skip
        return _file(data, schema, reference, window, report or [], how, json)
    file_only = {"--schema": schema, "--reference": reference, "--window": window, "--metrics": metrics,
                 "--exact": exact, "--engine": engine, "--precision": precision, "--now": now,
                 "--report": report}  # fmt: skip
    for name, value in file_only.items():
        if value:
            raise ConfigError(
                "belongs to measuring a file", got=name, fix="name the file: choirmaster monitor data.csv"
            )
    if once and follow:
        raise ConfigError("choose one of --once and --follow")
    return _follow(config, ensemble or []) if follow else _once(config, ensemble or [], json)


def _file(
    data: str, schema: Path | None, reference: str | None, window: str | None, reports: list[Path],
    how: dict[str, Any], json: bool,
) -> int:  # fmt: skip
    for path in reports:
        if path.suffix.lower() not in _REPORTS:
            raise ConfigError("unknown kind of report", where=str(path), got=f'"{path.suffix}"', allowed=_REPORTS)
    declared = read_schema(schema) if schema else None
    with output.progress(quiet=json) as progress:
        measured = services().monitor_files(
            data, schema=declared, reference=reference, window=_window(window), **how, progress=progress
        )
        for path in reports:
            _write(measured, path)
    alerts = [dict(one) for one in measured.alerts]
    if json:
        output.as_json({"metrics": measured.metrics.to_pylist(), "alerts": alerts, "notes": list(measured.notes),
                        "choices": measured.choices.to_pylist(),
                        "reports": [str(path) for path in reports]})  # fmt: skip
    else:
        _show(measured, alerts, reports)
    return FOUND if alerts else FINE


def _metrics(names: list[str]) -> str | list[str]:
    """Return ``auto``, ``all`` or names that there are."""
    if not names or names in (["auto"], ["all"]):
        return names[0] if names else "auto"
    from choirmaster.metrics import BY_NAME

    for name in names:
        if name not in BY_NAME:
            raise unknown("metric", name, ["auto", "all", *BY_NAME])
    return names


def _window(text: str | None) -> str | int | None:
    if text is None:
        return "auto"
    if text == "all":
        return None
    return int(text) if text.isdecimal() else text


def _foremost(choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each window chosen, the leading metrics and the last one; reports and --json have them all."""
    windows = [one for one in choices if one["what"] == "window"]
    metrics = [one for one in choices if one["what"] == "metric"]
    return [*windows, *metrics[:FOREMOST], *metrics[FOREMOST:][-1:]]


def _write(measured: Measured, path: Path) -> None:
    write = {".html": measured.to_html, ".pdf": measured.to_pdf, ".csv": measured.to_csv}[path.suffix.lower()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
    except OSError as error:
        raise ConfigError(
            "cannot write a report", where=str(path), got=error.strerror or type(error).__name__
        ) from None


def _show(measured: Measured, alerts: list[dict[str, Any]], reports: list[Path]) -> None:
    for note in measured.notes:
        output.hint(note)
    for choice in _foremost(measured.choices.to_pylist()):
        output.hint(f"{choice['what']} {choice['name']}: {choice['why']}")
    for one in alerts:
        output.tell(alert_line(one))
    output.tell(f"{len(measured.metrics)} values, {len(alerts)} alerts")
    for path in reports:
        output.tell(f"report: {path}")


def alert_line(one: Any) -> str:
    """Return an alert in one line: how bad, what, why, and the link."""
    head = f"{one.get('severity', 'warning')}: {one.get('title') or one.get('rule', '')}"
    return " - ".join(str(part) for part in (head, one.get("text"), one.get("link")) if part)


def _once(config: Path, ensembles: list[str], json: bool) -> int:
    with output.progress(quiet=json) as progress:
        found = services().monitor_once(config, ensembles=ensembles, progress=progress)
    alerts = list(found.get("alerts", ()))
    if json:
        output.as_json(found)
    else:
        for one in alerts:
            output.tell(alert_line(one))
        from choirmaster.watch.answers import collecting_text

        for name, share in found.get("collecting", {}).items():
            output.tell(f"{name}: {collecting_text(share)}")
        from choirmaster.watch.choosing import fix_text

        for name, differs in found.get("differs", {}).items():
            for what in differs:
                output.hint(f"{name}: {what}; {fix_text(name)}")
        apart = ("alerts", "collecting", "differs")
        output.record({key: value for key, value in found.items() if key not in apart} | {"alerts": len(alerts)})
    return FOUND if alerts else FINE


def _follow(config: Path, ensembles: list[str]) -> int:
    try:
        services().monitor_follow(config, ensembles=ensembles, tell=output.tell)
    except KeyboardInterrupt:
        output.hint("stopped")
    return FINE
