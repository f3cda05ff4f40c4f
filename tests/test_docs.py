"""The documents match the program: commands, links, tables and help texts."""

import contextlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import cksync
from cksync import library
from cksync.api.client import Client
from cksync.api.v4.bulk import BulkWrites
from cksync.api.v4.reads import Reads
from cksync.api.v4.writes import Writes
from cksync.cli import COMMANDS, cli
from cksync.cli.demo import QUERIES
from cksync.errors import CksyncError
from cksync.load.tables import tables
from kit_sandbox import Sandbox, World
from tests.support.connecting import write_tokens

TOP = Path(__file__).parent.parent
SNAPSHOTS = Path(__file__).parent / "snapshots"
README, CHANGELOG = ((TOP / name).read_text() for name in ("README.md", "CHANGELOG.md"))
API, ARCHITECTURE, COMMANDS_PAGE, CONFIGURATION, TABLES, MODELS, HISTORY = (
    (TOP / "docs" / f"{name}.md").read_text()
    for name in ("api", "architecture", "commands", "configuration", "tables", "models", "history")
)
PAGES = sorted([*TOP.glob("*.md"), *(TOP / "docs").glob("*.md")])

# -- help


@pytest.mark.parametrize("command", ["", *COMMANDS], ids=lambda name: name or "cksync")
def test_help_is_as_it_was(command: str) -> None:
    """User-visible text changes only on purpose: UPDATE_SNAPSHOTS=1 rewrites it."""
    done = subprocess.run(
        [sys.executable, "-m", "cksync", *command.split(), "--help"],
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
    )
    snapshot = SNAPSHOTS / f"help-{command or 'cksync'}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(done.stdout)
    assert done.stdout == snapshot.read_text()
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_no_snapshot_is_of_a_command_that_is_no_more() -> None:
    expected = {f"help-{command}.txt" for command in ("cksync", *COMMANDS)}
    assert {path.name for path in SNAPSHOTS.glob("help-*.txt")} == expected


# -- generated parts


def test_the_dictionary_and_the_diagrams_are_as_sql_has_it() -> None:
    done = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=TOP, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# -- the README and the commands


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 130


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_of_commands_names_every_command(command: str) -> None:
    assert re.search(rf"^\| .*`cksync {command}\b", COMMANDS_PAGE, re.MULTILINE)


# The README, and the pages for users: what they show can be typed.
FOR_USERS = [
    page for page in PAGES if page.name not in ("CHANGELOG.md", "CONTRIBUTING.md", "decisions.md", "options.md")
]


def blocks_of(text: str) -> str:
    """The code blocks of a page, fenced or indented."""
    return "\n".join(
        [
            *re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL),
            *re.findall(r"(?<=\n\n)((?: {4}\S.*\n)+)", text),
        ]
    )


def typed(text: str) -> Iterator[str]:
    """Yield the commands in the code blocks of a page, with or without a prompt and a path."""
    for line in blocks_of(text).splitlines():
        if found := re.match(r"\s*(?:\$ )?(?:\S*/bin/)?(cksync \w+(?: .*)?)$", line):
            yield found[1]


def mentioned(text: str) -> set[str]:
    """The commands in the running text of a page, which may lack their arguments."""
    return set(re.findall(r"`(cksync \w[^`\[]*)`", text)) - {"cksync COMMAND --help"}


def parse(line: str) -> None:
    """Parse a command line as cksync does, without what the shell does with its output."""
    _, *arguments = shlex.split(re.split(r" (?:[|;<>]|&&|2>)", line)[0], comments=True)
    with cli.make_context("cksync", arguments) as context:
        name, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        command.make_context(name, rest, parent=context).close()


@pytest.mark.parametrize("line", sorted({line for page in FOR_USERS for line in typed(page.read_text())}))
def test_every_command_line_of_a_page_is_one(line: str) -> None:
    parse(line)


@pytest.mark.parametrize("line", sorted(set().union(*(mentioned(page.read_text()) for page in FOR_USERS))))
def test_every_command_that_a_page_mentions_is_one(line: str) -> None:
    with contextlib.suppress(click.MissingParameter, click.exceptions.Exit):  # the latter ends --help
        parse(line)


def test_the_queries_of_the_history_page_are_those_of_the_demo() -> None:
    """tests/test_demo.py runs them, and each has rows."""
    assert [name for name, query in QUERIES.items() if query.split("\n", 1)[1].strip() not in HISTORY] == []


def anchor(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def leads_somewhere(page: Path, target: str) -> bool:
    path, _, section = target.partition("#")
    there = page.parent / path if path else page
    if not section:
        return there.exists()
    return section in {anchor(heading) for heading in re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text())
    assert [target for target in targets if not leads_somewhere(page, target)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"`((?:cksync|kit_sandbox|sql|docs|tests|bench)/[\w/.]*)`", page.read_text())
    assert [path for path in named if not (TOP / path).exists()] == []


def test_the_index_of_the_decisions_has_them_all() -> None:
    text = (TOP / "docs" / "decisions.md").read_text()
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert re.findall(r"^- \[(.*)\]\(#(.*)\)$", text, re.MULTILINE) == [(name, anchor(name)) for name in headings]


# -- the map of the code


@pytest.mark.parametrize(("folder", "text"), re.findall(r"^\| `(cksync/\w+/)` \|(.*)\|$", ARCHITECTURE, re.MULTILINE))
def test_the_architecture_names_modules_that_exist(folder: str, text: str) -> None:
    there = {path.name for path in (TOP / folder).rglob("*.py")}
    assert set(re.findall(r"`(\w+\.py)`", text)) <= there


@pytest.mark.parametrize(
    ("module", "functions"), re.findall(r"^\| `(cksync/[\w/]+\.py)` \| ([^|]*) \|", ARCHITECTURE, re.MULTILINE)
)
def test_the_architecture_names_functions_that_exist(module: str, functions: str) -> None:
    code = (TOP / module).read_text()
    missing = [name for name in re.findall(r"`(\w+)`", functions) if not re.search(rf"def {name}\b", code)]
    assert missing == []


# -- the Python API


@pytest.mark.parametrize("name", ["load_config", "connect", *library.__all__])
def test_the_api_page_names_every_function(name: str) -> None:
    assert re.search(rf"^\| `{name}\(", API, re.MULTILINE)
    assert re.search(rf"cksync\.{name}\(", API) or name == "rebuild"


def public(*kinds: type) -> list[str]:
    return sorted({name for kind in kinds for name in vars(kind) if not name.startswith("_")})


@pytest.mark.parametrize("name", [name for name in public(Client) if name not in ("version", "v4")])
def test_the_api_page_names_every_method_of_the_client(name: str) -> None:
    assert f"`{name}(" in API


@pytest.mark.parametrize("name", public(Reads, Writes, BulkWrites))
def test_the_api_page_names_every_method_of_api_v4_and_has_an_example(name: str) -> None:
    listed, examples = API.split("## All of API v4")[1], EXAMPLES[1]
    assert f"`{name}(" in listed
    assert f"v4.{name}(" in examples


def blocks(text: str) -> str:
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


# Those that run under either version, and those of API v4.
EXAMPLES = [blocks(part) for part in API.split("## All of API v4")]


@pytest.mark.heavy
def test_the_examples_of_the_api_page_run(
    environ: dict[str, str], world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the page's order, in one process, in a folder of its own."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(EXAMPLES[0], names)
    assert names["report"].exit_status == names["pushed"].exit_status == 0
    assert dict(names["plan"].counts) == {"create tag": 1, "subscribe": 2}
    assert {"from Python", "from a script"} <= {tag.name for tag in world.parents["tag"].values()}
    assert (tmp_path / "people.parquet").exists()


def test_the_examples_of_api_v4_run(
    environ: dict[str, str], sandbox: Sandbox, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tokens(tmp_path / "oauth.json", sandbox.oauth.grant())
    given = {"CKSYNC_BASE_URL": sandbox.url_v4, "CKSYNC_OAUTH": str(tmp_path / "oauth.json")}
    for name, value in {**environ, **given}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CKSYNC_API_SECRET")
    monkeypatch.chdir(tmp_path)
    exec(EXAMPLES[1], {"cksync": cksync})
    assert {entry.status for entry in sandbox.journal.writes()} <= {200, 201, 202, 204}
    assert "alan@example.com" in world.by_email
    assert list(world.extras.colors) == ["#1f6feb", "#ffffff"]


# -- the release


def test_the_newest_release_of_the_changelog_is_this_version() -> None:
    releases = re.findall(r"^## \[(.*)\] - (\d{4}-\d\d-\d\d)$", CHANGELOG, re.MULTILINE)
    assert releases[0][0] == cksync.__version__
    assert [day for _, day in releases] == sorted((day for _, day in releases), reverse=True)


def test_the_changelog_names_every_key_of_the_configuration_that_0_1_0_lacked() -> None:
    """Those of 0.1.0 are in its config.example.toml."""
    example = tomllib.loads(
        re.sub(r"^# (\w+ = )", r"\1", (TOP / "config.example.toml").read_text(), flags=re.MULTILINE)
    )
    before = {
        *("data_dir", "base_url", "api_secret", "api_key", "rate_limit", "rate_period_seconds", "concurrency"),
        *("timeout_seconds", "overlap_days", "verify_cycle_days", "checks_per_day", "build", "path", "timezone"),
        *("attribution_hours", "minimum_support", "unsubscribe_alarm", "open_rate_drop_alarm", "bounce_alarm"),
    }
    keys = {key for section in example.values() if isinstance(section, dict) for key in section} - before
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}`", CHANGELOG)] == []


# -- the tools


def test_pre_commit_runs_what_make_lint_runs() -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (TOP / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    hooks = re.findall(r"^ +entry: (.*)$", (TOP / ".pre-commit-config.yaml").read_text(), re.MULTILINE)
    assert hooks == [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]


# -- names on the pages of reference


@pytest.mark.parametrize("name", sorted(table.name for table in tables()))
def test_the_page_of_tables_names_every_table(name: str) -> None:
    assert f"`{name}`" in TABLES


@pytest.mark.parametrize("name", sorted(path.stem for path in (TOP / "sql" / "models").rglob("*.sql")))
def test_the_page_of_models_names_every_model(name: str) -> None:
    assert f"`{name}`" in MODELS + TABLES or name == "model_settings"


def statuses(kind: type[CksyncError]) -> set[int]:
    return {kind.exit_status}.union(*map(statuses, kind.__subclasses__()))


def test_the_page_of_commands_names_every_exit_status() -> None:
    named = {int(number) for number in re.findall(r"^\| (\d+) \|", COMMANDS_PAGE, re.MULTILINE)}
    assert named == {0, 3} | statuses(CksyncError)


def test_the_page_of_configuration_names_every_variable_of_the_environment() -> None:
    used = set(re.findall(r"CKSYNC_[A-Z_0-9]+", (TOP / "cksync" / "config.py").read_text()))
    assert {name for name in used if not name.endswith("_")} <= set(re.findall(r"CKSYNC_[A-Z_0-9]+", CONFIGURATION))


def test_the_page_of_configuration_explains_every_key_of_pull_with_its_default() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", CONFIGURATION, re.MULTILINE))
    defaults = tomllib.loads((TOP / "config.example.toml").read_text())["pull"]
    assert {key: tomllib.loads(f"x = {value}")["x"] for key, value in listed.items()} == defaults


# -- the site


def test_the_navigation_names_every_page_once() -> None:
    text = (TOP / "mkdocs.yml").read_text()
    named = re.findall(r"^ +- .*: (\S+)$", text[text.index("\nnav:") :], re.MULTILINE)
    assert sorted(named) == sorted(page.name.replace("README", "index") for page in PAGES)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make site` does: a warning would be an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.heavy
def test_the_site_loads_nothing_from_another_host(site: Path) -> None:
    loaded = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)="(?:https?:)?//[^"]*"')
    assert [found for page in site.rglob("*.html") for found in loaded.findall(page.read_text())] == []
    assert [page.name for page in site.rglob("*.html") if "```mermaid" in page.read_text()] == []


@pytest.mark.heavy
def test_every_link_within_the_site_leads_to_a_file(site: Path) -> None:
    """mkdocs tests what it knows of; diagrams, and the pages made from other files, are ours."""
    missing = {
        (page.name, link)
        for page in site.rglob("*.html")
        if page.name != "404.html"
        for link in re.findall(r'<(?:a|img)\b[^>]*(?:href|src)="(?!https?:)([^"#]+)', page.read_text())
        if not (page.parent / link).exists()
    }
    assert missing == set()


@pytest.mark.heavy
def test_the_site_has_the_readme_the_source_of_a_model_and_every_diagram(site: Path) -> None:
    assert "make demo" in (site / "index.html").read_text()
    assert "dim_subscriber" in (site / "source/sql/models/core/dim_subscriber.sql.html").read_text()
    drawn = sum(page.read_text().count("```mermaid") for page in PAGES)
    assert len(list((site / "diagrams").glob("*.svg"))) == 2 * drawn > 0
