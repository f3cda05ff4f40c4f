"""Results on stdout: a table for people, JSON for machines."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to print the result."
)


def print_json(value: Any) -> None:
    """One JSON document."""
    click.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table in plain text: numbers to the right, everything else to the left."""
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
    return str(value)


def print_pairs(pairs: Mapping[str, Any]) -> None:
    """A short list of names and values."""
    width = max(map(len, pairs))
    for name, value in pairs.items():
        click.echo(f"{name.ljust(width)}  {_cell(value)}")
