"""The output of `cksync sql --list` and `--describe`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cksync.cli.output import cut, one_line, padded, terminal_width, wrapped
from cksync.cli.streams import utf8

if TYPE_CHECKING:
    import duckdb

    from cksync.analyze.dictionary import Entry
    from cksync.analyze.saved import Saved

SAMPLE_ROWS = 3
PREFIX = "One row per "  # how nearly every description begins
LONGEST_SAMPLE = 40  # characters of a sample value, if the output is not a terminal


def list_everything(data_dir: Path, theirs: Path | None, form: str) -> None:
    """Print tables, models and saved queries, in groups; for csv or json, one row each."""
    from cksync.analyze.dictionary import entries
    from cksync.analyze.saved import saved_queries
    from cksync.folder import Folder
    from cksync.mirror import open_mirror

    saved = saved_queries(theirs)
    with open_mirror(Folder(data_dir)) as db:
        known = entries(db)
        if form in ("csv", "json", "parquet"):
            _print_rows(db, [*map(_listed, known), *map(_listed_query, saved)], form)
        else:
            _print_groups(known, saved)


def describe(data_dir: Path, name: str, form: str) -> None:
    """Print the data dictionary of a table or model, with a few sample rows."""
    import msgspec

    from cksync.analyze.dictionary import columns, entries, find, sample
    from cksync.cli.values import exact_rows, json_rows
    from cksync.folder import Folder
    from cksync.mirror import open_mirror

    with open_mirror(Folder(data_dir)) as db:
        entry = find(entries(db), name)
        known = columns(db, entry)
        if form in ("csv", "parquet"):
            _print_rows(db, [{"column": each.name, "type": each.type, "meaning": each.meaning} for each in known], form)
            return
        rows = sample(db, entry, SAMPLE_ROWS)
        if form == "json":
            told = [{"name": each.name, "type": each.type, "meaning": each.meaning} for each in known]
            shown = [msgspec.Raw(row.encode()) for row in json_rows(rows)] if rows is not None else []
            described = msgspec.json.encode({**_listed(entry), "columns": told, "sample": shown})
            with utf8() as out:
                out.write(msgspec.json.format(described, indent=2).decode() + "\n")
            return
        _print_entry(entry)
        if rows is not None:
            _print_columns([(each.name, each.type, each.meaning or "") for each in known])
            _print_sample(rows.columns, list(exact_rows(rows)))


def _listed(entry: "Entry") -> dict[str, Any]:
    return {
        "group": entry.group,
        "name": entry.label,
        "kind": entry.kind,
        "rows": entry.rows,
        "description": entry.grain,
        "key": ", ".join(entry.key) or None,
        "filter": entry.filter,
        "unknown": entry.unknown,
        "file": entry.file,
        "problem": entry.problem,
    }


def _listed_query(saved: "Saved") -> dict[str, Any]:
    told = {"group": "saved queries", "name": f"@{saved.name}", "kind": "query", "description": saved.title}
    return {**dict.fromkeys(("rows", "key", "filter", "unknown", "problem")), **told, "file": saved.file}


def _print_rows(db: "duckdb.DuckDBPyConnection", rows: Sequence[dict[str, Any]], form: str) -> None:
    """Print rows of text, and the number `rows`, in a format of `cksync sql`."""
    from cksync.cli.formats import PRINTERS

    names = rows[0] if rows else {"column": None}
    kinds = ", ".join(f'"{name}" {"bigint" if name == "rows" else "varchar"}' for name in names)
    query = f"select unnest(told) from (select unnest(?::struct({kinds})[]) as told)"
    PRINTERS[form](db.sql(query, params=[list(rows)]))


def _print_groups(known: "Sequence[Entry]", saved: "Sequence[Saved]") -> None:
    from cksync.analyze.dictionary import GROUPS

    groups: dict[str, list[tuple[str, str, str, str]]] = {}
    for entry in known:
        if entry.kind == "macro":
            continue
        text = entry.problem or entry.grain.removeprefix(PREFIX)
        rows = "" if entry.rows is None else f"{entry.rows:,}"
        groups.setdefault(entry.group, []).append((entry.label, "broken" if entry.problem else entry.kind, rows, text))
    if any(entry.kind == "macro" for entry in known):
        groups["history"].append(("as_of.<table>(time)", "macro", "", "a table as of a point in time"))
    queries = [(f"@{each.name}", "", "", each.title) for each in saved]
    lines = [line for group in (*groups.values(), queries) for line in group]
    widths = [max(len(line[place]) for line in lines) for place in range(3)]
    for group in (*GROUPS, "saved queries"):
        _print_group(group, queries if group == "saved queries" else groups.get(group, []), widths)
    click.echo("cksync sql --describe NAME  columns and meaning; views: rows not counted")
    click.echo("cksync sql @NAME            the newest rows, or the result of a saved query")


def _print_group(title: str, lines: Sequence[tuple[str, str, str, str]], widths: Sequence[int]) -> None:
    if not lines:
        return
    width = terminal_width()
    named, kind_wide, rows_wide = widths
    click.echo(title if title == "saved queries" else f"{title}, one row per")
    for name, kind, rows, text in lines:
        begun = f"  {name.ljust(named)}  {kind.ljust(kind_wide)}  {rows.rjust(rows_wide)}  "
        begun = f"  {name.ljust(named)}  " if title == "saved queries" else begun
        room = None if width is None else max(width - len(begun), 10)
        click.echo(f"{begun}{cut(one_line(text), room)}".rstrip())
    click.echo()


def _print_entry(entry: "Entry") -> None:
    width = terminal_width()
    rows = f", {entry.rows:,} row{'s' if entry.rows != 1 else ''}" if entry.rows is not None else ""
    called = f"{entry.label}(time)" if entry.kind == "macro" else entry.label
    click.echo(wrapped(f"{called} ({entry.kind}{rows}): {one_line(entry.grain)}", 0, width))
    click.echo()
    told = {
        "key": ", ".join(entry.key),
        "usual filter": entry.filter,
        "unknown": entry.unknown,
        "built by": entry.file,
        "problem": entry.problem,
    }
    for name, text in told.items():
        if text:
            click.echo(f"{name.ljust(12)}  {wrapped(one_line(text), 14, width)}")
    if any(told.values()):
        click.echo()


def _print_columns(rows: Sequence[tuple[str, str, str]]) -> None:
    width = terminal_width()
    heads = ("column", "type", "meaning")
    named, typed = (max(len(row[place]) for row in (heads, *rows)) for place in range(2))
    for name, kind, meaning in (heads, ("─" * named, "─" * typed, "─" * len(heads[2])), *rows):
        text = wrapped(one_line(meaning), named + typed + 4, width)
        click.echo(f"{name.ljust(named)}  {kind.ljust(typed)}  {text}".rstrip())
    click.echo()


def _print_sample(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a few rows side by side, one column per line."""
    from cksync.cli.values import text_of

    if not rows:
        click.echo("no rows")
        return
    click.echo("sample rows" if len(rows) > 1 else "sample row")
    width, named = terminal_width(), max(map(len, names))
    room = LONGEST_SAMPLE if width is None else max((width - named - 2) // len(rows) - 2, 6)
    lines = [
        [cut(one_line("NULL" if row[n] is None else str(text_of(row[n]))), room) for row in rows]
        for n in range(len(names))
    ]
    wide = min(room, max(len(text) for line in lines for text in line))
    for name, values in zip(names, lines, strict=True):
        click.echo(f"{name.ljust(named)}  {'  '.join(padded(value, wide) for value in values)}".rstrip())
