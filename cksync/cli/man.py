"""`cksync man`."""

import re
from collections.abc import Iterator

import click

from cksync.cli import COMMANDS, cli, common
from cksync.version import __version__

EXIT_STATUS = (
    ("0", "Done; everything that was read is proved."),
    ("1", "Failed: no part of the API answers, the disk is full, or another cksync is running. Nothing is lost."),
    ("2", "You need to act: usage, configuration or rejected credentials."),
    ("3", "Partly done: the output names what is incomplete, or time ran out."),
    ("4", "Refused by a safety rule; nothing was written."),
    ("130", "Interrupted; what was read is kept."),
)
ENVIRONMENT = (
    ("CKSYNC_CONFIG", "Path of the config file."),
    ("CKSYNC_DATA_DIR", "The data folder."),
    ("CKSYNC_API_VERSION", "v3 or v4."),
    ("CKSYNC_API_KEY", "The key of API v4."),
    ("CKSYNC_OAUTH", "The token file that `cksync login` writes."),
    ("CKSYNC_API_SECRET", "The secret of API v3."),
    ("CKSYNC_BASE_URL", "Address of the API."),
    ("CKSYNC_V3_BASE_URL", "Address of API v3, for purchases beside a key of v4."),
)
FILES = (
    ("config.toml", "The configuration: in the current folder, else in the user's config folder."),
    ("data/mirror.duckdb", "The mirror; open it read-only."),
)
EVERYWHERE = {"--config", "--quiet", "--verbosity", "--help"}


@click.command()
@common
def man() -> None:
    """Print the manual page of cksync and all its commands.

    \b
    read it     cksync man > cksync.1 && man ./cksync.1
    install it  cksync man > ~/.local/share/man/man1/cksync.1
    """
    click.echo("\n".join(_page()))


def _page() -> Iterator[str]:
    """Yield the lines of the page, as troff with the macros of man."""
    with click.Context(cli, info_name="cksync", **cli.context_settings) as context:
        summary, _, more = (cli.help or "").partition("\n\n")
        yield f'.TH CKSYNC 1 "" "cksync {__version__}" "User Commands"'
        yield from (".SH NAME", rf"cksync \- {_escaped(summary.strip().rstrip('.'))}")
        yield from (".SH SYNOPSIS", f".B {_escaped(_usage(cli, context))}")
        yield ".SH DESCRIPTION"
        yield from _paragraphs(more)
        yield ".SH OPTIONS"
        yield from _options(cli, context)
        yield from (".SH COMMANDS", "The options above may come before or after the command, too.")
        for name in COMMANDS:
            command = cli.get_command(context, name)
            assert command is not None
            with click.Context(command, info_name=name, parent=context) as inner:
                yield f'.SS "{_escaped(_usage(command, inner))}"'
                yield from _paragraphs(command.help or "")
                yield from _options(command, inner)
    for heading, rows in (("EXIT STATUS", EXIT_STATUS), ("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)):
        yield f".SH {heading}"
        for term, text in rows:
            yield from _item(term, text)


def _usage(command: click.Command, context: click.Context) -> str:
    return " ".join([context.command_path, *command.collect_usage_pieces(context)])


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the options of a command; those that every command has, only for the program itself."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record and not (context.parent and EVERYWHERE.intersection(parameter.opts)):
            yield from _item(*record)


def _item(term: str, text: str) -> Iterator[str]:
    yield from (".TP", f".B {_escaped(term)}", _escaped(text))


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help text; click keeps the lines of one that begins with a backspace."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() if "\b" not in paragraph else line.rstrip() for line in paragraph.split("\n")]
        if "\b" not in paragraph:
            yield from (".PP", _escaped(" ".join(lines)))
            continue
        yield from (".PP", ".nf", *(_escaped(line) for line in lines if "\b" not in line), ".fi")


def _escaped(text: str) -> str:
    """A text as troff prints it: nothing in it is an instruction."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq").replace("`", r"\`")
    return rf"\&{text}" if text.startswith((".", "'")) else text
