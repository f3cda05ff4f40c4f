"""`cksync sql`: needs only DuckDB and the published file."""

import re
import sys
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from cksync.cli import Settings, common
from cksync.cli.formats import PRINTERS, is_wide
from cksync.cli.output import ALLOW_FILES
from cksync.cli.paging import paged
from cksync.cli.streams import as_typed, from_stdin

if TYPE_CHECKING:
    from cksync.config import Config

FORMATS = ("table", "line", "csv", "json", "parquet")


def _names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion: names of tables and models, or with @ also of saved queries."""
    from cksync.analyze.dictionary import entries
    from cksync.analyze.saved import saved_queries
    from cksync.errors import CksyncError
    from cksync.folder import Folder
    from cksync.mirror import open_mirror

    if parameter.name == "query" and not incomplete.startswith("@"):
        return []
    try:
        config = replace(context.ensure_object(Settings), quiet=True).load()
        with open_mirror(Folder(config.data_dir)) as db:
            known = [entry.label for entry in entries(db)]
        if parameter.name == "query":
            known = [f"@{name}" for name in (*known, *(saved.name for saved in saved_queries(config.models.path)))]
    except CksyncError:
        return []
    return sorted({name for name in known if name.startswith(incomplete)})


@click.command(context_settings={"ignore_unknown_options": True})  # a query may begin with a comment: --
@click.argument("query", required=False, shell_complete=_names)
@click.option("--list", "listing", is_flag=True, help="List tables, models and saved queries.")
@click.option("--describe", metavar="NAME", shell_complete=_names, help="Describe a table or model and its columns.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Output format; `line` prints one column per line, `parquet` needs a file or pipe.  [default: table,"
    " or line for a few rows that are wider than the terminal]",
)
@click.option("--crlf", is_flag=True, help="CSV: end lines as Windows does, for Excel.")
@ALLOW_FILES
@common
@click.pass_obj
def sql(
    settings: Settings,
    query: str | None,
    listing: bool,
    describe: str | None,
    form: str | None,
    crlf: bool,
    allow_files: bool,
) -> None:
    """Query the mirror with SQL, read-only. Queries cannot access other files without --allow-files.

    QUERY is SQL, or @NAME: a saved query, a table or a model. Without QUERY, SQL is read from stdin.
    """
    if listing + (describe is not None) + (query is not None) > 1:
        raise click.UsageError("use only one of: a query, --list, --describe")
    if query is not None and re.fullmatch(r"--?[\w-]+(=.*)?", query):
        raise click.UsageError(f"there is no option {query.split('=')[0]}; `cksync sql --help` lists the options")
    if form == "parquet" and sys.stdout.isatty():
        raise click.UsageError(
            "parquet is a binary format; redirect it to a file: `cksync sql … --format parquet > out.parquet`"
        )
    if crlf and form != "csv":
        raise click.UsageError("--crlf needs --format csv")
    config = settings.load()
    if listing or describe is not None:
        from cksync.cli import dictionary

        with paged():
            if describe is None:
                dictionary.list_everything(config.data_dir, config.models.path, form or "table")
            else:
                dictionary.describe(config.data_dir, describe, form or "table")
        return
    text = from_stdin("the query") if query in (None, "-") else as_typed(query or "", "the query")
    _ask(config, text, "crlf" if crlf else form, quiet=settings.quiet, allow_files=allow_files)


def _ask(config: "Config", query: str, form: str | None, *, quiet: bool, allow_files: bool) -> None:
    from cksync.analyze.query import ask

    with ask(config.data_dir, query, config.models.path, allow_files=allow_files) as answer:
        if answer.saved and not answer.saved.file and not quiet:
            click.echo(f"-- {answer.saved.sql}", err=True)
        if answer.relation is None:
            return
        chosen = form or ("line" if is_wide(answer.relation) else "table")
        with paged() if chosen in ("table", "line") else nullcontext():
            PRINTERS[chosen](answer.relation)
        if answer.why_empty and not quiet and not answer.relation.limit(1).fetchall():
            click.echo(f"-- {answer.why_empty}", err=True)
