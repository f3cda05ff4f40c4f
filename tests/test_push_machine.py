"""A workspace is edited while the account lives, answers get lost and pushes die: in the end every wish is in the
account once, or is a conflict, and nothing else was touched."""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from cksync.config import ApiConfig, Config
from cksync.folder import Folder
from cksync.sandbox import World, effects, generate, serve
from cksync.secrets import SecretRef
from cksync.verbs.pull import pull
from cksync.verbs.push import plan_push, push
from cksync.verbs.sending import PushReport
from cksync.write.refresh import refresh
from cksync.write.workspace import checkout
from tests.comparing import differences
from tests.conftest import BARE
from tests.test_machine import SMALL, play

ALLOW = ("bulk", "unsubscribe")
RATE: dict[str, Any] = {"rate_limit": 100_000, "rate_period_seconds": 0.6}
LOSSES = ("lost_response", "error_after", "error_before")
COLUMNS = ("first_name", "company")
Cell = tuple[int, str]
Pair = tuple[int, int]
# People whose values and tags are edited, and those who are unsubscribed.
EDITED, LEAVING = 6, 2


def account() -> World:
    """The account in which everything begins; made twice it is the same."""
    return generate(130, 3, with_oddities=False, **SMALL)


@cache
def checked_out() -> Path:
    """Its data folder and a workspace, pulled once."""
    folder = Path(tempfile.mkdtemp(prefix="cksync-test-"))
    with serve(account(), rate_limit=None) as sandbox:
        list(pull(_config(folder, sandbox.url, sandbox.api_secret), environ={}))
    checkout(Folder(folder / "data"), folder / "work.duckdb")
    return folder


def _config(folder: Path, url: str, secret: str) -> Config:
    return Config(
        folder / "data", "the test", ApiConfig(url, SecretRef(secret, "api.api_secret", folder), **RATE), models=BARE
    )


class Pushing(RuleBasedStateMachine):
    """A workspace, an account, and what both are to become."""

    def __init__(self) -> None:
        super().__init__()
        self.world = account()
        self.serving = serve(self.world, rate_limit=None)
        self.sandbox = self.serving.__enter__()
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        shutil.copytree(checked_out(), self.folder, dirs_exist_ok=True)
        self.config = _config(self.folder, self.sandbox.url, self.sandbox.api_secret)
        self.work = self.folder / "work.duckdb"
        actives = [person.id for person in self.world.subscribers.values() if person.state == "active"]
        self.people, self.tags = sorted(actives)[: EDITED + LEAVING], sorted(self.world.parents["tag"])
        self.cells: dict[Cell, str] = {
            (id_, column): self.value(id_, column) for id_ in self.people for column in COLUMNS
        }
        self.untouched = {id_: self.value(id_, "company") for id_ in self.world.subscribers if id_ not in self.people}
        self.members = {pair: self.has(pair) for pair in ((id_, tag) for id_ in self.people for tag in self.tags)}
        self.wanted: dict[Cell, str] = {}
        self.memberships: dict[Pair, bool] = {}
        self.touched: set[Cell | Pair] = set()
        self.made: Counter[str] = Counter()
        self.cancelled: set[int] = set()
        self.number = 0

    # -- the account, looked at by the test alone

    def value(self, id_: int, column: str) -> str:
        person = self.world.subscribers[id_]
        company = self.world.field_named("company").id
        return str((person.first_name if column == "first_name" else person.values.get(company)) or "")

    def has(self, pair: Pair) -> bool:
        id_, tag = pair
        return id_ in self.world.rosters["tag", tag].members

    # -- edits on both sides

    @rule()
    def a_quiet_day(self) -> None:
        """See `play`."""

    @rule(
        number=st.integers(0, EDITED - 1),
        column=st.sampled_from(COLUMNS),
        value=st.sampled_from(["", "A", "B", "ü'\"; --"]),
    )
    def edit_here(self, number: int, column: str, value: str) -> None:
        id_ = self.people[number]
        self.sql(f'update subscribers set "{column}" = ? where id = ?', value or None, id_)
        self.wanted[id_, column] = value

    @rule(
        number=st.integers(0, EDITED - 1), column=st.sampled_from(COLUMNS), value=st.sampled_from(["", "A", "B", "C"])
    )
    def edit_there(self, number: int, column: str, value: str) -> None:
        id_ = self.people[number]
        if column == "first_name":
            self.world.set_first_name(id_, value or None)
        else:
            self.world.set_fields(id_, {column: value})
        self.cells[id_, column] = value
        self.touched.add((id_, column))

    @rule(number=st.integers(0, EDITED - 1), which=st.integers(0, 2))
    def tag_here(self, number: int, which: int) -> None:
        id_, tag = self.people[number], self.tags[which]
        row = "subscribable_type = 'tag' and subscribable_id = ? and subscriber_id = ?"
        there = self.sql(f"delete from subscriptions where {row} returning id", tag, id_)
        if not there:
            self.sql(
                "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id) values ('tag', ?, ?)",
                *(tag, id_),
            )
        self.memberships[id_, tag] = not there

    @rule(number=st.integers(0, EDITED - 1), which=st.integers(0, 2))
    def tag_there(self, number: int, which: int) -> None:
        id_, tag = self.people[number], self.tags[which]
        (self.world.untag if self.has((id_, tag)) else self.world.tag)(id_, tag)
        self.members[id_, tag] = self.has((id_, tag))
        self.touched.add((id_, tag))

    @rule(number=st.integers(1, LEAVING))
    def unsubscribe_here(self, number: int) -> None:
        self.sql("update subscribers set state = 'cancelled' where id = ?", self.people[-number])
        self.cancelled.add(self.people[-number])

    @rule(kind=st.sampled_from(["tag", "person", "broadcast", "purchase", "field"]))
    def make_here(self, kind: str) -> None:
        self.number += 1
        name = f"{kind}{self.number}"
        address, tag = f"{name}@example.com", self.tags[0]
        for statement in {
            "tag": [f"insert into tags (name) values ('{name}')"],
            "field": [f"insert into custom_fields (label, key) values ('{name}', '{name}')"],
            "broadcast": [f"insert into broadcasts (subject, content) values ('{name}', '<p>x</p>')"],
            "person": [
                f"insert into subscribers (email_address, company) values ('{address}', 'new')",
                "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
                f" select 'tag', {tag}, id from subscribers where email_address = '{address}'",
            ],
            "purchase": [
                "insert into purchases (transaction_id, email_address, currency, total)"
                f" values ('{name}', '{address}', 'USD', 5)",
                "insert into purchase_products (purchase_id, position, name, pid, lid, sku, unit_price, quantity)"
                f" select id, 1, 'Book', 'p', 'l', 's', 5, 1 from purchases where transaction_id = '{name}'",
            ],
        }[kind]:
            self.sql(statement)
        self.made[name] += 1

    @rule()
    def take_the_mirror_of_today(self) -> None:
        refresh(Folder(self.config.data_dir), self.work)

    # -- pushes

    @rule(losses=st.lists(st.tuples(st.integers(1, 12), st.sampled_from(LOSSES)), min_size=1, max_size=4))
    def push_whose_answers_get_lost(self, losses: list[tuple[int, str]]) -> None:
        for nth, loss in losses:
            self.sandbox.faults.add(getattr(effects, loss)(), where=lambda asked: asked.method != "GET", nth=nth)
        self.push()
        self.sandbox.faults.clear()

    @rule(nth=st.integers(1, 12), after=st.booleans())
    def push_that_dies(self, nth: int, after: bool) -> None:
        """A process of its own, killed just before the API makes a write, or just after."""
        environ = {
            "CKSYNC_BASE_URL": self.sandbox.url,
            "CKSYNC_API_SECRET": self.sandbox.api_secret,
            "CKSYNC_DATA_DIR": str(self.config.data_dir),
        }
        (self.folder / "config.toml").write_text("[api]\nrate_limit = 100000\nrate_period_seconds = 0.6\n")
        options = ["--yes", "--quiet", *(text for rule in ALLOW for text in ("--allow", rule))]
        process = subprocess.Popen(
            [sys.executable, "-m", "cksync", "push", str(self.work), *options],
            env=environ,
            cwd=self.folder,
            stderr=subprocess.DEVNULL,
        )

        def kill(asked: Any, handle: Callable[[Any], Any]) -> Any:
            answer = handle(asked) if after else None
            process.kill()
            process.wait()
            return answer or effects.reset()(asked, handle)

        self.sandbox.faults.add(kill, where=lambda asked: asked.method != "GET", nth=nth)
        assert process.wait() in (0, 3, -signal.SIGKILL)
        self.sandbox.faults.clear()

    def push(self) -> PushReport:
        *_, report = push(self.config, self.work, allow=ALLOW, environ={})
        assert isinstance(report, PushReport)
        return report

    @rule()
    def push_undisturbed(self) -> None:
        report = self.push()
        assert {result.outcome for _, result in report.results} <= {"done"}
        plan = plan_push(self.config, self.work, ALLOW)
        assert (plan.actions, plan.problems, plan.held, plan.parked, plan.noops) == ((), (), (), (), ())
        conflicts = {(int(conflict.key), conflict.cell.column) for conflict in plan.conflicts}
        assert conflicts <= self.touched
        for cell, there in self.cells.items():
            here = self.wanted.get(cell, there)
            assert self.value(*cell) in (
                (there,) if cell in conflicts else (here, there) if cell in self.touched else (here,)
            )
        for pair, has in self.members.items():
            assert pair in self.touched or self.has(pair) == self.memberships.get(pair, has)
        assert {id_: self.value(id_, "company") for id_ in self.untouched} == self.untouched
        assert {id_ for id_ in self.people if self.world.subscribers[id_].state == "cancelled"} == self.cancelled
        world = self.world
        names = Counter(
            [
                *(tag.name for tag in world.parents["tag"].values()),
                *(field.label for field in world.custom_fields.values()),
                *(broadcast.subject for broadcast in world.broadcasts.values()),
                *(person.email_address.removesuffix("@example.com") for person in world.subscribers.values()),
                *(purchase.transaction_id for purchase in world.purchases.values()),
            ]
        )
        for name, number in self.made.items():  # somebody who bought is a person, too
            assert names[name] == number + (name.startswith("purchase") and f"{name}@example.com" in world.by_email)
        assert world.mails == []
        list(pull(self.config, environ={}))
        assert differences(self.config.data_dir / "mirror.duckdb", world) == []

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        with duckdb.connect(str(self.work)) as db:
            return db.execute(statement, parameters).fetchall()

    def teardown(self) -> None:
        self.push_undisturbed()
        self.serving.__exit__(None, None, None)
        self.temporary.cleanup()


def test_every_wish_comes_true_once() -> None:
    play(Pushing, examples=1, steps=6)


@pytest.mark.heavy
@pytest.mark.parametrize("part", range(4))
def test_every_wish_comes_true_once_in_many_lives(part: int) -> None:
    """Lives of 20 steps take about 8 seconds of CPU each; in parts, so that the cores end together."""
    play(Pushing, examples=9, steps=20)
