"""Write docs/dictionary.md and docs/schema.md (from an empty mirror and the headers of sql/) and docs/options.md (from
the commands): `make docs`.

With --check nothing is written, and the exit status is 1 if a file is out of date.
"""

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import duckdb

from cksync.analyze.dictionary import Column, Entry, columns, entries, table_headers
from cksync.analyze.saved import saved_queries
from cksync.cli import COMMANDS, cli
from cksync.config import Config
from cksync.folder import Folder
from cksync.pipeline.publishing import publish

DOCS = Path(__file__).parent
MADE = "<!-- Made by `make docs` from sql/ and an empty mirror; do not edit. -->"
SYSTEM = ("_first_seen_at", "_synced_at", "_extra")
VERSION = ("valid_from", "valid_to", "change")
# The models of the second diagram: the base of all others.
CORE = ("dim_", "fct_", "bridge_", "hist_")
# A column with this name refers to one of several tables.
SEVERAL = {"subscribable_id": ("form", "sequence", "tag")}

Described = Sequence[tuple[Entry, Sequence[Column]]]


def main(arguments: Sequence[str]) -> int:
    """Write the files, or check them."""
    described = _described()
    stale = []
    pages = {"dictionary.md": dictionary(described), "schema.md": schema(described), "options.md": options()}
    for name, text in pages.items():
        path = DOCS / name
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(f"docs/{name}")
    if stale:
        sys.stderr.write(f"{' and '.join(stale)}: out of date; run `make docs`\n")
    return 1 if stale else 0


def _described() -> Described:
    """Read every table and model of an empty mirror, with its columns."""
    with tempfile.TemporaryDirectory() as top:
        folder = Folder(Path(top))
        folder.prepare()
        publish(Config(folder.root, "docs/generate.py"), folder)
        with duckdb.connect(str(folder.mirror), read_only=True) as db:
            return [(entry, columns(db, entry)) for entry in entries(db)]


def dictionary(described: Described) -> str:
    """Render every table and model with its columns; history and `as_of` in words, because they repeat the tables."""
    groups = {
        "Tables": [each for each in described if each[0].group == "tables"],
        "Models": [each for each in described if each[0].group == "models"],
        "cksync's own": [each for each in described if each[0].group == "cksync's own"],
    }
    contents = "\n".join(
        f"- {title}: {', '.join(f'[{entry.label}](#{_anchor(entry.label)})' for entry, _ in group)}"
        for title, group in groups.items()
    )
    return (
        "\n\n".join(
            [
                MADE,
                "# Data dictionary",
                "The contents of `mirror.duckdb`. `cksync sql --describe NAME` shows the same for your own mirror,\n"
                "including your own models and some rows. [schema.md](schema.md) shows how the tables relate.",
                contents,
                "## Saved queries",
                "`cksync sql @NAME` runs one. To add your own, put `queries/NAME.sql` into your models folder\n"
                "(`[models] path`).",
                "\n".join(
                    [
                        "| query | answers |",
                        "|---|---|",
                        *(f"| `@{q.name}` | {_cell(q.title)} |" for q in saved_queries(None)),
                    ]
                ),
                "## Tables",
                _system(groups["Tables"][0][1]),
                *_sections(groups["Tables"]),
                "## History",
                _history(described),
                "## Models",
                "Views, or tables where a view would be too slow on a large mirror, in schema `main`. Every publish\n"
                "rebuilds them; `_cksync.models` lists them.",
                *_sections(groups["Models"]),
                "## cksync's own",
                "Schema `_cksync`: what cksync read, when, and how well.",
                *_sections(groups["cksync's own"]),
            ]
        )
        + "\n"
    )


def _sections(group: Described) -> Iterator[str]:
    for entry, known in group:
        yield f"### {entry.label}"
        yield _cell(entry.grain)
        yield "\n".join(_facts(entry))
        own = [column for column in known if column.name not in SYSTEM]
        yield _table(own)


def _facts(entry: Entry) -> Iterator[str]:
    yield f"- kind: {entry.kind}"
    if entry.key:
        yield f"- key: {', '.join(f'`{column}`' for column in entry.key)}"
    if entry.filter:
        yield f"- usual filter: `{entry.filter}`"
    if entry.unknown:
        yield f"- v3 cannot tell: {_cell(entry.unknown)}"
    if entry.file and entry.file.startswith("sql/"):
        yield f"- source: [{entry.file}](../{entry.file})"


def _system(known: Sequence[Column]) -> str:
    return "In addition to its own columns, every table has\n\n" + _table([c for c in known if c.name in SYSTEM])


def _history(described: Described) -> str:
    known = next(known for entry, known in described if entry.label == "history.tags")
    return (
        "`history.<table>` has every version of every row of a table: the table's columns and\n\n"
        + _table([column for column in known if column.name in VERSION])
        + "\n\n`as_of.<table>(time)` is the table as it was at a time: `from as_of.tags('2026-11-16 00:00:00+00')`.\n"
        "A macro cannot be called through the alias of an attached file: `use` the file first."
    )


def _table(known: Sequence[Column]) -> str:
    lines = [f"| `{column.name}` | {column.type} | {_cell(column.meaning or '')} |" for column in known]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *lines])


def _cell(text: str) -> str:
    """Escape a text for Markdown, except inside `code`."""
    parts = text.split("`")
    for place in range(0, len(parts), 2):
        parts[place] = re.sub(r"([\\*_<>|\[\]])", r"\\\1", parts[place])
    for place in range(1, len(parts), 2):
        parts[place] = parts[place].replace("|", "\\|")
    return "`".join(parts)


def _anchor(label: str) -> str:
    return re.sub(r"[^\w-]", "", label.lower())


def schema(described: Described) -> str:
    """Render two diagrams: the tables, and the core models."""
    tables = [each for each in described if each[0].group == "tables"]
    core = [each for each in described if each[0].name.startswith(CORE) and each[0].group == "models"]
    return (
        "\n\n".join(
            [
                MADE,
                "# How the tables relate",
                "Keys and references; [dictionary.md](dictionary.md) has all columns. `PK` marks the key, `FK` the id\n"
                "of a row in another table. `subscribable_id` is the id of a form, sequence or tag, depending on\n"
                "`subscribable_type`.",
                "## Tables",
                _diagram(tables, {entry.name: entry.name for entry, _ in tables}),
                "Every table has a `history.<table>` with `valid_from`, `valid_to` and `change` in addition.",
                "## Core models",
                "They keep rows that are gone from the account, so a reference may have no target.",
                _diagram(
                    core,
                    {f"{entry.name.removeprefix('dim_')}s": entry.name for entry, _ in core} | _facts_as_parents(core),
                ),
            ]
        )
        + "\n"
    )


def _facts_as_parents(core: Described) -> dict[str, str]:
    """Map `broadcasts` to `fct_broadcast`: the fact model of each table."""
    found = {entry.name.split("_", 1)[1]: entry.name for entry, _ in core if entry.name.startswith("fct_")}
    return {f"{noun}s": name for noun, name in found.items() if f"{noun}s" in table_headers()}


def _diagram(drawn: Described, parents: dict[str, str]) -> str:
    """Draw entities with their keys, and a line for each column that refers to one of `parents` (noun: entity)."""
    lines, boxes = [], []
    for entry, known in drawn:
        words = table_headers()[entry.name].words if entry.group == "tables" else {}
        refers = {column.name: _parents(entry, column.name, parents) for column in known}
        for column, targets in refers.items():
            is_sure = f"({column})" in words.get("@child_of", "") + words.get("@part_of", "")
            many = "o|" if entry.key == (column,) else "o{"
            lines += [
                f'    {target} {"||" if is_sure else "|o"}--{many} {entry.name} : "{column}"' for target in targets
            ]
        if keyed := re.fullmatch(r"(\w+) \((\w+)\)", words.get("@keyed_by", "")):
            lines.append(f'    {keyed[1]} }}o--o{{ {entry.name} : "keys of {keyed[2]}"')
        body = [
            f"        {_kind(column)} {column.name} {_marks(column.name in entry.key, bool(refers[column.name]))}"
            for column in known
            if column.name in entry.key or refers[column.name]
        ]
        boxes += [f"    {entry.name} {{", *body, "    }"]
    return "\n".join(["```mermaid", "erDiagram", *sorted(lines), *boxes, "```"])


def _marks(is_key: bool, is_reference: bool) -> str:
    return ", ".join([*(["PK"] if is_key else []), *(["FK"] if is_reference else [])])


def _parents(entry: Entry, column: str, parents: dict[str, str]) -> list[str]:
    """Return the entities to which a column refers, judging by its name."""
    nouns = SEVERAL.get(column, (column.removesuffix("_id"),) if column.endswith("_id") else ())
    if column == "id" and entry.name.startswith("hist_"):
        nouns = (entry.name.removeprefix("hist_"),)
    targets = [parents[f"{noun}s"] for noun in nouns if f"{noun}s" in parents]
    return [target for target in targets if target != entry.name]


def _kind(column: Column) -> str:
    return re.sub(r"\W.*", "", column.type)


def options() -> str:
    """Render the help of every command."""
    parts = [
        "<!-- Made by `make docs` from the commands; do not edit. -->",
        "# Options",
        "The help of every command, as `cksync COMMAND --help` prints it. [commands.md](commands.md) is the overview.",
    ]
    with click.Context(cli, info_name="cksync", terminal_width=80, **cli.context_settings) as context:
        parts += ["## cksync", _code(cli.get_help(context))]
        for name in COMMANDS:
            command = cli.get_command(context, name)
            assert command is not None
            with click.Context(command, info_name=name, parent=context, terminal_width=80) as inner:
                parts += [f"## cksync {name}", _code(command.get_help(inner))]
    return "\n\n".join(parts) + "\n"


def _code(text: str) -> str:
    return "\n".join(["```", *(line.rstrip() for line in text.splitlines()), "```"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
