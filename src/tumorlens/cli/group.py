"""The commands by name, imported when called, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperGroup

from tumorlens.cli.text import printable
from tumorlens.errors import TumorlensError, UsageError
from tumorlens.notice import NOTICE

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED, EXIT_TERMINATED = 1, 2, 130, 143
DEBUG_VARIABLE = "TUMORLENS_DEBUG"


@dataclass(frozen=True)
class CommandEntry:
    """A command: its function has the name of its module, and may have examples in that module's ``EPILOG``.

    A command of several subcommands is a Typer application called ``app`` in its module instead. ``room`` is the folder
    below ``cli`` that holds the module.
    """

    name: str
    summary: str
    room: str = ""


COMMANDS: tuple[CommandEntry, ...] = (
    CommandEntry("analyze", "Say what scans show: class, outline, measurements."),
    CommandEntry("measure", "Measure a mask that is already there."),
    CommandEntry("demo", "Analyze four made head phantoms, and leave a page."),
    CommandEntry("doctor", "Check whether this machine, and a file, are fit."),
    CommandEntry("models", "List the models that ship, with metrics and licence."),
    CommandEntry("schema", "Print the JSON Schema of an analysis."),
    CommandEntry("serve", "Serve the web page and its API, on this machine."),
    CommandEntry("data", "List, fetch, check and show the public collections.", "workbench"),
    CommandEntry("audit", "Find leaks and odd images in a data set (extra 'eval').", "workbench"),
    CommandEntry("evaluate", "Measure a model, with intervals (extra 'eval').", "workbench"),
    CommandEntry("robustness", "Measure what degraded images cost (extra 'eval').", "workbench"),
    CommandEntry("compare", "Set runs side by side, with paired tests (extra 'eval').", "workbench"),
    CommandEntry("recipes", "List the recipes, or show one.", "workbench"),
    CommandEntry("train", "Train a model from a recipe (extra 'train').", "workbench"),
    CommandEntry("study", "Run a whole study of recipes (extra 'train').", "workbench"),
    CommandEntry("vote", "Join runs by vote or mean (extra 'eval').", "workbench"),
    CommandEntry("stack", "Join runs by a small network (extra 'train').", "workbench"),
    CommandEntry("export", "Export a run as ONNX (extra 'train').", "workbench"),
    CommandEntry("activations", "Draw a network's intermediate maps (extra 'train').", "workbench"),
)


class LazyGroup(TyperGroup):
    """A group that knows its commands' names and summaries, and imports a command's module once it is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # Only the names are asked for, to suggest one for a misspelled command.
        self.commands.update(dict.fromkeys((entry.name for entry in COMMANDS), None))  # type: ignore[arg-type]

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands, in the order of the help."""
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, imported now, or ``None``."""
        entry = next((one for one in COMMANDS if one.name == cmd_name), None)
        return None if entry is None else load_command(entry)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.summary) for entry in COMMANDS])

    def invoke(self, ctx: Any) -> Any:
        """Run a command, and turn what it raises into one line and an exit code."""
        with one_line_errors():
            return super().invoke(ctx)


def load_command(entry: CommandEntry) -> Any:
    """The command object of an entry."""
    room = f".{entry.room}" if entry.room else ""
    module = importlib.import_module(f"tumorlens.cli{room}.{entry.name}")
    examples = getattr(module, "EPILOG", "")
    if isinstance(getattr(module, "app", None), typer.Typer):
        group = typer.main.get_group(module.app)
        group.name, group.short_help, group.epilog = entry.name, entry.summary, f"{examples}\n\n{NOTICE}".strip()
        return group
    single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    single.command(entry.name, short_help=entry.summary, epilog=f"{examples}\n\n{NOTICE}".strip())(
        getattr(module, entry.name)
    )
    return typer.main.get_command(single)


class Terminated(KeyboardInterrupt):
    """SIGTERM, where a command ends for it as for Ctrl-C: with whole files and a sentence."""


@contextmanager
def terminable() -> Iterator[None]:
    """Makes SIGTERM raise :class:`Terminated` in the main thread; other threads have no say in signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Ends the process with one sentence on stderr: 2 for a usage error, 130 for Ctrl-C, 143 for SIGTERM, else 1."""
    try:
        yield
        sys.stdout.flush()
    except UsageError as error:
        fail(str(error), EXIT_USAGE)
    except TumorlensError as error:
        fail(str(error), EXIT_FAILED)
    except KeyboardInterrupt as stop:
        print_line("Interrupted", str(stop) or "stopped before it was done.")
        raise typer.Exit(EXIT_TERMINATED if isinstance(stop, Terminated) else EXIT_INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever read the output has closed it; without this the interpreter would complain while it ends.
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - not a path on Windows
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        raise typer.Exit(EXIT_FAILED) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE) or _is_usage_error(error):
            raise
        fail(f"Something unforeseen happened ({type(error).__name__}): set {DEBUG_VARIABLE}=1 to see where.", 1)


def fail(sentence: str, code: int) -> None:
    """Print ``Error: <sentence>`` in red on stderr, and end with ``code``.

    Raises:
        typer.Exit: always.
    """
    print_line("Error", sentence)
    raise typer.Exit(code) from None


def print_line(kind: str, sentence: str) -> None:
    """One line on stderr, red where that is a terminal and ``NO_COLOR`` is not set."""
    color = False if os.environ.get("NO_COLOR") else None
    typer.secho(f"{kind}: {printable(sentence)}", fg="red", err=True, color=color)


def _is_usage_error(error: Exception) -> bool:
    """Whether typer itself will print this error: an unknown option, a missing argument."""
    return hasattr(error, "exit_code") and hasattr(error, "show")
