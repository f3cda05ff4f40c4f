"""Results on stdout: tables for people, JSON for programs."""

import json
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from cksync.cli.streams import utf8, visible

FORMAT = click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="Output format.")
ALLOW_FILES = click.option(
    "--allow-files", is_flag=True, help="Let the query read and write files, attach databases and change settings."
)
NARROWEST = 24  # minimum width of a wrapped text column


def print_json(value: Any) -> None:
    """Print a JSON document."""
    with utf8() as out:
        out.write(json.dumps(value, indent=2, default=_plain, ensure_ascii=False) + "\n")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a plain-text table: numbers aligned right, everything else left."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(columns, *cells, strict=True)]
    is_number = [
        all(isinstance(row[n], int | float | None) for row in rows) and bool(rows) for n in range(len(columns))
    ]
    for line in (columns, ["─" * width for width in widths], *cells):
        padded = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, is_number, strict=True)
        ]
        click.echo("  ".join(padded).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return _shown(str(value))


def print_pairs(pairs: Mapping[str, Any]) -> None:
    """Print a short list of names and values."""
    width = max(map(len, pairs))
    for name, value in pairs.items():
        click.echo(f"{name.ljust(width)}  {_cell(value)}")


def terminal_width() -> int | None:
    """The width of the terminal; None if stdout is a file or pipe, where nothing is truncated."""
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None


def one_line(text: str) -> str:
    """A text without line breaks and, on a terminal, without control characters."""
    return _shown(text.replace("\r\n", "\n").replace("\n", "\\n").replace("\t", "\\t"))


def _shown(text: str) -> str:
    """A text as it will be printed, to measure its width."""
    return visible(text) if sys.stdout.isatty() else text


def cut(text: str, width: int | None) -> str:
    """Truncate a text with … to a width in terminal columns."""
    if width is None or _width(text) <= width:
        return text
    end = next(end for end in range(len(text), -1, -1) if _width(text[:end]) < max(width, 1))
    return text[:end] + "…"


def padded(text: str, width: int) -> str:
    """Pad a text with spaces to a width in terminal columns."""
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    return sum(
        2 if unicodedata.east_asian_width(each) in "FW" else 1 for each in text if not unicodedata.combining(each)
    )


def wrapped(text: str, indent: int, width: int | None) -> str:
    """Wrap a text to the width of a terminal, indenting all lines but the first."""
    if width is None or indent + len(text) <= width:
        return text
    return ("\n" + " " * indent).join(textwrap.wrap(text, max(width - indent, NARROWEST), break_on_hyphens=False))
