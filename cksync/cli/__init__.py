"""The command line: parse, call one function of the library, print. The only place that exits.

Modules of commands are imported when a command runs, and heavy modules inside the command.
"""

import atexit
import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from cksync.cli.allocator import share_arenas
from cksync.cli.streams import open_streams
from cksync.version import __version__

if TYPE_CHECKING:
    from cksync.clock import Time
    from cksync.config import Config

# command -> (module, summary in the list of commands)
COMMANDS = {
    "demo": ("demo", "Try it on a simulated account; needs no setup."),
    "init": ("init", "Write a config file."),
    "login": ("login", "Log in to Kit with OAuth, for API v4."),
    "logout": ("logout", "Revoke the OAuth tokens and delete them."),
    "config": ("config", "Show the settings in force, and where each comes from."),
    "check": ("check", "Test the credentials, folder, disk and clock; show the account."),
    "plan": ("plan", "Estimate the next pull, in requests and minutes."),
    "pull": ("pull", "Bring the mirror up to date."),
    "verify": ("verify", "Compare the mirror with the account, and repair it."),
    "status": ("status", "Show how current and complete the mirror is, and what failed."),
    "sql": ("sql", "Query the mirror with SQL, read-only."),
    "export": ("export", "Export tables and models for other tools."),
    "report": ("report", "Write a one-page HTML report about the account."),
    "checkout": ("checkout", "Create a copy of the mirror to edit with any SQL tool."),
    "diff": ("diff", "Show what a push would change."),
    "push": ("push", "Apply the edits to the account, each only once."),
    "revert": ("revert", "Undo edits in a workspace."),
    "rebuild": ("rebuild", "Rebuild mirror.duckdb from the log."),
    "sandbox": ("sandbox", "Serve a simulated account on this machine."),
    "completion": ("completion", "Print the script that completes commands in a shell."),
    "man": ("man", "Print the manual page."),
}

# Commands with side effects: they complete even if their output is lost.
DOING = (
    "demo",
    "init",
    "login",
    "logout",
    "pull",
    "verify",
    "export",
    "report",
    "checkout",
    "push",
    "revert",
    "rebuild",
)

THREADS = 4

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Settings:
    """The global flags, accepted before and after the command."""

    config: Path | None = None
    quiet: bool = False
    verbosity: int = 0
    command: str = ""
    time: "Time | None" = None  # by default the machine's

    def load(self) -> "Config":
        """Load the configuration, printing its warnings to stderr."""
        from cksync.config import load_config

        if self.command in DOING:
            _try_threads()
        config = load_config(self.config)
        if not self.quiet:
            for warning in config.warnings:
                click.echo(f"warning: {warning}", err=True)
        return config


def _try_threads() -> None:
    """Start the minimum number of threads, and let them end. Raises RuntimeError if that is impossible: later, Arrow
    would hang forever waiting for threads that do not start."""
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
        click.option("--config", type=click.Path(path_type=Path), help="Path of the config file.", **_kept(keep)),
        click.option("--quiet", is_flag=True, help="Print only results and errors.", **_kept(keep)),
        click.option(
            "-v", "--verbosity", count=True, help="Print more details; -vv logs every request.", **_kept(keep)
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _kept(keep: Callable[[click.Context, click.Parameter, Any], None]) -> dict[str, Any]:
    return {"expose_value": False, "callback": keep}


class _Group(click.Group):
    """Lists the commands by name, and imports only the module of the one that is called."""

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


def main(arguments: Sequence[str] | None = None, time: "Time | None" = None) -> None:
    """Run the command line and exit with its status. `time` is a clock other than the machine's."""
    share_arenas()
    os.umask(0o077)  # files are accessible to their owner only
    out = open_streams()
    settings = Settings(time=time)
    status = _run(list(sys.argv[1:] if arguments is None else arguments), settings)
    out.flush()
    if out.problem:
        status = _unsaid(out.problem, status, settings)
    sys.exit(status)


def entry() -> NoReturn:
    """Run the command line as a process of its own, which ends without a tidy-up of every module: DuckDB reports what a
    thread still holds then, in forty lines below the result."""
    try:
        main()
    except SystemExit as end:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)
    raise AssertionError("main ends with an exit status")


def _unsaid(problem: OSError, status: int, settings: Settings) -> int:
    """The exit status of a command whose output could not be written: failed, or 3 if the command itself completed."""
    is_done = settings.command in DOING and status in (0, 3)
    after = "; the command itself completed" if is_done else ""
    click.echo(f"cksync: cannot write the output: {problem.strerror}{after}", err=True)
    return 3 if is_done else status or 1


def _run(arguments: list[str], settings: Settings | None = None) -> int:
    """Run a command and return its exit status. The only place that turns errors into messages, without secrets."""
    from cksync.errors import CksyncError
    from cksync.secrets import redact

    settings = settings or Settings()
    try:
        return int(cli.main(arguments, prog_name="cksync", standalone_mode=False, obj=settings) or 0)
    except click.ClickException as error:
        message = error.format_message()  # the help text, if a command gives no message
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
        click.echo(redact(f"cksync: cannot write {error.filename or 'a file'}: {error.strerror}"), err=True)
        return 1
    except Exception as error:
        if exhausted := _exhausted(error):
            click.echo(f"cksync: {exhausted}", err=True)
            return 1
        return _unexpected(error, settings)


def _exhausted(error: Exception) -> str | None:
    """A message about an exhausted resource; None for any other error."""
    if isinstance(error, MemoryError):
        return "out of memory; free some, or raise the limit (ulimit -v), and try again"
    # The messages of Python and of C++ libraries.
    if any(words in str(error) for words in ("can't start new thread", "Resource temporarily unavailable")):
        return "cannot start another thread; close other programs, or raise the limit (ulimit -u), and try again"
    return None


def _unexpected(error: Exception, settings: Settings) -> int:
    import traceback

    from cksync.secrets import redact

    if settings.verbosity:
        click.echo(redact("".join(traceback.format_exception(error))), err=True)
    hint = "" if settings.verbosity else "; run with -v for details"
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    click.echo(redact(f"cksync: internal error (a bug in cksync); please report it ({text}){hint}"), err=True)
    return 1
