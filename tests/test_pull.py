"""A pull against the sandbox: the mirror equals the account, or the pull reports where it does not."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from cksync.config import Config
from cksync.errors import ApiUnavailable, Failed, Refused, Unauthorized
from cksync.pipeline.events import PageRead
from cksync.pipeline.pull import pull
from cksync.secrets import SecretRef
from kit_sandbox import Behaviour, Sandbox, World, edits, effects, expected_mirror, generate, serve
from kit_sandbox.messages import Request as Asked
from tests.conftest import Command, some
from tests.support.changes import change_everything
from tests.support.comparison import differences
from tests.support.published import rows
from tests.support.runs import doubts, pulled


def test_first_pull_makes_the_mirror_equal_the_account(config: Config, world: World) -> None:
    report = pulled(config)
    assert (report.exit_status, doubts(report)) == (0, {})
    assert differences(config.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_pull_asks_for_every_page_exactly_once(config: Config, sandbox: Sandbox) -> None:
    report = pulled(config)
    asked = [(entry.path, tuple(sorted(entry.params.items()))) for entry in sandbox.journal]
    assert len(asked) == len(set(asked)) == sum(report.requests.values())


def test_second_pull_without_a_change_writes_no_row(config: Config) -> None:
    pulled(config)
    before = rows(config, "select count(*), max(_synced_at) from history.subscribers")
    second = pulled(config)
    assert sum(c.inserted + c.updated + c.deleted for c in second.published.changes) == 0
    assert rows(config, "select count(*), max(_synced_at) from history.subscribers") == before


BEHAVIOURS = [
    Behaviour(purchases_order="newest"),
    Behaviour(subscribers_by="id", subscriptions_by="id", ties="scrambled"),
    Behaviour(ties="id_desc", tags_by="id", unpaged_page="empty"),
    Behaviour(day_offset_hours=-8, updated_from_strict=True, tag_bumps_updated=True),
    Behaviour(unfiltered_states=("active", "cancelled")),
    Behaviour(unfiltered_states=("active",)),
    Behaviour(cancelled_leave=("form", "sequence")),
    Behaviour(stats_shape="array", draft_stats="missing", total_pages_when_empty=1, gzip=True),
]


@pytest.mark.heavy
@pytest.mark.parametrize("behaviour", some(BEHAVIOURS, BEHAVIOURS[1:2]), ids=range(len(BEHAVIOURS)))
def test_mirror_is_right_whatever_nobody_knows_about_the_api(
    behaviour: Behaviour, config: Config, sandbox: Sandbox, world: World
) -> None:
    sandbox.behaviour = behaviour
    report = pulled(config)
    wrong = differences(config.data_dir / "mirror.duckdb", world)
    if behaviour.draft_stats == "missing":
        wrong = [text for text in wrong if not text.startswith("broadcast_stats")]
    assert (report.exit_status, wrong) == (0, [])


def test_after_every_kind_of_edit_the_next_pull_equals_the_account_again(config: Config, world: World) -> None:
    pulled(config)
    change_everything(world)
    report = pulled(config)
    assert (report.exit_status, doubts(report)) == (0, {})
    assert differences(config.data_dir / "mirror.duckdb", world) == []


def test_deleted_person_is_asked_for_by_id_and_becomes_a_tombstone(config: Config, world: World) -> None:
    pulled(config)
    person = next(key for key, row in expected_mirror(world).subscribers.items() if row["state"] == "active")
    edits.delete_subscriber(world, person)
    pulled(config)
    assert rows(config, f"select count(*) from subscribers where id = {person}") == [(0,)]
    versions = rows(
        config, f"select change, valid_to is null from history.subscribers where id = {person} order by valid_from"
    )
    assert versions == [("insert", False), ("delete", False)]
    assert rows(config, f"select count(*) from subscriptions where subscriber_id = {person}") == [(0,)]


@pytest.mark.heavy
@pytest.mark.parametrize("page", some([2, 3, 5], [3]))
def test_person_who_leaves_while_the_list_is_read_loses_nobody_else(
    page: int, config: Config, sandbox: Sandbox, world: World
) -> None:
    first = [key for key, row in expected_mirror(world).subscribers.items() if row["state"] == "active"][:3]
    sandbox.faults.add(
        effects.edit_before(lambda: [edits.cancel(world, key) for key in first]),
        path="/subscribers",
        where=lambda request: request.params.get("page") == str(page) and "sort_field" not in request.params,
    )
    report = pulled(config)
    assert differences(config.data_dir / "mirror.duckdb", world) == []
    assert (report.exit_status, doubts(report)) == (0, {})


@pytest.mark.heavy
def test_person_who_joins_while_the_list_is_read_is_in_the_mirror(
    config: Config, sandbox: Sandbox, world: World
) -> None:
    sandbox.faults.add(
        effects.edit_before(lambda: edits.add_subscriber(world, "late@example.com")),
        path="/subscribers",
        params={"page": "4"},
    )
    assert pulled(config).exit_status == 0
    assert differences(config.data_dir / "mirror.duckdb", world) == []


LIES: dict[str, Callable[[], effects.Effect]] = {
    "ignores the page": effects.ignore_page,
    "repeats a page": effects.repeat_page,
    "counts wrong": lambda: effects.wrong_total(off_by=3),
    "changes its total at every request": effects.moving_total,
    "shows an empty list with a total": effects.empty_list,
    "shows a record without id": effects.without_key,
    "shows a state that does not belong": lambda: effects.wrong_state("bounced"),
}


@pytest.mark.heavy
@pytest.mark.parametrize("lie", some([*LIES], ["counts wrong"]))
def test_wrong_list_is_marked_incomplete_and_takes_no_row_out(lie: str, config: Config, sandbox: Sandbox) -> None:
    """The parameter is the API's fault; the pull finishes in spite of it."""
    pulled(config)
    before = rows(config, "select count(*) from subscribers")
    sandbox.faults.add(
        LIES[lie](), path="/subscribers", where=lambda request: "sort_field" not in request.params, count=None
    )
    sandbox.journal.clear()
    report = pulled(config)
    assert report.exit_status == 3
    assert "subscribers/active" in doubts(report)
    assert rows(config, "select count(*) from subscribers") == before
    assert sandbox.journal.count(path="/subscribers") < 100


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("path", "id_"),
    [
        ("/subscribers", "abc"),
        *(
            pytest.param(path, id_, marks=pytest.mark.heavy)
            for path in ("/subscribers", "/tags/[0-9]+/subscriptions")
            for id_ in (None, 10**19, [1])
        ),
    ],
    ids=str,
)
def test_id_that_is_none_spoils_one_night_and_not_the_next(
    path: str, id_: object, config: Config, sandbox: Sandbox, world: World
) -> None:
    pulled(config)
    sandbox.faults.add(effects.set_key("id", id_), path=path, count=None)
    assert pulled(config).exit_status == 3
    sandbox.faults.clear()
    assert pulled(config).exit_status == 0
    assert differences(config.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
@pytest.mark.parametrize("path", some(["/broadcasts", "/purchases", "/tags/[0-9]+/subscriptions"], ["/broadcasts"]))
def test_no_list_passes_when_the_api_ignores_its_page(
    path: str, config: Config, sandbox: Sandbox, world: World
) -> None:
    for number in range(60):
        edits.add_purchase(world, f"buyer{number}@example.com")
        edits.add_broadcast(world, f"subject {number}")
    sandbox.faults.add(effects.ignore_page(), path=path, count=None)
    report = pulled(config)
    assert report.exit_status == 3
    assert {verdict.stream for verdict in report.verdicts if not verdict.is_complete} == {
        {"/broadcasts": "broadcasts", "/purchases": "purchases"}.get(path, "subscriptions")
    }


@pytest.mark.heavy
def test_slice_is_named_in_the_mirror_and_in_the_exit_status(cksync: Command, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(effects.wrong_total(off_by=1), path="/purchases", count=None)
    done = cksync("pull", ok=False)
    assert done.returncode == 3
    assert "incomplete: purchases" in done.stderr
    with duckdb.connect(str(tmp_path / "data" / "mirror.duckdb"), read_only=True) as db:
        assert db.execute("select slice from _cksync.slices where not is_complete").fetchall() == [("purchases",)]


def test_secret_of_another_account_is_refused_and_nothing_is_written(config: Config, world: World) -> None:
    pulled(config)
    before = sorted(path.name for path in config.data_dir.rglob("*"))
    with serve(generate(50, 8), rate_limit=None) as other:
        edits.change_account_email(other.world, "other@example.com")
        foreign = replace(config, api=replace(config.api, base_url=other.url))
        with pytest.raises(Refused, match=r"belongs to .* belongs to the account other@example\.com"):
            pulled(foreign)
        with pytest.raises(Refused, match="not the account of"):
            pulled(foreign, accept_account=True)
    assert sorted(path.name for path in config.data_dir.rglob("*")) == before


@pytest.mark.heavy
def test_changed_address_is_accepted_when_the_people_are_the_same(config: Config, world: World) -> None:
    pulled(config)
    edits.change_account_email(world, "moved@example.com")
    with pytest.raises(Refused, match="--accept-account"):
        pulled(config)
    assert pulled(config, accept_account=True).exit_status == 0
    assert pulled(config).exit_status == 0
    assert differences(config.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_failed_pull_leaves_the_mirror_and_is_shown_by_status(
    cksync: Command, config: Config, sandbox: Sandbox, tmp_path: Path
) -> None:
    pulled(config)
    mirror = (config.data_dir / "mirror.duckdb").read_bytes()
    sandbox.faults.add(effects.status(401, "{}"), path="/tags", count=None)
    done = cksync("pull", ok=False)
    assert done.returncode == 2
    assert (config.data_dir / "mirror.duckdb").read_bytes() == mirror
    loads = json.loads(cksync("status", "--format", "json").stdout)["loads"]
    assert (loads[0]["exit_status"], "credentials" in loads[0]["message"]) == (2, True)


def test_pull_with_the_wrong_secret_says_what_to_do(config: Config, tmp_path: Path) -> None:
    wrong = replace(config, api=replace(config.api, api_secret=SecretRef("not-the-secret", "api.api_secret", tmp_path)))
    with pytest.raises(Unauthorized, match="the secret is wrong"):
        pulled(wrong)


@pytest.mark.heavy
def test_server_errors_on_the_way_are_ridden_out(config: Config, sandbox: Sandbox, world: World) -> None:
    sandbox.faults.add(effects.status(502, "<html>"), nth=5, every=40, count=None)
    assert pulled(config).exit_status == 0
    assert differences(config.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_api_that_goes_down_fails_the_pull_and_keeps_what_was_read(config: Config, sandbox: Sandbox) -> None:
    asked: list[str] = []

    def is_down(request: Asked) -> bool:
        asked.append(request.path)
        return "/purchases" in asked

    sandbox.faults.add(effects.status(503), where=is_down, count=None)
    with pytest.raises(ApiUnavailable, match=r"GET purchases: 503 .* the account endpoint does not respond either"):
        pulled(config)
    sandbox.faults.clear()
    first = len(sandbox.journal)
    sandbox.journal.clear()
    assert pulled(config).exit_status == 0
    assert len(sandbox.journal) < first / 2  # as on a night


@pytest.mark.heavy
def test_switched_off_api_is_reported_and_leaves_the_mirror(config: Config, sandbox: Sandbox) -> None:
    pulled(config)
    sandbox.faults.add(effects.status(410), count=None)
    with pytest.raises(Failed, match="switched off"):
        pulled(config)


def test_pull_of_one_stream_reads_only_it(config: Config, sandbox: Sandbox) -> None:
    report = pulled(config, streams=["tags"])
    assert set(sandbox.journal.by_path()) == {"/account", "/tags"}
    assert report.published.rows["tags"] > 0


def test_out_of_time_ends_with_3_and_the_next_pull_goes_on(config: Config, sandbox: Sandbox, world: World) -> None:
    report = pulled(config, max_minutes=0.0)
    assert report.exit_status == 3
    again = pulled(config)
    assert again.exit_status == 0
    assert differences(config.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_events_tell_what_is_left(config: Config) -> None:
    pages = [event for event in pull(config) if isinstance(event, PageRead)]
    assert pages[-1].expected == pages[-1].requests
    assert [page.requests for page in pages] == sorted(page.requests for page in pages)


def untag_most(world: World) -> int:
    """Remove a popular tag from nearly everybody; return its id."""
    members = [
        (key, row["subscriber_id"]) for key, row in expected_mirror(world).memberships.items() if key[0] == "tag"
    ]
    tag = max(expected_mirror(world).tags, key=lambda each: sum(key[1] == each for key, _ in members))
    for key, person in members:
        if key[1] == tag:
            edits.untag(world, person, tag)
    return tag


def test_list_that_suddenly_lost_most_rows_is_not_trusted(config: Config, world: World) -> None:
    for _ in range(20):
        edits.add_tag(world, f"more {_}")
    pulled(config)
    tag = untag_most(world)
    name = f"subscriptions/tag/{tag}"
    before = rows(config, f"select count(*) from subscriptions where subscribable_id = {tag}")
    report = pulled(config)
    assert (report.exit_status, "at once" in str(doubts(report)[name])) == (3, True)
    assert rows(config, f"select count(*) from subscriptions where subscribable_id = {tag}") == before
    assert rows(config, "select exit_status from _cksync.loads order by load_id desc limit 1") == [(3,)]
    assert pulled(config, allow=["vanish"]).exit_status == 0
    assert differences(config.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_memberships_of_a_deleted_tag_go_with_it_however_many(config: Config, world: World) -> None:
    pulled(config)
    members = [key[1] for key in expected_mirror(world).memberships if key[0] == "tag"]
    edits.delete_tag(world, max(set(members), key=members.count))
    assert pulled(config).exit_status == 0
    assert differences(config.data_dir / "mirror.duckdb", world) == []


def test_rebuild_makes_the_same_mirror_from_the_log(config: Config, world: World, cksync: Command) -> None:
    pulled(config)
    change_everything(world)
    pulled(config)
    tables = [str(row[0]) for row in rows(config, "select table_name from duckdb_tables() where schema_name = 'main'")]
    queries = [f'from {schema}."{table}" order by all' for schema in ("main", "history") for table in tables]
    before = [rows(config, query) for query in queries]
    (config.data_dir / "mirror.duckdb").write_bytes(b"not a database")
    cksync("rebuild")
    assert [rows(config, query) for query in queries] == before


@pytest.mark.heavy
def test_pull_after_the_mirror_was_deleted_makes_it_from_the_log(
    config: Config, sandbox: Sandbox, world: World
) -> None:
    pulled(config)
    (config.data_dir / "mirror.duckdb").unlink()
    first = len(sandbox.journal)
    sandbox.journal.clear()
    pulled(config)
    assert len(sandbox.journal) < first / 2
    assert differences(config.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
@pytest.mark.parametrize("when", some(["after the tail", "between two pages"], ["between two pages"]))
def test_person_who_cancels_after_the_active_list_was_read_leaves_no_doubt(
    when: str, config: Config, sandbox: Sandbox, world: World
) -> None:
    person = next(key for key, row in expected_mirror(world).subscribers.items() if row["state"] == "active")
    params = {"sort_field": "cancelled_at"} if when == "after the tail" else {"page": "4"}
    sandbox.faults.add(effects.edit_before(lambda: edits.cancel(world, person)), path="/subscribers", params=params)
    report = pulled(config)
    assert (report.exit_status, doubts(report)) == (0, {})
    assert differences(config.data_dir / "mirror.duckdb", world) == []


def test_mirror_that_is_no_database_is_reported_before_the_first_request(
    config: Config, sandbox: Sandbox, cksync: Command
) -> None:
    pulled(config)
    sandbox.journal.clear()
    (config.data_dir / "mirror.duckdb").write_bytes(b"garbage")
    done = cksync("pull", ok=False)
    assert (done.returncode, "cksync rebuild" in done.stderr, len(sandbox.journal)) == (1, True, 0)


@pytest.mark.heavy
def test_not_found_page_of_a_proxy_deletes_nobody(config: Config, sandbox: Sandbox, world: World) -> None:
    pulled(config)
    person = next(key for key, row in expected_mirror(world).subscribers.items() if row["state"] == "active")
    for key in [key for key, row in expected_mirror(world).memberships.items() if row["subscriber_id"] == person]:
        leave = {"form": edits.leave_form, "sequence": edits.finish_sequence, "tag": edits.untag}[key[0]]
        leave(world, person, key[1])
    edits.bounce(world, person)
    sandbox.faults.add(effects.status(404, "<html>not here</html>"), path=f"/subscribers/{person}", count=None)
    report = pulled(config)
    assert (report.exit_status, list(doubts(report))) == (3, ["subscribers/by_id"])
    assert rows(config, f"select count(*) from subscribers where id = {person}") == [(1,)]
    sandbox.faults.clear()
    assert pulled(config).exit_status == 0
    assert rows(config, f"select state from subscribers where id = {person}") == [("bounced",)]
