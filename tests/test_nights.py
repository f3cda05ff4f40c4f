"""Night after night against the sandbox: what happened in the account by day is in the mirror and its history.

Every test runs under the likeliest behaviour of the API, the heavy ones under all the others, too.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import duckdb
import pytest

from cksync.config import ApiConfig, Config
from cksync.extract.scans import BY_ID_BUDGET
from cksync.extract.schedule import Depth
from cksync.pipeline.events import PullReport
from cksync.pipeline.pull import pull
from cksync.pipeline.status import status
from cksync.secrets import SecretRef
from kit_sandbox import Behaviour, Sandbox, World, edits, effects, generate, serve
from kit_sandbox.records import Kind
from tests.conftest import BARE, some
from tests.support.comparison import differences
from tests.support.published import rows_of

START = datetime(2026, 3, 2, 2, tzinfo=UTC)
SIZES: dict[str, Any] = {"tags": 3, "tag_memberships": 300, "forms": 2, "form_memberships": 160, "sequences": 2}
SIZES |= {"sequence_memberships": 130, "broadcasts": 12, "drafts": 1, "purchases": 120, "custom_fields": 3}
PEOPLE = 260
# An ordinary night of this account takes about 30; plus what is due by rotation (at most 30) and a few searches.
FEW = 75
BLOCK_BYTES = 262_144

BEHAVIOURS = {
    "likeliest": Behaviour(),
    "by id": Behaviour(
        subscribers_by="id",
        subscriptions_by="id",
        ties="scrambled",
        desc_reverses_ties=False,
        purchases_order="newest",
        stats_shape="array",
    ),
    "cancelled leave": Behaviour(
        cancelled_leave=("form",),
        unfiltered_states=("active",),
        finished_leave_sequence=False,
        ties="id_desc",
        tags_by="id",
        desc_reverses_ties=False,
    ),
    "cancelled leave some for good": Behaviour(
        cancelled_leave=("sequence", "form:0.9"),
        cancelled_return=False,
        cancelled_window="cancelled",
    ),
    "cancelled leave everything and come back": Behaviour(
        cancelled_leave=("form", "sequence", "tag"), join_bumps_updated=True
    ),
    "ahead": Behaviour(tag_bumps_updated=True, join_bumps_updated=True, day_offset_hours=13, retag_keeps_id=True),
    "behind": Behaviour(
        tag_bumps_updated=True, day_offset_hours=-13, updated_from_strict=True, purchases_by="transaction_time"
    ),
}

Versions = list[tuple[Any, ...]]


class RunningClock:
    """A world's `now` and a pull's `wall`: it runs in real time and can be advanced."""

    def __init__(self) -> None:
        self._start, self._began = START, monotonic()

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=monotonic() - self._began)

    def advance(self, **units: float) -> None:
        self._start += timedelta(**units)


@dataclass
class Account:
    """A world on a server, and the mirror that follows it."""

    world: World
    clock: RunningClock
    sandbox: Sandbox
    config: Config

    @property
    def mirror(self) -> Path:
        return self.config.data_dir / "mirror.duckdb"

    def pull(self, depth: Depth = "nightly", **given: Any) -> PullReport:
        """Pull to the end, now."""
        self.sandbox.journal.clear()
        *_, report = pull(self.config, depth=depth, wall=self.clock, environ={}, **given)
        assert isinstance(report, PullReport)
        return report

    def day(self) -> None:
        """Advance to the afternoon: changes now happen between two nights."""
        self.clock.advance(hours=12)

    def night(self, depth: Depth = "nightly", **given: Any) -> None:
        """Run the next night's pull: it is complete, the mirror equals the account, and it took few requests."""
        self.clock.advance(hours=12)
        report = self.pull(depth, **given)
        assert differences(self.mirror, self.world) == []
        assert (report.exit_status, report.message) == (0, "complete")
        assert depth != "nightly" or len(self.sandbox.journal) <= FEW

    def cut_off(self, pages: int, depth: Depth = "nightly") -> bool:
        """Run a pull that is killed after so many pages; False if it finished before."""
        with closing(pull(self.config, depth=depth, wall=self.clock, environ={})) as events:  # type: ignore[type-var] # a generator
            return not any(isinstance(next(events), PullReport) for _ in range(pages))

    def rows(self, query: str) -> Versions:
        """Query the published mirror."""
        return rows_of(self.mirror, query)

    def versions(self, table: str, columns: str, where: str) -> Versions:
        """Return the versions of one row, oldest first: columns, change, and True for the current one.

        Each must last until the next began, and every change must have been found within this test.
        """
        found = self.rows(
            f"select {columns}, change, valid_to is null, valid_from, valid_to from history.{table} where {where} "
            "order by valid_from, valid_to nulls last"
        )
        for row, later in pairwise(found):
            assert row[-1] == later[-2] or row[-4] == "delete", f"a gap: {row} {later}"
        assert all(row[-1] == row[-2] for row in found if row[-4] == "delete")
        assert all(row[-2] <= self.clock() for row in found)
        return [row[:-2] for row in found]

    def everything(self) -> dict[str, Versions]:
        """Return all rows of main and history."""
        with duckdb.connect(str(self.mirror), read_only=True) as db:
            names = db.execute(
                "select schema_name, table_name from duckdb_tables() where schema_name in ('main', 'history')"
            ).fetchall()
            return {f"{s}.{t}": db.execute(f'select * from {s}."{t}" order by all').fetchall() for s, t in names}

    # -- the content of the account

    def someone(self, state: str = "active", *, besides: int = 0) -> int:
        """Return a person in this state; with `besides`, a different one."""
        return [key for key, row in sorted(self.world.subscribers.items()) if row.state == state][40 + 3 * besides]

    def member(self, kind: Kind, place: int = 10) -> tuple[int, int, int]:
        """Return an active member of the largest list of a kind: the person, the list, the subscription."""
        parent = max(self.world.parents[kind], key=lambda key: len(self.world.rosters[kind, key].members))
        members = sorted(self.world.rosters[kind, parent].members.values(), key=lambda row: row.id)
        chosen = [row for row in members if self.world.subscribers[row.subscriber_id].state == "active"][place]
        return chosen.subscriber_id, parent, chosen.id

    def sent(self, place: int = 0) -> int:
        """Return a sent broadcast, the oldest at place 0."""
        return [key for key, row in sorted(self.world.broadcasts.items()) if row.status == "completed"][place]


@contextmanager
def served(folder: Path, behaviour: Behaviour, people: int = PEOPLE, **sizes: int) -> Iterator[Account]:
    """Serve an account that was never pulled."""
    clock = RunningClock()
    world = generate(people, 3, now=clock, ends_at=START - timedelta(days=3), with_edge_cases=False, **SIZES | sizes)
    world.behaviour = behaviour
    with serve(world, rate_limit=None) as sandbox:
        secret = SecretRef(sandbox.api_secret, "api.api_secret", folder)
        api = ApiConfig(sandbox.url, secret, rate_limit=100_000, rate_period_seconds=1.0)
        yield Account(world, clock, sandbox, Config(folder / "data", "the test", api, models=BARE))


@pytest.fixture(scope="session")
def firsts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the data folder after the first pull of the account under a behaviour."""
    made: dict[str, Path] = {}

    def first(name: str) -> Path:
        if name not in made:
            with served(tmp_path_factory.mktemp("first"), BEHAVIOURS[name]) as account:
                assert account.pull().exit_status == 0
                made[name] = account.config.data_dir
        return made[name]

    return first


@contextmanager
def known(folder: Path, name: str, firsts: Callable[[str], Path]) -> Iterator[Account]:
    """The account after its first pull."""
    shutil.copytree(firsts(name), folder / "data")
    with served(folder, BEHAVIOURS[name]) as account:
        account.clock.advance(minutes=2)
        yield account


OTHERS = [pytest.param(name, marks=pytest.mark.heavy) for name in list(BEHAVIOURS)[1:]]


@pytest.fixture(params=["likeliest", *OTHERS])
def account(request: pytest.FixtureRequest, tmp_path: Path, firsts: Callable[[str], Path]) -> Iterator[Account]:
    with known(tmp_path, request.param, firsts) as made:
        yield made


# -- people


@pytest.mark.heavy
def test_reactivation_is_a_new_version(account: Account) -> None:
    person = account.someone("cancelled", besides=-13)
    account.day()
    edits.reactivate(account.world, person)
    account.night()
    assert account.versions("subscribers", "state", f"id = {person}") == [
        ("cancelled", "insert", False),
        ("active", "update", True),
    ]


@pytest.mark.heavy
def test_person_who_cancels_comes_back_and_cancels_again_is_followed(account: Account) -> None:
    person = account.someone()
    for edit in (edits.cancel, edits.reactivate, edits.cancel):
        account.day()
        edit(account.world, person)
        account.night()
    states = [row[0] for row in account.versions("subscribers", "state", f"id = {person}")]
    assert states == ["active", "cancelled", "active", "cancelled"]


@pytest.mark.heavy
def test_cancelled_person_who_came_back_and_left_again_by_day_hides_no_deletion(account: Account) -> None:
    """They are at the end of the list now, though known at another position."""
    again, deleted = account.someone("cancelled", besides=-13), account.someone("cancelled", besides=-11)
    account.day()
    edits.reactivate(account.world, again)
    edits.cancel(account.world, again)
    edits.delete_subscriber(account.world, deleted)
    account.night()
    assert [row[1] for row in account.versions("subscribers", "state", f"id = {again}")] == ["insert"]
    assert [row[1] for row in account.versions("subscribers", "state", f"id = {deleted}")] == ["insert", "delete"]


def test_changed_address_and_name_are_a_new_version(account: Account) -> None:
    person = account.someone()
    old = account.world.subscribers[person].email_address
    account.day()
    edits.set_email(account.world, person, "Moved+To@Example.com")
    edits.set_first_name(account.world, person, "Zoë")
    account.night()
    found = account.versions("subscribers", "email_address, first_name", f"id = {person}")
    assert (found[0][0], found[1:]) == (old, [("Moved+To@Example.com", "Zoë", "update", True)])


def test_bounced_and_complained_people_are_found_by_id(account: Account) -> None:
    people = {account.someone(besides=1): "bounced", account.someone(besides=2): "complained"}
    people |= {account.someone(besides=3): "inactive"}
    account.day()
    for person, state in people.items():
        edits.set_state(account.world, person, state)  # type: ignore[arg-type] # str, but one of the states
    account.night()
    for person, state in people.items():
        found = account.versions("subscribers", "state", f"id = {person}")
        assert found == [("active", "insert", False), (state, "update", True)]


def test_deleted_person_goes_with_all_memberships(account: Account) -> None:
    person, _, membership = account.member("tag")
    account.day()
    edits.delete_subscriber(account.world, person)
    account.night()
    assert [row[1:] for row in account.versions("subscribers", "state", f"id = {person}")] == [
        ("insert", False),
        ("delete", False),
    ]
    assert [row[1] for row in account.versions("subscriptions", "id", f"id = {membership}")] == ["insert", "delete"]
    assert account.rows(f"select count(*) from subscriptions where subscriber_id = {person}") == [(0,)]


def test_new_person_with_a_date_long_ago_is_found(account: Account) -> None:
    """A late confirmation appears in the middle of the list, or where its id belongs."""
    account.day()
    person = edits.add_subscriber(account.world, "late@example.com", created_at=START - timedelta(days=900))
    edits.tag(account.world, person, account.member("tag")[1], created_at=START - timedelta(days=900))
    account.night()
    assert account.versions("subscribers", "email_address", f"id = {person}") == [("late@example.com", "insert", True)]


@pytest.mark.heavy
def test_people_beyond_the_budget_wait_and_status_says_so(tmp_path: Path) -> None:
    with served(tmp_path, Behaviour(), 900) as account:
        account.pull()
        gone = [key for key, row in sorted(account.world.subscribers.items()) if row.state == "active"]
        gone = gone[: BY_ID_BUDGET + 10]
        account.day()
        for person in gone:
            edits.delete_subscriber(account.world, person)
        account.clock.advance(hours=12)
        report = account.pull()
        assert (report.exit_status, "still to be requested by id" in report.message) == (3, True)
        waiting = dict(status(account.config.data_dir).incomplete)["subscribers/by_id"]
        ((left,),) = account.rows(f"select count(*) from subscribers where id in {tuple(gone)}")
        assert 0 < left <= int(waiting.split(" still")[0]) < 20  # people in rotation also wait
        assert account.sandbox.journal.count() < BY_ID_BUDGET + FEW
        account.day()
        account.night()
        assert "subscribers/by_id" not in dict(status(account.config.data_dir).incomplete)
        assert account.rows("select count(*) from history.subscribers where change = 'delete'") == [(len(gone),)]


# -- custom fields


def test_renamed_custom_field_changes_the_fields_of_everybody(account: Account) -> None:
    field, person = min(account.world.custom_fields), account.someone()
    old = account.world.custom_fields[field].key
    account.day()
    edits.rename_custom_field(account.world, field, "Another Name")
    account.night()
    assert [row[1:] for row in account.versions("custom_fields", "key", f"id = {field}")] == [
        ("insert", False),
        ("update", True),
    ]
    found = account.versions("subscribers", "json_keys(fields)", f"id = {person}")
    assert [(old in row[0], "another_name" in row[0], *row[1:]) for row in found] == [
        (True, False, "insert", False),
        (False, True, "update", True),
    ]


@pytest.mark.heavy
def test_deleted_custom_field_leaves_the_fields_of_everybody(account: Account) -> None:
    field, person = min(account.world.custom_fields), account.someone()
    old = account.world.custom_fields[field].key
    account.day()
    edits.delete_custom_field(account.world, field)
    account.night(allow=["vanish"])  # one of three, with everybody's values
    assert [row[1] for row in account.versions("custom_fields", "key", f"id = {field}")] == ["insert", "delete"]
    found = account.versions("subscribers", "json_keys(fields)", f"id = {person}")
    assert [(old in row[0], *row[1:]) for row in found] == [(True, "insert", False), (False, "update", True)]


# -- forms, sequences, tags and their members


@pytest.mark.heavy
def test_renamed_tag_and_archived_form_are_new_versions(account: Account) -> None:
    tag, form = account.member("tag")[1], account.member("form")[1]
    account.day()
    edits.rename_tag(account.world, tag, "Renamed")
    edits.archive_form(account.world, form)
    account.night()
    assert account.versions("tags", "name", f"id = {tag}")[1:] == [("Renamed", "update", True)]
    assert account.versions("forms", "archived", f"id = {form}") == [
        (False, "insert", False),
        (True, "update", True),
    ]
    assert account.rows("select count(*) from history.subscriptions where change <> 'insert'") == [(0,)]


def test_deleted_tag_goes_with_its_memberships(account: Account) -> None:
    _, tag, membership = account.member("tag")
    account.day()
    edits.delete_tag(account.world, tag)
    account.night(allow=["vanish"])  # one of three, with more than 100 members
    assert [row[1:] for row in account.versions("tags", "id", f"id = {tag}")] == [("insert", False), ("delete", False)]
    assert [row[1] for row in account.versions("subscriptions", "id", f"id = {membership}")] == ["insert", "delete"]
    assert account.rows("select count(*) from _cksync.slices where slice like '%/" + str(tag) + "'") == [(0,)]


@pytest.mark.heavy
def test_finished_sequence_is_left(account: Account) -> None:
    """Or, where the list keeps those who finished, the membership's own state shows it within the cycle."""
    person, sequence, membership = account.member("sequence")
    account.day()
    edits.finish_sequence(account.world, person, sequence)
    is_left = account.world.behaviour.finished_leave_sequence
    account.night("nightly" if is_left else "full")
    found = account.versions("subscriptions", "state", f"id = {membership} and subscribable_type = 'sequence'")
    if is_left:
        assert [row[1] for row in found] == ["insert", "delete"]
    else:
        assert found == [("active", "insert", False), ("inactive", "update", True)]


@pytest.mark.heavy
def test_most_of_a_sequence_may_finish_in_one_day(account: Account) -> None:
    _, sequence, _ = account.member("sequence")
    account.day()
    if account.world.behaviour.finished_leave_sequence:
        for person in list(account.world.rosters["sequence", sequence].members)[:-2]:
            edits.finish_sequence(account.world, person, sequence)
    account.night()


@pytest.mark.heavy
def test_removed_tag_is_found_behind_a_new_one(account: Account) -> None:
    person, tag, membership = account.member("tag")
    account.day()
    edits.untag(account.world, person, tag)
    new = edits.tag(account.world, edits.add_subscriber(account.world, "new@example.com"), tag)
    account.night()
    assert [row[1:] for row in account.versions("subscriptions", "id", f"id = {membership}")] == [
        ("insert", False),
        ("delete", False),
    ]
    assert account.versions("subscriptions", "id", f"id = {new}") == [(new, "insert", True)]


@pytest.mark.heavy
def test_tag_that_was_removed_and_added_again_has_both_in_its_history(account: Account) -> None:
    account.world.behaviour = replace(account.world.behaviour, retag_keeps_id=True)
    person, tag, membership = account.member("tag")
    account.day()
    edits.untag(account.world, person, tag)
    account.night()
    account.day()
    assert edits.tag(account.world, person, tag) == membership
    account.night()
    changes = [row[1:] for row in account.versions("subscriptions", "id", f"id = {membership}")]
    assert changes == [("insert", False), ("delete", False), ("insert", True)]


# -- members who cancel: which lists they leave is unknown


LEAVING = Behaviour(cancelled_leave=("sequence", "form:0.9"))
LONG: dict[str, Any] = {**SIZES, "forms": 1, "form_memberships": 900, "sequences": 1, "sequence_memberships": 900}


def members_of(account: Account, kind: Kind) -> list[int]:
    """Return the active members of the only list of a kind, the oldest memberships first."""
    ((_, roster),) = [each for each in account.world.rosters.items() if each[0][0] == kind]
    rows = sorted(roster.members.values(), key=lambda row: row.id)
    return [row.subscriber_id for row in rows if account.world.subscribers[row.subscriber_id].state == "active"]


def asked_of_members(account: Account) -> int:
    """Return how often the last night requested members of the form and the sequence."""
    return sum("/subscriptions" in entry.path and "/tags/" not in entry.path for entry in account.sandbox.journal)


@pytest.mark.heavy
@pytest.mark.parametrize("behaviour", some([LEAVING, replace(LEAVING, cancelled_return=False), Behaviour()], [LEAVING]))
def test_night_on_which_people_cancelled_costs_about_a_page_for_each_membership(
    tmp_path: Path, behaviour: Behaviour
) -> None:
    """With or without leaving their lists; searched one by one it took five pages and more."""
    with served(tmp_path, behaviour, 1_000, **LONG) as account:
        account.pull()
        both = [person for person in members_of(account, "form") if person in set(members_of(account, "sequence"))]
        account.day()
        for person in both[40:400:90]:
            edits.cancel(account.world, person)
        account.night()
        assert asked_of_members(account) <= 2 + (12 if behaviour.cancelled_leave else 4)


@pytest.mark.heavy
def test_member_who_is_back_hides_nobody_who_cancelled(tmp_path: Path) -> None:
    """Returning rows appear in the middle of the lists: as many as were deleted, so that the totals match."""
    with served(tmp_path, LEAVING, 1_000, **LONG) as account:
        leaves, comes, other = members_of(account, "sequence")[200:500:100]
        edits.cancel(account.world, comes)
        account.pull()
        account.day()
        edits.cancel(account.world, leaves)
        edits.reactivate(account.world, comes)
        account.night()
        account.day()
        edits.cancel(account.world, other)
        edits.cancel(account.world, comes)
        edits.reactivate(account.world, leaves)
        account.night()


# -- broadcasts


def old_draft(account: Account) -> int:
    """Return a draft left alone for a year."""
    drafts = [key for key, row in sorted(account.world.broadcasts.items()) if row.status == "draft"]
    assert account.world.broadcasts[drafts[0]].created_ms < account.world.ms(START - timedelta(days=365))
    return drafts[0]


def asked_for(account: Account, path: str) -> int:
    """Return how often the last night requested this path."""
    return sum(entry.path == path for entry in account.sandbox.journal)


@pytest.mark.heavy
def test_of_a_draft_left_alone_the_figures_are_read_each_night_and_the_detail_in_turn(account: Account) -> None:
    draft, details, figures = old_draft(account), 0, 0
    for _ in range(7):
        account.day()
        account.night()
        details += asked_for(account, f"/broadcasts/{draft}")
        figures += asked_for(account, f"/broadcasts/{draft}/stats")
    assert (1 <= details <= 2, figures) == (True, 7)


@pytest.mark.heavy
def test_draft_left_alone_that_is_edited_shows_within_the_cycle(account: Account) -> None:
    draft = old_draft(account)
    edits.edit_broadcast(account.world, draft, content="<p>Another text</p>")
    for _ in range(7):
        account.clock.advance(days=1)
        assert account.pull().exit_status == 0
    assert account.rows(f"select content from broadcasts where id = {draft}") == [("<p>Another text</p>",)]


@pytest.mark.heavy
def test_draft_left_alone_that_gets_a_subject_or_is_scheduled_shows_the_next_night(account: Account) -> None:
    draft = old_draft(account)
    account.day()
    edits.edit_broadcast(account.world, draft, subject="At last")
    account.night()
    account.day()
    edits.edit_broadcast(account.world, draft, send_at=account.clock() + timedelta(days=9))
    account.night()
    account.day()
    edits.send_broadcast(account.world, draft, recipients=7)
    account.night()
    assert [row[0] for row in account.versions("broadcasts", "subject", f"id = {draft}")][1:] == ["At last"] * 3


@pytest.mark.heavy
def test_draft_of_which_the_api_has_no_figures_is_a_draft_all_the_same(account: Account) -> None:
    account.world.behaviour = replace(account.world.behaviour, draft_stats="missing")
    draft = old_draft(account)
    account.day()
    account.night()
    account.day()
    account.night()
    assert (asked_for(account, f"/broadcasts/{draft}/stats"), asked_for(account, f"/broadcasts/{draft}")) == (1, 0)
    account.day()
    edits.edit_broadcast(account.world, draft, send_at=account.clock() + timedelta(days=9))
    account.night()
    assert account.rows(f"select status from broadcast_stats where broadcast_id = {draft}") == [("scheduled",)]


@pytest.mark.heavy
def test_draft_that_is_worked_on_is_read_each_night(account: Account) -> None:
    account.day()
    draft = edits.add_broadcast(account.world, "New", "<p>1</p>")
    account.night()
    for number in (2, 3):
        account.day()
        edits.edit_broadcast(account.world, draft, content=f"<p>{number}</p>")
        account.night()
    contents = [row[0] for row in account.versions("broadcasts", "content", f"id = {draft}")]
    assert contents == ["<p>1</p>", "<p>2</p>", "<p>3</p>"]


@pytest.mark.heavy
def test_mail_that_is_sent_while_it_is_read_is_not_taken_for_finished_as_it_was(account: Account) -> None:
    account.day()
    broadcast = edits.add_broadcast(account.world, "Soon", send_at=account.clock() + timedelta(hours=12))
    account.night()
    account.clock.advance(hours=12)
    send = effects.edit_before(lambda: edits.send_broadcast(account.world, broadcast, recipients=7))
    account.sandbox.faults.add(send, path=f"/broadcasts/{broadcast}/stats")
    account.night()
    account.day()
    account.night()


def test_pull_of_broadcasts_alone_reads_every_draft(account: Account) -> None:
    """Without the figures, nothing shows if it was scheduled."""
    draft = old_draft(account)
    account.day()
    edits.edit_broadcast(account.world, draft, send_at=account.clock() + timedelta(days=9))
    account.pull(streams=("broadcasts",))
    assert account.rows(f"select send_at is not null from broadcasts where id = {draft}") == [(True,)]


def test_broadcast_edited_after_it_was_sent_shows_within_the_cycle(account: Account) -> None:
    broadcast = account.sent()
    old = account.world.broadcasts[broadcast].subject
    account.day()
    edits.edit_broadcast(account.world, broadcast, subject="Another subject")
    account.night("full")
    assert account.versions("broadcasts", "subject", f"id = {broadcast}") == [
        (old, "insert", False),
        ("Another subject", "update", True),
    ]


@pytest.mark.heavy
def test_broadcast_edited_after_it_was_sent_shows_after_a_week_of_nights(account: Account) -> None:
    broadcast = account.sent()
    edits.edit_broadcast(account.world, broadcast, subject="Another subject")
    for _ in range(4):
        account.clock.advance(days=2)
        assert account.pull().exit_status == 0
        assert len(account.sandbox.journal) <= FEW + 30
    assert account.rows(f"select subject from broadcasts where id = {broadcast}") == [("Another subject",)]


@pytest.mark.heavy
def test_draft_that_is_written_scheduled_and_sent_is_followed_and_its_stats_grow(account: Account) -> None:
    account.day()
    broadcast = edits.add_broadcast(account.world, "Draft")
    account.night()
    account.day()
    edits.edit_broadcast(account.world, broadcast, subject="Soon", send_at=account.clock() + timedelta(days=1))
    account.night()
    account.day()
    edits.send_broadcast(account.world, broadcast, recipients=200)
    account.night()
    account.day()
    edits.grow_stats(account.world, broadcast, opens=1.5, clicks=2)
    account.night()
    subjects = [row[0] for row in account.versions("broadcasts", "subject", f"id = {broadcast}")]
    assert subjects == ["Draft", "Soon", "Soon"]
    found = account.versions("broadcast_stats", "status, recipients, total_clicks", f"broadcast_id = {broadcast}")
    assert found == [
        ("draft", 0, 0, "insert", False),
        ("scheduled", 0, 0, "update", False),
        ("completed", 200, 0, "update", False),
        ("completed", 200, 2, "update", True),
    ]


@pytest.mark.heavy
def test_deleted_broadcast_goes_with_its_stats(account: Account) -> None:
    broadcast = account.sent()
    account.day()
    edits.delete_broadcast(account.world, broadcast)
    account.night()
    assert [row[1] for row in account.versions("broadcasts", "id", f"id = {broadcast}")] == ["insert", "delete"]
    found = account.versions("broadcast_stats", "recipients", f"broadcast_id = {broadcast}")
    assert [row[1] for row in found] == ["insert", "delete"]


# -- purchases


@pytest.mark.heavy
def test_late_purchases_are_found(account: Account) -> None:
    account.day()
    new = edits.add_purchase(account.world, "buyer@example.com", total=12.5)
    late = edits.add_purchase(account.world, "buyer@example.com", transaction_time=START - timedelta(days=700))
    account.night()
    for purchase in (new, late):
        assert account.versions("purchases", "id", f"id = {purchase}") == [(purchase, "insert", True)]
    account.day()
    edits.add_purchase(account.world, "buyer@example.com", total=1)
    account.night()
    account.day()
    account.night("verify")
    assert account.sandbox.journal.count(path="/purchases") <= 5


@pytest.mark.heavy
def test_deleted_purchase_goes_with_its_products(account: Account) -> None:
    purchase = sorted(account.world.purchases)[30]
    account.day()
    edits.delete_purchase(account.world, purchase)
    edits.add_purchase(account.world, "buyer@example.com")
    account.night()
    assert [row[1] for row in account.versions("purchases", "id", f"id = {purchase}")] == ["insert", "delete"]
    assert account.rows(f"select count(*) from purchase_products where purchase_id = {purchase}") == [(0,)]


# -- everything at once, and nothing


def live(account: Account, day: int) -> None:
    """Simulate a day with some of everything, to other people than on any other day."""
    world, first = account.world, 8 * day
    active = [key for key, row in sorted(world.subscribers.items()) if row.state == "active"]
    cancelled = [key for key, row in sorted(world.subscribers.items()) if row.state == "cancelled"]
    edits.cancel(world, active[first])
    edits.bounce(world, active[first + 1])
    edits.delete_subscriber(world, active[first + 2])
    edits.set_email(world, active[first + 3], f"moved{day}@example.com")
    edits.reactivate(world, cancelled[day])
    edits.delete_subscriber(world, cancelled[day + 5])
    for kind, leave in (("tag", edits.untag), ("sequence", edits.finish_sequence)):
        person, parent, _ = account.member(kind)  # type: ignore[arg-type] # str, but one of the kinds
        leave(world, person, parent)
        if kind == "tag" and day % 2:
            edits.tag(world, person, parent)
    new = edits.add_subscriber(world, f"new{day}@example.com", "New", created_at=START - timedelta(days=100 * day))
    edits.tag(world, new, account.member("tag")[1])
    edits.join_form(world, new, account.member("form")[1])
    edits.join_sequence(world, active[first + 4], account.member("sequence")[1])
    edits.rename_custom_field(world, min(world.custom_fields), f"Label {day}")
    edits.add_purchase(world, "buyer@example.com")
    if day % 2:
        edits.add_purchase(world, "buyer@example.com", transaction_time=START - timedelta(days=700 + day))
        edits.delete_purchase(world, sorted(world.purchases)[20])
    edits.send_broadcast(world, edits.add_broadcast(world, f"Mail {day}"))
    edits.delete_broadcast(world, account.sent())


@pytest.mark.parametrize("name", [*list(BEHAVIOURS)[:1], *OTHERS])
def test_life_goes_on_and_the_mirror_follows(name: str, tmp_path: Path, firsts: Callable[[str], Path]) -> None:
    """What only the cycle shows is ignored at first; a full read leaves nothing to the cycle."""
    with known(tmp_path, name, firsts) as account:
        depths: tuple[Depth, ...] = ("nightly", "full")
        for day, depth in enumerate(depths, 1):
            account.day()
            live(account, day)
            account.clock.advance(hours=12)
            report = account.pull(depth)
            assert (report.exit_status, report.message) == (0, "complete")
            assert depth == "full" or len(account.sandbox.journal) <= FEW
        assert differences(account.mirror, account.world) == []
        for table, rows in account.everything().items():
            if table.startswith("main."):
                names = "valid_from, valid_to, change"
                kept = f"select * exclude ({names}) from history.{table[5:]} where valid_to is null order by all"
                assert rows == account.rows(kept)


@pytest.mark.heavy
def test_two_nights_without_a_change_leave_the_mirror_as_it_was(account: Account) -> None:
    account.day()
    account.night()
    before, size = account.everything(), account.mirror.stat().st_size
    account.day()
    account.night()
    assert account.everything() == before
    assert account.mirror.stat().st_size <= size + BLOCK_BYTES


@pytest.mark.heavy
def test_verify_and_full_without_a_change_leave_the_mirror_as_it_was(account: Account) -> None:
    before = account.everything()
    depths: tuple[Depth, ...] = ("verify", "full", "nightly")
    for depth in depths:
        account.day()
        account.night(depth)
    assert account.everything() == before


# -- killed nights

PAGES = [12]
MANY = [pytest.param(pages, marks=pytest.mark.heavy) for pages in range(3, 45, 4) if pages not in PAGES]


@pytest.mark.heavy
@pytest.mark.parametrize("pages", [*PAGES, *MANY])
@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("full", "nightly"),
        *(
            pytest.param(*depths, marks=pytest.mark.heavy)
            for depths in (("nightly", "nightly"), ("nightly", "full"), ("verify", "nightly"))
        ),
    ],
)
def test_night_that_was_killed_is_resumed(
    pages: int, first: Depth, then: Depth, tmp_path: Path, firsts: Callable[[str], Path]
) -> None:
    """What it had checked is no full read: nothing may be deleted but what is gone."""
    with known(tmp_path, "likeliest", firsts) as account:
        account.day()
        live(account, 1)
        account.clock.advance(hours=12)
        account.cut_off(pages, first)
        account.clock.advance(minutes=5)
        report = account.pull(then)
        assert differences(account.mirror, account.world) == []
        assert (report.exit_status, report.message) == (0, "complete")
        assert then == "full" or len(account.sandbox.journal) <= FEW + 40
        gone = account.rows("select count(*) from history.subscribers where change = 'delete'")
        assert gone == [(2,)]


@pytest.mark.heavy
@pytest.mark.parametrize("pages", [12, *MANY[::9]])
@pytest.mark.parametrize("first", some(["nightly", "verify", "full"], ["nightly"]))
def test_killed_night_without_a_change_deletes_nothing(
    pages: int, first: Depth, tmp_path: Path, firsts: Callable[[str], Path]
) -> None:
    with known(tmp_path, "likeliest", firsts) as account:
        before = account.everything()
        account.clock.advance(days=1)
        account.cut_off(pages, first)
        account.clock.advance(minutes=5)
        account.cut_off(5, "full")
        account.clock.advance(minutes=5)
        account.pull()
        assert account.everything() == before
