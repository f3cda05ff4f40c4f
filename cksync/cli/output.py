"""Results on stdout: tables for people, JSON for programs."""

import json
import sys
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

import click

from cksync.cli.streams import STDOUT, columns_of, folded, utf8, visible

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


def say(text: str, piped_width: int | None = None) -> None:
    """Print a sentence; on a terminal its lines break at words, in a file or pipe only if a width is given."""
    width = terminal_width() or piped_width
    click.echo(text if width is None else folded(_shown(text), width))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], least: Sequence[str] = ()) -> None:
    """Print a plain-text table: numbers aligned right, everything else left.

    On a terminal that is too narrow, long texts wrap at words; if that is not enough, the columns `least` are left out,
    the first one first, and a note on stderr names them.
    """
    width, left_out = terminal_width(), []
    shown = list(range(len(columns)))
    table = _Table(columns, rows, shown)
    for name in least:
        if width is None or table.narrowest <= width:
            break
        left_out.append(name)
        shown = [place for place in shown if columns[place] != name]
        table = _Table(columns, rows, shown)
    for line in table.lines(width):
        click.echo(line)
    if left_out:
        click.echo(f"not shown: {', '.join(left_out)}; use a wider terminal, or --format json", err=True)


class _Table:
    """The chosen columns of a table, as text."""

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], shown: Sequence[int]) -> None:
        self.heads = [columns[place] for place in shown]
        self.cells = [[_cell(row[place]) for place in shown] for row in rows]
        self.widths = [max(map(_width, column)) for column in zip(self.heads, *self.cells, strict=True)]
        self.is_number = [bool(rows) and all(_is_number(row[place]) for row in rows) for place in shown]
        is_text = [any(isinstance(row[place], str) for row in rows) for place in shown]
        wide = max((width for width, can_wrap in zip(self.widths, is_text, strict=True) if can_wrap), default=0)
        # The widest text is the one that wraps.
        self.wrapping = next((n for n, can_wrap in enumerate(is_text) if can_wrap and self.widths[n] == wide), None)

    @property
    def narrowest(self) -> int:
        """The minimum width of the table."""
        total = sum(self.widths) + 2 * (len(self.widths) - 1)
        if self.wrapping is None:
            return total
        widest = self.widths[self.wrapping]
        return total - max(widest - max(NARROWEST, len(self.heads[self.wrapping])), 0)

    def lines(self, width: int | None) -> Iterator[str]:
        """Yield the lines of the table."""
        widths = list(self.widths)
        over = 0 if width is None else sum(widths) + 2 * (len(widths) - 1) - width
        if over > 0 and self.wrapping is not None:
            widths[self.wrapping] = max(widths[self.wrapping] - over, min(NARROWEST, widths[self.wrapping]))
        for row in (self.heads, ["─" * each for each in widths], *self.cells):
            wrapped_cells = [
                textwrap.wrap(text, widths[n], break_on_hyphens=False) or [""] if _width(text) > widths[n] else [text]
                for n, text in enumerate(row)
            ]
            for parts in zip_longest(*wrapped_cells, fillvalue=""):
                yield "  ".join(
                    part.rjust(each) if right else padded(part, each)
                    for part, each, right in zip(parts, widths, self.is_number, strict=True)
                ).rstrip()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | None)


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
        click.echo(f"{name.ljust(width)}  {wrapped(_cell(value), width + 2, terminal_width())}")


def terminal_width() -> int | None:
    """The width of the terminal; None if stdout is a file or pipe, where nothing is truncated."""
    return columns_of(STDOUT) if sys.stdout.isatty() else None


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
    room = max(width - indent, NARROWEST)
    return ("\n" + " " * indent).join(textwrap.wrap(text, room, break_on_hyphens=False, break_long_words=False))
