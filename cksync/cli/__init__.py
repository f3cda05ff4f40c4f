"""The command line: parse, wire, call one verb, print. The only place that exits.

Modules of commands are imported when a command runs; what is heavy, inside the command.
"""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cksync import __version__
from cksync.cli.streams import open_streams

if TYPE_CHECKING:
    from cksync.config import Config

# command -> (module, what the list of commands says of it)
COMMANDS = {
    "demo": ("demo", "See it work on a simulated account; needs nothing."),
    "init": ("setup", "Write a config file."),
    "check": ("setup", "Test credentials, folder, disk and clock, and name the account."),
    "plan": ("verify", "What the next pull will ask for, in requests and minutes."),
    "pull": ("pull", "Bring the mirror up to date."),
    "verify": ("verify", "Compare the mirror with the account, and mend it."),
    "status": ("status", "How fresh and how whole the mirror is, and what failed."),
    "sql": ("sql", "Ask the mirror in SQL, read-only."),
    "export": ("export", "Write tables and models where other tools want them."),
    "report": ("report", "Write one HTML file about the account, to read and to show."),
    "checkout": ("push", "Write a copy of the mirror to edit with any SQL tool."),
    "diff": ("push", "What a push of the edits would do."),
    "push": ("push", "Take the edits to the account, each once."),
    "revert": ("push", "Take edits of the copy back."),
    "rebuild": ("pull", "Make mirror.duckdb anew from the log."),
    "sandbox": ("demo", "Serve a simulated account on this machine."),
}

# Those that do more than to answer: without their report they are done all the same.
DOING = ("demo", "init", "pull", "verify", "export", "report", "checkout", "push", "revert", "rebuild")

THREADS = 4

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Settings:
    """The global flags, which are taken before and after the command."""

    config: Path | None = None
    quiet: bool = False
    verbosity: int = 0
    command: str = ""

    def load(self) -> "Config":
        """The configuration; its warnings go to stderr."""
        from cksync.config import load_config

        if self.command in DOING:
            _try_threads()
        config = load_config(self.config)
        if not self.quiet:
            for warning in config.warnings:
                click.echo(f"warning: {warning}", err=True)
        return config


def _try_threads() -> None:
    """Start as many threads as the work needs at least, and let them end. Raises RuntimeError where that is impossible:
    later it would not be said, for Arrow waits for ever for threads that do not start."""
    import threading

    over = threading.Event()
    try:
        for _ in range(THREADS):
            threading.Thread(target=over.wait, daemon=True).start()
    finally:
        over.set()


def common(command: F) -> F:
    """The global flags."""

    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        settings, name = context.ensure_object(Settings), parameter.name or ""
        if value:
            setattr(settings, name, value + settings.verbosity if name == "verbosity" else value)

    options = (
        click.option("--config", type=click.Path(path_type=Path), help="The config file.", **_kept(keep)),
        click.option("--quiet", is_flag=True, help="Say nothing but results and errors.", **_kept(keep)),
        click.option("-v", "--verbosity", count=True, help="Say more; twice for every request.", **_kept(keep)),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _kept(keep: Callable[[click.Context, click.Parameter, Any], None]) -> dict[str, Any]:
    return {"expose_value": False, "callback": keep}


class _Group(click.Group):
    """Knows its commands by name, and imports the module of the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"cksync.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {close[0]}?" if close else "`cksync --help` lists the commands"
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)
        name, command, rest = super().resolve_command(ctx, args)
        ctx.ensure_object(Settings).command = name or ""
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@common
@click.version_option(__version__, prog_name="cksync")
def cli() -> None:
    """An exact local mirror of a ConvertKit (Kit) account in DuckDB and Parquet.

    New here? `cksync demo` shows it on a simulated account.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    os.umask(0o077)  # what cksync writes is its owner's alone
    out = open_streams()
    settings = Settings()
    status = _run(list(sys.argv[1:] if arguments is None else arguments), settings)
    out.flush()
    if out.problem:
        status = _unsaid(out.problem, status, settings)
    sys.exit(status)


def _unsaid(problem: OSError, status: int, settings: Settings) -> int:
    """The exit status of a command whose output a device did not take: it failed, or if it does more than to
    answer, is done but for its report."""
    is_done = settings.command in DOING and status in (0, 3)
    after = "; what was to be done is done" if is_done else ""
    click.echo(f"cksync: the output cannot be written: {problem.strerror}{after}", err=True)
    return 3 if is_done else status or 1


def _run(arguments: list[str], settings: Settings | None = None) -> int:
    """The command's exit status. Every error becomes a sentence here, cleaned of secrets, and only here."""
    from cksync.errors import CksyncError
    from cksync.secrets import redact

    settings = settings or Settings()
    try:
        return int(cli.main(arguments, prog_name="cksync", standalone_mode=False, obj=settings) or 0)
    except click.ClickException as error:
        message = error.format_message()  # which is the help, where a command says nothing
        click.echo(redact(message if message.startswith("Usage:") else f"cksync: {message}"), err=True)
        return error.exit_code
    except CksyncError as error:
        for line in str(error).splitlines():
            click.echo(redact(f"cksync: {line}"), err=True)
        return error.exit_status
    except (KeyboardInterrupt, click.Abort):
        click.echo("cksync: interrupted", err=True)
        return 130
    except OSError as error:
        click.echo(redact(f"cksync: {error.filename or 'a file'} cannot be written: {error.strerror}"), err=True)
        return 1
    except Exception as error:
        if exhausted := _exhausted(error):
            click.echo(f"cksync: {exhausted}", err=True)
            return 1
        return _unexpected(error, settings)


def _exhausted(error: Exception) -> str | None:
    """What the machine has run out of, in a sentence; None for any other error."""
    if isinstance(error, MemoryError):
        return "there is no memory left on this machine; make room, or lift the limit (ulimit -v), and try again"
    # In Python's words, and in those of the libraries that are written in C++.
    if any(words in str(error) for words in ("can't start new thread", "Resource temporarily unavailable")):
        return (
            "this machine lets no more threads start; end other programs, or lift the limit (ulimit -u), and try again"
        )
    return None


def _unexpected(error: Exception, settings: Settings) -> int:
    import traceback

    from cksync.secrets import redact

    if settings.verbosity:
        click.echo(redact("".join(traceback.format_exception(error))), err=True)
    hint = "" if settings.verbosity else "; -v shows where"
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    click.echo(redact(f"cksync: this is a mistake of cksync, please report it ({text}){hint}"), err=True)
    return 1
