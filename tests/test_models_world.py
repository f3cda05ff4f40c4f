"""The models against numbers computed in Python from the sandbox's world, over some nights, days in Tokyo.

The world at each pull is kept; arrivals and departures are the difference of two of them. No SQL is involved.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cksync.config import ModelsConfig
from cksync.folder import Folder
from cksync.pipeline.publishing import rebuild
from kit_sandbox import Behaviour, World, edits, expected_mirror
from tests.test_nights import Account, served
from tests.test_sql.models.test_rebuilt import differing, read

pytestmark = pytest.mark.heavy

ZONE, AHEAD = "Asia/Tokyo", timedelta(hours=9)
NIGHTS, PEOPLE = 4, 140

People = Mapping[int, tuple[str, date]]
# A day, a person, +1 for an arrival and -1 for a departure, and the age of their sign-up in days.
Move = tuple[date, int, int]


def day_of(moment: datetime) -> date:
    return (moment + AHEAD).date()


@dataclass(frozen=True)
class Week:
    """The mirror, and the world as each pull saw it: (day, people by id)."""

    account: Account
    seen: Sequence[tuple[date, People]]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.account.rows(query)

    def moves(self) -> list[Move]:
        """Return who became active and who stopped, as shown by two consecutive pulls."""
        found: list[Move] = []
        for (_, before), (day, after) in pairwise(self.seen):
            for key in before.keys() | after.keys():
                was, now = before.get(key, ("", day))[0], after.get(key, ("", day))[0]
                if key not in before:
                    found.append((after[key][1], key, 1))
                    found += [(day, key, -1)] if now != "active" else []
                elif (was == "active") != (now == "active"):
                    found.append((day, key, 1 if now == "active" else -1))
        return found

    def everybody(self) -> dict[int, date]:
        """Return the day of joining of each person whom any pull saw."""
        return {key: joined for _, people in self.seen for key, (_, joined) in people.items()}

    def active_at_the_end_of(self, day: date) -> set[int]:
        """Return the people active at the first pull, updated by the moves up to the day."""
        active = {key for key, (state, _) in self.seen[0][1].items() if state == "active"}
        for moved_on, key, sign in sorted(self.moves(), key=lambda move: (move[0], -move[2])):
            if moved_on <= day:
                (active.add if sign > 0 else active.discard)(key)
        return active

    def days(self) -> Iterator[date]:
        """Yield the days after the first pull."""
        first, last = self.seen[0][0], self.seen[-1][0]
        return (first + timedelta(days=number) for number in range(1, (last - first).days + 1))


def people_of(world: World, known: People) -> People:
    """Return all people that a list shows, or showed when they were `known`: the state, and the day of joining."""
    truth = expected_mirror(world)
    return {
        key: (row["state"], day_of(datetime.fromisoformat(row["created_at"].replace("Z", "+00:00"))))
        for key, row in truth.subscribers.items()
        if key in truth.listed or key in known
    }


def live(world: World, random: Random, day: int) -> None:
    """Simulate a day: people arrive, leave in every way, return, buy and are tagged."""
    active = [key for key, row in world.subscribers.items() if row.state == "active"]
    cancelled, bounced, deleted, tagged, fickle = random.sample(active, 5)
    tag, form = min(world.parents["tag"]), min(world.parents["form"])
    edits.cancel(world, cancelled)
    edits.delete_subscriber(world, deleted)
    if tagged not in world.rosters["tag", tag].members:
        edits.tag(world, tagged, tag)
    if bounced in world.rosters["form", form].members:
        edits.bounce(world, bounced)
    for number in range(3):
        new = edits.add_subscriber(world, f"new.{day}.{number}@example.com", "Noor")
        edits.join_form(world, new, form)
        if number == 2:
            edits.cancel(world, new)  # before any pull sees it
    if day % 2:
        back = next(key for key, row in world.subscribers.items() if row.state == "cancelled")
        edits.reactivate(world, back)
    edits.add_purchase(
        world, world.subscribers[fickle].email_address.upper(), total=19.99, currency="EUR", discount=0.0
    )
    edits.add_purchase(world, f"stranger.{day}@example.com", total=5.0)
    edits.add_purchase(world, world.subscribers[fickle].email_address, total=5.0, status="refunded")


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Week]:
    """Four nights around the end of a month."""
    with served(tmp_path_factory.mktemp("world"), Behaviour(), PEOPLE) as account:
        account.config = replace(account.config, models=ModelsConfig(timezone=ZONE))
        account.clock.advance(days=27)
        seen: list[tuple[date, People]] = []
        random = Random(4)
        for number in range(NIGHTS + 1):
            if number:
                account.clock.advance(hours=11)
                live(account.world, random, number)
                account.clock.advance(hours=13)
            report = account.pull()
            assert (report.exit_status, report.published.analysis.complaints) == (0, ())
            seen.append((day_of(account.clock()), people_of(account.world, seen[-1][1] if seen else {})))
        yield Week(account, seen)


def test_rebuild_gives_every_model_row_for_row(week: Week, tmp_path: Path) -> None:
    """Of four real nights, with their loads, requests and lists."""
    config = replace(week.account.config, data_dir=tmp_path / "data")
    shutil.copytree(week.account.config.data_dir, config.data_dir)
    nightly = read(config)
    rebuild(config, Folder(config.data_dir))
    assert differing(nightly, read(config)) == {}


def test_growth(week: Week) -> None:
    moves = week.moves()
    assert {sign for _, _, sign in moves} == {1, -1}
    joined = Counter(week.everybody().values())
    expected = []
    for day in week.days():
        new = sum(moved_on == day and sign > 0 for moved_on, _, sign in moves)
        lost = sum(moved_on == day and sign < 0 for moved_on, _, sign in moves)
        start, end = (len(week.active_at_the_end_of(each)) for each in (day - timedelta(days=1), day))
        expected.append((day, joined[day], new, lost, start, end, 100 * (new - lost) / start))
        assert end == start + new - lost
    first = week.seen[0][0]
    found = week.rows(
        "select day, joined, new, lost, active_start, active_end, growth_rate from list_growth_daily"
        f" where day > '{first}' order by day"
    )
    assert found == expected
    assert week.rows(f"select active_end from list_growth_daily where day = '{first}'") == [
        (len(week.active_at_the_end_of(first)),)
    ]


def test_sign_ups_before_the_first_pull(week: Week) -> None:
    joined = Counter(week.everybody().values())
    found = week.rows("select day, joined from list_growth_daily where joined > 0")
    assert dict(found) == joined


def test_churn(week: Week) -> None:
    joined, moves = week.everybody(), week.moves()
    states = {(day, key): people.get(key, ("deleted", day))[0] for day, people in week.seen for key in joined}
    expected = []
    for month in sorted({day.replace(day=1) for day in week.days()}):
        days = [day for day in week.days() if day.replace(day=1) == month]
        left = [(day, key) for day, key, sign in moves if sign < 0 and day in days]
        ways = Counter(states[each] for each in left)
        start = len(week.active_at_the_end_of(days[0] - timedelta(days=1)))
        counts = (ways["cancelled"], ways["bounced"], ways["deleted"], len(left))
        expected.append((month, len(days), start, *counts, 100 * ways["cancelled"] / start))
    assert len(expected) == 2
    found = week.rows(
        "select month, days_covered, active_start, cancelled, bounced, deleted, lost, churn_rate from churn_monthly"
        " order by month"
    )
    assert found == expected


def test_cohorts(week: Week) -> None:
    joined, last = week.everybody(), week.seen[-1][0]
    ends = {date(2026, 3, 1): date(2026, 3, 31), date(2026, 4, 1): last}
    expected = []
    for cohort in sorted({day.replace(day=1) for day in joined.values()}):
        people = {key for key, day in joined.items() if day.replace(day=1) == cohort}
        for month, end in ends.items():
            if month >= cohort:
                active = len(people & week.active_at_the_end_of(end))
                expected.append((cohort, month, len(people), active, 100 * active / len(people)))
    found = week.rows(
        "select cohort, month, size, active, retention_rate from cohort_retention where variant = 'all' order by all"
    )
    assert found == expected


def test_revenue(week: Week) -> None:
    purchases = expected_mirror(week.account.world).purchases.values()
    sold = [row for row in purchases if row["status"] != "refunded"]
    assert len(sold) < len(purchases)
    revenue: dict[str, Decimal] = {}
    for row in sold:
        revenue.setdefault(row["currency"], Decimal(0))
        revenue[row["currency"]] += Decimal(str(row["subtotal"])) - Decimal(str(row["discount"] or 0))
    for model in ("fct_purchase", "fct_purchase_item"):
        found = week.rows(f"select currency, sum(net) from {model} where is_counted group by currency")
        assert dict(found) == revenue
    addresses = {row["email_address"].lower() for row in sold}
    assert week.rows("select customers from audience_snapshot") == [(len(addresses),)]
    people = week.account.world.subscribers
    known = {people[key].email_address.lower() for key in week.seen[-1][1]}
    assert week.rows("select count(*) from dim_subscriber where is_customer") == [(len(addresses & known),)]


def test_members(week: Week) -> None:
    world = week.account.world
    active = {key for key, row in world.subscribers.items() if row.state == "active"}
    for kind in ("tag", "form", "sequence"):
        expected = {
            key: (len(roster.members), len(active & roster.members.keys()))
            for (of, key), roster in world.rosters.items()
            if of == kind
        }
        found = week.rows(f"select id, members, active_members from dim_{kind}")
        assert {key: (members, actives) for key, members, actives in found} == expected
