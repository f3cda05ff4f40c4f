"""State machine of pulls: the world changes at any time, pulls die at any page, verify runs at any time. After one
undisturbed pull and repair, the mirror equals the world, and every earlier such moment can still be queried."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from cksync.config import ApiConfig, Config
from cksync.errors import CksyncError
from cksync.extract.schedule import Depth
from cksync.pipeline.events import PullReport
from cksync.pipeline.pull import pull
from cksync.pipeline.verify import NO_LIST, VerifyReport, verify
from cksync.secrets import SecretRef
from kit_sandbox import Behaviour, World, edits, effects, generate, serve
from tests.conftest import BARE
from tests.support.comparison import differences

SMALL: dict[str, Any] = {"tags": 3, "tag_memberships": 150, "forms": 2, "form_memberships": 60, "sequences": 1}
SMALL |= {"sequence_memberships": 20, "broadcasts": 3, "purchases": 6, "custom_fields": 3}


def swap_tags(world: World, leaves: int, joins: int, number: int) -> None:
    """Untag one person and tag another, so that the tag's total stays."""
    tag = one_of(dict(world.parents["tag"]), number)
    edits.untag(world, leaves, tag)
    edits.tag(world, joins, tag)


TABLES = "select table_name from duckdb_tables() where schema_name = 'main' order by 1"

Edit = Callable[[World, int], Any]


def someone(world: World, number: int) -> int:
    """Return one of the people, by a drawn number."""
    people = sorted(world.subscribers)
    return people[number % len(people)]


def one_of(rows: dict[int, Any], number: int) -> int:
    """Return one of some rows, by a drawn number."""
    return sorted(rows)[number % len(rows)]


# The fate of the memberships of people who cancel (and return), and of unlisted ones.
BEHAVIOURS = [
    Behaviour(),
    Behaviour(cancelled_leave=("sequence", "form:0.9"), cancelled_return=False),
    Behaviour(cancelled_leave=("sequence", "form:0.5"), draft_stats="missing"),
    Behaviour(cancelled_leave=("form", "sequence", "tag"), archived_forms="left out"),
    Behaviour(cancelled_leave=("form:0.5", "tag:0.5"), cancelled_leave_by="list", retag_keeps_id=True),
    Behaviour(unfiltered_states=("active",), finished_leave_sequence=False),
]


def unsent(world: World, number: int) -> int:
    """Return a broadcast that can still be edited."""
    return one_of({key: row for key, row in world.broadcasts.items() if row.status in ("draft", "scheduled")}, number)


EDITS: dict[str, Edit] = {
    "join": lambda world, n: edits.add_subscriber(world, f"new{len(world.subscribers)}-{n}@example.com"),
    "cancel": lambda world, n: edits.cancel(world, someone(world, n)),
    "reactivate": lambda world, n: edits.reactivate(world, someone(world, n)),
    "swap": lambda world, n: swap_tags(world, someone(world, n), someone(world, n + 1), n),
    "finish": lambda world, n: edits.finish_sequence(
        world, someone(world, n), one_of(dict(world.parents["sequence"]), n)
    ),
    "bounce": lambda world, n: edits.bounce(world, someone(world, n)),
    "delete": lambda world, n: edits.delete_subscriber(world, someone(world, n)),
    "move": lambda world, n: edits.set_email(
        world, someone(world, n), f"moved{n}-{len(world.subscribers)}@example.com"
    ),
    "tag": lambda world, n: edits.tag(world, someone(world, n), one_of(dict(world.parents["tag"]), n)),
    "untag": lambda world, n: edits.untag(world, someone(world, n), one_of(dict(world.parents["tag"]), n)),
    "new tag": lambda world, n: edits.add_tag(world, f"tag {n} {len(world.parents['tag'])}"),
    "drop tag": lambda world, n: edits.delete_tag(world, one_of(dict(world.parents["tag"]), n)),
    "buy": lambda world, n: edits.add_purchase(world, f"buyer{n}@example.com", total=n),
    "write": lambda world, n: edits.add_broadcast(world, f"subject {n}"),
    "rewrite": lambda world, n: edits.edit_broadcast(world, unsent(world, n), content=f"<p>{n}</p>"),
    "rename": lambda world, n: edits.edit_broadcast(world, unsent(world, n), subject=f"another {n}"),
    "schedule": lambda world, n: edits.edit_broadcast(
        world, unsent(world, n), send_at=datetime(2030, 1, 1 + n % 28, tzinfo=UTC)
    ),
    "send": lambda world, n: edits.send_broadcast(world, unsent(world, n)),
    "archive": lambda world, n: edits.archive_form(world, one_of(dict(world.parents["form"]), n), bool(n % 2)),
    "unwrite": lambda world, n: edits.delete_broadcast(world, one_of(dict(world.broadcasts), n)),
    "read": lambda world, n: edits.grow_stats(world, one_of(dict(world.broadcasts), n)),
    "field": lambda world, n: edits.rename_custom_field(world, one_of(dict(world.custom_fields), n), f"label {n}"),
}


def edit(world: World, name: str, number: int) -> None:
    """Make an edit, if the current account allows it."""
    try:
        EDITS[name](world, number)
    except (KeyError, ValueError, ZeroDivisionError):
        return


class Account(RuleBasedStateMachine):
    """An account that changes, and a mirror that follows."""

    def __init__(self) -> None:
        super().__init__()
        self.world = generate(130, 3, with_edge_cases=False, **SMALL)
        self.serving = serve(self.world, rate_limit=None)
        self.sandbox = self.serving.__enter__()
        self.folder = tempfile.TemporaryDirectory()
        secret = SecretRef(self.sandbox.api_secret, "api.api_secret", Path())
        api = ApiConfig(self.sandbox.url, secret, rate_limit=100_000, rate_period_seconds=1.0)
        self.is_cut_off = False
        self.moments: list[tuple[datetime, dict[str, list[Any]]]] = []
        self.config = Config(Path(self.folder.name) / "data", "the test", api, models=BARE)

    @initialize(behaviour=st.sampled_from(BEHAVIOURS))
    def behave(self, behaviour: Behaviour) -> None:
        self.world.behaviour = behaviour

    @rule()
    def a_quiet_day(self) -> None:
        """Do nothing: see `play`."""

    @rule(name=st.sampled_from(sorted(EDITS)), number=st.integers(0, 200))
    def edit_while_nobody_looks(self, name: str, number: int) -> None:
        edit(self.world, name, number)

    @rule(
        names=st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=3),
        at=st.integers(2, 40),
        n=st.integers(0, 200),
    )
    def pull_while_it_changes(self, names: list[str], at: int, n: int) -> None:
        for place, name in enumerate(names):
            self.sandbox.faults.add(
                effects.edit_before(lambda name=name, place=place: edit(self.world, name, n + place)),  # type: ignore[misc]
                nth=at + 2 * place,
            )
        self.run()
        self.sandbox.faults.clear()

    @rule(pages=st.integers(1, 40), depth=st.sampled_from(get_args(Depth)))
    def pull_that_dies(self, pages: int, depth: Depth) -> None:
        events = pull(self.config, depth=depth)
        for _ in range(pages):
            if isinstance(next(events, None), PullReport | None):
                break
        events.close()  # type: ignore[attr-defined] # it is a generator
        self.is_cut_off = True

    @precondition(lambda self: self.mirror.exists())
    @rule(full=st.booleans())
    def verify_without_a_trace(self, full: bool) -> None:
        before = self.mirror.read_bytes(), sorted(self.config.data_dir.glob("log/*"))
        *_, findings = verify(self.config, full=full)
        assert isinstance(findings, VerifyReport)
        assert (self.mirror.read_bytes(), sorted(self.config.data_dir.glob("log/*"))) == before
        differing = [text for text in differences(self.mirror, self.world) if full or not text.startswith(NO_LIST)]
        assert not differing or findings.exit_status == 3

    @rule()
    def pull_and_repair_undisturbed(self) -> None:
        if self.is_cut_off:  # what was read before the edits is not requested again: finish that pull
            self.run()
        self.run()
        *_, findings = verify(self.config, repair=True)
        assert isinstance(findings, VerifyReport)
        assert findings.exit_status == 0
        assert differences(self.mirror, self.world) == []
        at, now = datetime.now(UTC), self.tables("main.")
        assert self.tables("history.", "where valid_to is null and change <> 'delete'") == now
        for moment, was in self.moments:
            assert self.tables("as_of.", moment=moment) == was
        self.moments.append((at, now))

    @property
    def mirror(self) -> Path:
        return self.config.data_dir / "mirror.duckdb"

    def tables(self, schema: str, where: str = "", moment: datetime | None = None) -> dict[str, list[Any]]:
        """Return every row of every table: now, by its open versions, or as of a moment."""
        with duckdb.connect(str(self.mirror), read_only=True) as db:
            db.execute("set TimeZone = 'UTC'")
            names = [row[0] for row in db.execute(TABLES).fetchall()]
            found = {}
            for name in names:
                columns = [row[0] for row in db.execute(f'describe main."{name}"').fetchall()]
                source = f'{schema}"{name}"' + (f"('{moment.isoformat()}'::timestamptz)" if moment else "")
                listed = ", ".join(f'"{column}"' for column in columns)
                found[name] = db.execute(f"select {listed} from {source} {where} order by all").fetchall()
            return found

    def run(self) -> PullReport | None:
        """Pull to the end; None if it failed."""
        try:
            *_, report = pull(self.config)
        except CksyncError:
            return None
        self.is_cut_off = False
        assert isinstance(report, PullReport)
        return report

    def teardown(self) -> None:
        self.pull_and_repair_undisturbed()
        self.serving.__exit__(None, None, None)
        self.folder.cleanup()


def play(machine: type[RuleBasedStateMachine], examples: int, steps: int) -> None:
    """Run so many examples, and before them the simplest.

    Hypothesis begins with the first rule without arguments, repeatedly: machines have one that does nothing, because
    otherwise one example would consist of undisturbed pulls only.
    """
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples + 1,
            stateful_step_count=steps,
            deadline=None,
            phases=[Phase.generate],  # each step is a whole pull or push: shrinking would take hours
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.heavy
def test_one_undisturbed_pull_makes_the_mirror_the_world() -> None:
    play(Account, examples=1, steps=3)


@pytest.mark.heavy
@pytest.mark.parametrize("part", range(4))
def test_one_undisturbed_pull_makes_the_mirror_the_world_in_many_lives(part: int) -> None:
    """Examples of 20 steps take about 18 seconds of CPU each; split into parts, so that the cores finish together."""
    play(Account, examples=6, steps=20)
