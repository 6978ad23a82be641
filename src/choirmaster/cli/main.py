"""The entry: commands by name, loaded when they are called; errors in one form, exit codes with one meaning each."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cyclopts import App, CycloptsError, Parameter

from choirmaster.cli.context import COULD_NOT, CURRENT, FINE, USAGE, Context
from choirmaster.errors import ChoirmasterError, ConfigError, SchemaError, UnknownName, extra_for

if TYPE_CHECKING:
    from choirmaster.cli.services import Services

_HELP = """Runs many models as one, and hears which one is off key.

Exit codes: 0 fine, 1 found something, 2 usage or configuration, 3 could not run."""

# name, where it is, one line of help; groups are (group, name).
COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("demo", "demo:demo", "Train, serve, replay and watch a year of real flights."),
    ("init", "init:init", "Write a configuration, or a schema guessed from a file."),
    ("check", "check:check", "List every problem of a configuration, and each effective value."),
    ("serve", "serve:serve", "Answer requests and watch the ensembles."),
    ("predict", "predict:predict", "Answer every row of a file, without a server."),
    ("ingest", "ingest:ingest", "Put predictions or labels of a file into the store."),
    ("monitor", "monitor:monitor", "Measure a file, or every window that is due."),
    ("metrics", "metrics:metrics", "Show stored values."),
    ("describe", "metrics:describe", "Say what a metric, rule or candidate is."),
    ("train", "train:train", "Train candidates, compare them and pick members."),
    ("show", "show:show", "Show one prediction with its labels."),
    ("report", "report:report", "Write a report."),
    ("freeze", "freezing:freeze", "Let nothing automatic move weights or roles."),
    ("unfreeze", "freezing:unfreeze", "Let automatic changes go on."),
    ("undo", "freezing:undo", "Take the last decision about an ensemble back."),
    ("warm", "warm:warm", "Compile the kernels into the cache."),
)
GROUPS: tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...] = (
    ("alerts", "Alerts of the ensembles.", (("list", "alerts:list_alerts", "List alerts."),)),
    ("reference", "What current rows are compared with.", (
        ("list", "reference:list_references", "List references."),
        ("set", "reference:set_reference", "Compare with other rows from now on."),
        ("show", "reference:show_reference", "Show what a reference holds."))),
    ("member", "What each member of a running ensemble does.", (
        ("set", "member:set_role", "Take a member out, put it back, make it shadow or canary."),
        ("clear", "member:clear_role", "Let a member do what the configuration says."),
        ("list", "member:list_members", "List roles and weights, and who set them."))),
    ("weights", "How much each member's answer counts.", (
        ("set", "weights:set_weights", "Set fusion weights of a running ensemble."),
        ("clear", "weights:clear_weights", "Let the weights be what the configuration says."))),
    ("token", "Tokens for access beyond this machine.", (("new", "token:new", "Make a token."),)),
)  # fmt: skip


def build(argv: Sequence[str] = ()) -> App:
    """Return the command line; of the commands only the one that is asked for is loaded."""
    asked = [one for one in argv if not one.startswith("-")][:2]
    app = App(
        name="choirmaster", help=_HELP, version=_version, help_format="plaintext", result_action="return_value",
        print_error=False, exit_on_error=False, suppress_keyboard_interrupt=False,
        default_parameter=Parameter(negative=()),
    )  # fmt: skip
    for name, place, help_line in COMMANDS:
        _add(app, name, place, help_line, asked=asked[:1] == [name])
    for group, help_line, commands in GROUPS:
        inner = App(name=group, help=help_line)
        for name, place, line in commands:
            _add(inner, name, place, line, asked=asked == [group, name])
        app.command(inner)
    return app


def _add(app: App, name: str, place: str, line: str, *, asked: bool) -> None:
    """Add a command: with its own long help when it is asked for, else with one line and without loading it."""
    if not asked:
        app.command(f"choirmaster.cli.{place}", name=name, help=line)
        return
    module, _, function = place.partition(":")
    app.command(getattr(import_module(f"choirmaster.cli.{module}"), function), name=name)


def _version() -> str:
    from importlib.metadata import version

    return version("choirmaster")


def main(argv: Sequence[str], services: Callable[[], Services]) -> int:
    """Run one command; returns the exit code.

    Parameters
    ----------
    argv : sequence of str
        Without the program's name.
    services : callable
        Makes the services; called only by commands that need them.
    """
    machine = "--json" in argv
    mark = CURRENT.set(Context(services))
    try:
        answer = build(argv)(list(argv))
    except CycloptsError as error:
        return _say({"code": "usage", "what": _first(error)}, _first(error), USAGE, machine)
    except (ConfigError, SchemaError, UnknownName) as error:
        return _say(error.as_dict(), str(error), USAGE, machine)
    except ChoirmasterError as error:
        return _say(error.as_dict(), str(error), COULD_NOT, machine)
    except KeyboardInterrupt:
        return _say({"code": "interrupted", "what": "interrupted"}, "interrupted", COULD_NOT, machine)
    except BrokenPipeError:
        sys.stderr.close()
        return FINE
    except ModuleNotFoundError as error:
        missing = extra_for(error)
        if missing is None:
            _trace(error)
        what = str(missing or f"unexpected {type(error).__name__}: {error}")
        return _say(missing.as_dict() if missing else {"code": "unexpected", "what": what}, what, COULD_NOT, machine)
    except Exception as error:
        what = f"unexpected {type(error).__name__}: {error}"
        _trace(error)
        return _say({"code": "unexpected", "what": what}, what, COULD_NOT, machine)
    finally:
        CURRENT.reset(mark)
    return answer if isinstance(answer, int) else FINE


def _first(error: CycloptsError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines) or type(error).__name__
    return text[:1].lower() + text[1:].rstrip(".")


def _say(parts: dict[str, Any], text: str, code: int, machine: bool) -> int:
    if machine:
        print(json.dumps({"error": parts}, ensure_ascii=False), file=sys.stderr)
    else:
        print(f"error: {text}", file=sys.stderr)
        if code == USAGE and parts.get("code") == "usage":
            print("see: choirmaster --help", file=sys.stderr)
    return code


def _trace(error: Exception) -> None:
    """Show where an error came from that nobody foresaw: it is a fault of this program."""
    import traceback

    traceback.print_exception(error, file=sys.stderr)
