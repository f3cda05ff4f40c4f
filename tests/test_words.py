"""What users read is plain English: no word of the private dialect that cksync once spoke."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cksync.cli import COMMANDS, cli

TOP = Path(__file__).parent.parent
SNAPSHOTS = sorted((TOP / "tests" / "snapshots").glob("*.txt"))
DOCUMENTS = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]

# The old words and turns of phrase, and what to write instead.
DIALECT = {
    r"anew": "again, or rebuild",
    r"nobody|somebody|whom|whoever": "name the subject: no one, a person, another program",
    r"theirs(?!\.)": "the account's; `theirs.` is an alias in SQL",
    r"told": "reported, or shown",
    r"mend|mends|mending": "fix, or repair; `mended` is a stored verdict of verify",
    r"vouch|vouches|vouched": "complete, or proved",
    r"doubt|doubts|doubted": "incomplete because; `doubt` is a column, so it may stand in a code span",
    r"strangers?": "foreign file",
    r"walks?|walked|walking": "scan",
    r"looks?|looked|looking": "sample, check, or find",
    r"agenda": "schedule",
    r"turns?|turned": "rotation; rejected for `turned down`",
    r"levels? with|levelled": "in sync with",
    r"misshapen|parked": "invalid, skipped",
    r"e-mails?": "email",
    r"(?:goes|go|going|went) on": "continue",
    r"asked? for|asks? the account|asked": "request",
    r"is there already|are there already": "already exists",
    r"stays? as it was|as it was": "is unchanged",
    r"take[sn]? back|taken back": "revert",
    r"is to be|are to be|is to live": "say it directly",
    r"so many": "this many",
    r"mistake of cksync": "internal error",
    r"make room": "free some space",
}
WORDS = re.compile("|".join(rf"\b(?:{words})\b" for words in DIALECT), re.IGNORECASE)
# In running text these are also plain English: looked up, in turn, asked for, as it was.
PLAIN_IN_PROSE = ("looks?", "turns?", "(?:goes", "asked? for", "stays? as", "so many", "take[sn]? back", "is to be")
PROSE = re.compile(
    "|".join(rf"\b(?:{words})\b" for words in DIALECT if not words.startswith(PLAIN_IN_PROSE)), re.IGNORECASE
)
# A code span or a code block of Markdown: names that are stored or typed.
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
SQL = re.compile(
    r"\s*(select|with|insert|update|delete|create|alter|drop|describe|attach|detach|copy|case|from|where|begin|comment)\b"
)


def found(text: str, words: re.Pattern[str] = WORDS) -> list[str]:
    """Return the old words in a text, each with its surroundings."""
    text = CODE.sub("``", text)
    return [text[max(match.start() - 40, 0) : match.end() + 40] for match in words.finditer(text)]


def literals(source: str) -> Iterator[tuple[int, str]]:
    """Strings with a space in them, `…` for the expressions of an f-string; no docstrings, no SQL."""
    tree = ast.parse(source)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    inside |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in inside:
            continue
        text = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        if " " in text.strip() and not SQL.match(text):
            yield getattr(node, "lineno", 0), text


def helps(command: click.Command) -> Iterator[str]:
    """The help of a command and of each of its options."""
    yield command.help or ""
    yield from (parameter.help or "" for parameter in command.params if isinstance(parameter, click.Option))


@pytest.mark.parametrize("path", sorted((TOP / "cksync").rglob("*.py")), ids=lambda path: str(path.relative_to(TOP)))
def test_messages_are_plain_english(path: Path) -> None:
    strange = {line: words for line, text in literals(path.read_text()) if (words := found(text))}
    assert strange == {}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_plain_english(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert [words for text in (COMMANDS[name][1], *helps(command)) for words in found(text)] == []


@pytest.mark.parametrize("path", [*SNAPSHOTS, TOP / "config.example.toml"], ids=lambda path: path.name)
def test_snapshots_and_example_are_plain_english(path: Path) -> None:
    assert found(path.read_text()) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_are_plain_english(path: Path) -> None:
    assert found(path.read_text(), PROSE) == []


def test_an_old_word_is_found_where_a_user_reads_it_and_nowhere_else() -> None:
    source = '"""Mend it."""\nfail(f"{x} is made anew")\nrun("select doubt from walks")\nsay("see `doubt`, `walk`")\n'
    assert [(line, found(text)) for line, text in literals(source)] == [(2, ["… is made anew"]), (4, [])]
