"""Pushes through API v4 that are killed, lose answers, or whose token expires: each change is made once."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from cksync.errors import Refused
from kit_sandbox import Sandbox, World, effects
from tests.conftest import some, some_rows
from tests.support.workspace import Work, killed_push
from tests.test_push_v4 import assert_same, first_v4, tag_everybody, work, world

__all__ = ["first_v4", "work", "world"]  # fixtures

# Kinds that bulk calls take: taggings, people, their tag and a value.
MANY = """
    insert into subscribers (email_address, first_name)
        select 'new' || n || '@example.com', 'N' || n from range({}) t(n);
    insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)
        select 'tag', (select min(id) from tags), id from subscribers where id < 0;
    update subscribers set company = 'Acme ' || id where id in
        (select id from subscribers where id > 0 and state = 'active' order by id limit {});
    insert into tags (name) select 'tag ' || n from range({}) t(n);
"""


@pytest.fixture
def environ_v4(environ: dict[str, str], work: Work, sandbox: Sandbox) -> dict[str, str]:
    """The environment of a process that pushes with OAuth."""
    settings = Path(environ["CKSYNC_CONFIG"])
    settings.write_text(settings.read_text() + "[pull]\nsettle_seconds = 0\n")
    del environ["CKSYNC_API_SECRET"]
    return {**environ, "CKSYNC_BASE_URL": sandbox.url_v4, "CKSYNC_OAUTH": str(work.config.api.oauth)}


def edit_many(work: Work, people: int, values: int, tags: int, taggings: int) -> int:
    """Make edits that bulk calls take, and return their number."""
    work.edit(*MANY.format(people, values, tags).split(";"))
    tag_everybody(work, taggings)
    return len(work.plan(["bulk"]).actions)


def assert_each_once(work: Work, world: World, people: int, values: int, tags: int) -> None:
    """Assert that the account has what was requested, each once, and that nothing is left to push."""
    assert work.plan(["bulk"]).actions == ()
    new = Counter(
        each.email_address for each in world.subscribers.values() if each.first_name in {f"N{n}" for n in range(people)}
    )
    assert new == {f"new{n}@example.com": 1 for n in range(people)}
    names = Counter(tag.name for tag in world.parents["tag"].values())
    assert all(names[f"tag {n}"] == 1 for n in range(tags))
    told = work.rows(
        "select kind, target, body, count(*) from _cksync.actions where state = 'done' group by all having count(*) > 1"
    )
    assert told == []
    assert_same(work, world)


@pytest.mark.parametrize(
    ("request_number", "after"),
    some_rows([(1, False), (2, True), (3, True), (4, False), (6, True)], [(2, True)]),
)
def test_killed_bulk_push_goes_on_where_it_was(
    environ_v4: dict[str, str],
    work: Work,
    sandbox: Sandbox,
    world: World,
    tmp_path: Path,
    request_number: int,
    after: bool,
) -> None:
    edit_many(work, 105, 40, 3, 20)
    killed_push(environ_v4, tmp_path, sandbox, request_number, after=after)
    report = work.push(allow=["bulk"])
    assert {r.outcome for _, r in report.results} <= {"done"}
    assert_each_once(work, world, 105, 40, 3)


@pytest.mark.parametrize("loss", some(["lost_response", "error_after", "error_before", "reset"], ["lost_response"]))
def test_lost_answers_of_a_bulk_push_change_nothing(work: Work, sandbox: Sandbox, world: World, loss: str) -> None:
    edit_many(work, 20, 30, 3, 20)
    for nth in (1, 2, 3):
        sandbox.faults.add(getattr(effects, loss)(), where=lambda asked: asked.method != "GET", nth=2 * nth - 1)
    report = work.push(allow=["bulk"])
    assert {(r.outcome, r.message) for _, r in report.results} == {("done", "")}
    assert_each_once(work, world, 20, 30, 3)


def test_token_that_expires_in_the_middle_costs_one_refresh(work: Work, sandbox: Sandbox, world: World) -> None:
    edit_many(work, 20, 30, 3, 20)
    sandbox.faults.add(effects.edit_before(sandbox.oauth.expire), where=lambda asked: "bulk" in asked.path, nth=3)
    sandbox.journal.clear()
    report = work.push(allow=["bulk"])
    assert {r.outcome for _, r in report.results} == {"done"}
    assert len([entry for entry in sandbox.journal.entries if entry.path.endswith("/oauth/token")]) == 1
    assert_each_once(work, world, 20, 30, 3)


@pytest.mark.heavy
@pytest.mark.parametrize("loss", some(["lost_response", "error_before"], ["lost_response"]))
def test_purchase_without_an_answer_is_looked_up_before_it_is_sent_again(
    work: Work, sandbox: Sandbox, world: World, loss: str
) -> None:
    work.edit(
        "insert into purchases (transaction_id, email_address, currency, total)"
        " values ('T-9', 'b@example.com', 'USD', 5)",
        "insert into purchase_products (purchase_id, position, name, pid, lid, sku, unit_price, quantity)"
        " select id, 1, 'Book', 'p', 'l', 's', 5, 1 from purchases where id < 0",
    )
    sandbox.faults.add(getattr(effects, loss)(), path="/v4/purchases", where=lambda asked: asked.method != "GET", nth=1)
    sandbox.behaviour = replace(sandbox.behaviour, v4_lag_seconds=3600.0)
    lagging = Work(replace(work.config, pull=replace(work.config.pull, settle_seconds=3600.0)), work.path)
    for _ in range(2):  # too early to tell
        report = lagging.push()
        assert report.exit_status == 3
        assert "unknown" in report.message
        assert len([e for e in sandbox.journal.entries if (e.method, e.path) == ("POST", "/v4/purchases")]) == 1
    sandbox.behaviour = replace(sandbox.behaviour, v4_lag_seconds=0.0)
    assert work.push().exit_status == 0
    sold = [each for each in world.purchases.values() if each.transaction_id == "T-9"]
    assert [len(each.products) for each in sold] == [1]
    assert_same(work, world)


@pytest.mark.heavy
def test_outcome_of_a_change_through_v3_is_not_guessed_through_v4(work: Work, sandbox: Sandbox) -> None:
    tag_everybody(work, 1)
    assert work.push().exit_status == 0
    work.edit("update _cksync.actions set version = 'v3', state = 'sent'")
    with pytest.raises(Refused, match=r'push once with api\.version = "v3"'):
        work.push()
    assert len(sandbox.journal.writes()) == 1


@pytest.mark.heavy
@pytest.mark.timeout(1500)
def test_twenty_kills_and_lost_answers_change_two_thousand_rows_once(
    environ_v4: dict[str, str], work: Work, sandbox: Sandbox, world: World, tmp_path: Path
) -> None:
    random = Random(16)
    assert edit_many(work, 900, 80, 40, 80) == 2000
    for number in range(20):
        if not work.plan(["bulk"]).actions:
            break
        if number % 2:
            loss = random.choice(["lost_response", "error_after", "error_before", "reset"])
            sandbox.faults.add(getattr(effects, loss)(), where=lambda asked: asked.method != "GET", nth=1)
        killed_push(environ_v4, tmp_path, sandbox, random.randint(1, 2), after=random.random() < 0.5)
    report = work.push(allow=["bulk"])
    assert {r.outcome for _, r in report.results} <= {"done"}
    assert_each_once(work, world, 900, 80, 40)
