"""A pull through API v4 makes the mirror equal the account, and takes nothing for gone that is there."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import duckdb
import pytest

from cksync.config import Config
from cksync.domain import members
from cksync.errors import CksyncError
from cksync.folder import Folder
from cksync.pipeline.events import Note
from cksync.pipeline.publishing import rebuild
from cksync.pipeline.pull import NO_PURCHASES, pull
from cksync.pipeline.status import status
from kit_sandbox import Sandbox, World, edits, effects, generate, serve
from kit_sandbox.expected_v4 import expected_v4
from tests.conftest import BARE, some
from tests.support.changes import change_everything
from tests.support.comparison_v4 import LEFT_TO_THE_CYCLE, differences_v4
from tests.support.connecting import having, with_key, with_oauth
from tests.support.published import rows_of
from tests.support.runs import doubts, found, pulled

# Rows of a page: lists of a small account have several pages then.
PAGE = 20


@pytest.fixture
def world() -> World:
    return generate(
        120,
        4,
        with_edge_cases=False,
        tags=4,
        tag_memberships=120,
        forms=3,
        form_memberships=100,
        sequences=2,
        sequence_memberships=70,
        broadcasts=8,
        drafts=2,
        purchases=15,
    )


@pytest.fixture
def sandbox(world: World) -> Iterator[Sandbox]:
    with serve(world, rate_limit=None) as serving:
        world.behaviour = replace(world.behaviour, v4_page_limit=PAGE)
        yield serving


@pytest.fixture
def v4(config: Config, sandbox: Sandbox) -> Config:
    """A config for the sandbox's API v4 with OAuth."""
    quick = replace(config, models=BARE, pull=replace(config.pull, settle_seconds=0.01))
    return with_oauth(quick, sandbox)


def mirror(config: Config) -> Path:
    return config.data_dir / "mirror.duckdb"


def asked(sandbox: Sandbox) -> list[str]:
    """Return the paths that were requested of API v4."""
    return [each.path for each in sandbox.journal if each.path.startswith("/v4")]


def test_first_pull_makes_the_mirror_equal_the_account(v4: Config, world: World) -> None:
    report = pulled(v4)
    assert (report.exit_status, doubts(report)) == (0, {})
    assert differences_v4(mirror(v4), world) == []


@pytest.mark.heavy
def test_second_pull_writes_no_row(v4: Config, world: World) -> None:
    pulled(v4)
    report = pulled(v4)
    assert [each for each in report.published.changes if each.inserted or each.updated or each.deleted] == []
    assert differences_v4(mirror(v4), world) == []


def test_changes_arrive_in_a_night(v4: Config, world: World) -> None:
    pulled(v4)
    change_everything(world)
    assert pulled(v4).exit_status == 0
    assert differences_v4(mirror(v4), world, LEFT_TO_THE_CYCLE) == []


@pytest.mark.heavy
def test_unchanged_people_are_not_stored_again(v4: Config, world: World) -> None:
    pulled(v4)
    load = pulled(v4).load_id
    files = Folder(v4.data_dir).log / load
    with duckdb.connect() as db:
        query = f"select count(*) from read_parquet('{files}/*.parquet') where slice = 'v4/subscribers'"
        assert db.execute(query).fetchone() == (0,)


@pytest.mark.heavy
def test_person_is_gone_only_after_a_404(v4: Config, sandbox: Sandbox, world: World) -> None:
    pulled(v4)
    gone = next(iter(world.subscribers))
    edits.delete_subscriber(world, gone)
    pulled(v4)
    assert f"/v4/subscribers/{gone}" in asked(sandbox)
    assert rows_of(
        mirror(v4), f"select change from history.subscribers where id = {gone} order by valid_from, valid_to"
    )[-1] == ("delete",)


@pytest.mark.heavy
def test_list_that_is_gone_takes_its_members_along(v4: Config, world: World) -> None:
    pulled(v4)
    edits.delete_tag(world, next(iter(world.parents["tag"])))
    edits.delete_form(world, next(iter(world.parents["form"])))
    assert pulled(v4).exit_status == 0
    assert differences_v4(mirror(v4), world, LEFT_TO_THE_CYCLE) == []


@pytest.mark.heavy
def test_kill_after_a_list_was_found_gone_leaves_no_member_behind(v4: Config, world: World, sandbox: Sandbox) -> None:
    pulled(v4)
    gone = next(iter(world.parents["tag"]))
    edits.delete_tag(world, gone)
    events = pull(v4)
    for _ in events:
        if f"/v4/tags/{gone}/subscribers" in asked(sandbox):
            break
    events.close()  # type: ignore[attr-defined]  # it is a generator
    assert pulled(v4).exit_status == 0
    assert differences_v4(mirror(v4), world, LEFT_TO_THE_CYCLE) == []


@pytest.mark.parametrize("at", some([3, 14, 25, 40, 60], [25]))
def test_killed_first_pull_goes_on_at_the_stored_cursor(at: int, v4: Config, world: World, sandbox: Sandbox) -> None:
    events = pull(v4)
    with contextlib.suppress(CksyncError):
        list(itertools.islice(events, at))
    events.close()  # type: ignore[attr-defined]  # it is a generator
    change_everything(world)
    assert pulled(v4).exit_status == 0
    assert differences_v4(mirror(v4), world, LEFT_TO_THE_CYCLE) == []


@pytest.mark.heavy
def test_cursor_that_is_refused_begins_the_list_anew(v4: Config, world: World, sandbox: Sandbox) -> None:
    events = pull(v4)
    list(itertools.islice(events, 30))
    events.close()  # type: ignore[attr-defined]  # it is a generator
    refused = effects.status(422, '{"errors": ["Cursor is invalid"]}', "application/json")
    sandbox.faults.add(refused, path="/v4/.*", where=lambda request: "after" in request.params)
    assert pulled(v4).exit_status == 0
    assert differences_v4(mirror(v4), world, LEFT_TO_THE_CYCLE) == []


def test_key_alone_reads_everything_but_purchases_and_says_so(config: Config, sandbox: Sandbox, world: World) -> None:
    with_a_key = with_key(replace(config, models=BARE), sandbox)
    *events, report = pull(with_a_key)
    assert [each.text for each in events if isinstance(each, Note)] == [NO_PURCHASES]
    assert report.exit_status == 0  # type: ignore[union-attr]  # the last event is the report
    assert differences_v4(mirror(with_a_key), world, ["purchases"]) == []
    assert rows_of(mirror(with_a_key), "select count(*) from purchases") == [(0,)]
    assert "OAuth" in status(with_a_key.data_dir).notes[0]


def test_secret_of_v3_beside_a_key_gives_the_purchases(config: Config, sandbox: Sandbox, world: World) -> None:
    secret = config.api.api_secret
    both = having(with_key(replace(config, models=BARE), sandbox), api_secret=secret, v3_base_url=sandbox.url)
    assert pulled(both).exit_status == 0
    have = rows_of(mirror(both), "select id, shipping is not null from purchases order by id")
    assert have == [(id_, True) for id_ in sorted(world.purchases)]


@pytest.mark.heavy
@pytest.mark.parametrize("answer", some(["refused", "empty"], ["refused"]))
def test_account_without_the_list_of_figures_reads_them_one_by_one(
    answer: Literal["refused", "empty"], v4: Config, sandbox: Sandbox, world: World
) -> None:
    world.behaviour = replace(world.behaviour, v4_bulk_stats=answer)
    *events, report = pull(v4)
    assert report.exit_status == 0  # type: ignore[union-attr]  # the last event is the report
    assert [each.text for each in events if isinstance(each, Note)] == []
    assert differences_v4(mirror(v4), world, ["broadcast_links"]) == []


@pytest.mark.heavy
def test_figures_older_than_five_years_stay_as_they_were(v4: Config, sandbox: Sandbox, world: World) -> None:
    world.behaviour = replace(world.behaviour, v4_stats_years=0.0)
    pulled(v4)
    before = rows_of(mirror(v4), "select * from broadcast_stats order by all")
    links = rows_of(mirror(v4), "select * from broadcast_links order by all")
    world.behaviour = replace(world.behaviour, v4_stats_years=1.0)
    assert pulled(v4, depth="full").exit_status == 0
    assert rows_of(mirror(v4), "select * from broadcast_stats order by all") == before
    assert rows_of(mirror(v4), "select * from broadcast_links order by all") == links


@pytest.mark.heavy
def test_lists_that_lag_take_nobody_for_gone(v4: Config, sandbox: Sandbox, world: World) -> None:
    pulled(v4)
    world.behaviour = replace(world.behaviour, v4_lag_seconds=300.0)
    change_everything(world)
    assert pulled(v4).exit_status in (0, 3)
    world.behaviour = replace(world.behaviour, v4_lag_seconds=0.0)
    assert pulled(v4).exit_status == 0
    assert differences_v4(mirror(v4), world, LEFT_TO_THE_CYCLE) == []


@pytest.mark.heavy
def test_page_too_large_is_read_in_smaller_ones(v4: Config, sandbox: Sandbox, world: World) -> None:
    someone = next(iter(world.subscribers))
    edits.set_first_name(world, someone, "x" * 30_000)
    small = having(v4, max_answer_mb=0.036)
    report = pulled(small)
    assert (report.exit_status, doubts(report)) == (0, {})
    assert differences_v4(mirror(small), world) == []


@pytest.mark.heavy
def test_single_record_too_large_is_named_and_harms_no_other(v4: Config, sandbox: Sandbox, world: World) -> None:
    someone = sorted(world.subscribers)[5]
    edits.set_field(world, someone, next(iter(world.custom_fields.values())).key, "x" * 50_000)
    small = having(v4, max_answer_mb=0.04)
    report = pulled(small)
    assert report.exit_status == 3
    assert str(someone) in str(doubts(report)["v4/subscribers"])
    have = {row[0] for row in rows_of(mirror(small), "select id from subscribers")}
    assert set(world.subscribers) - have <= {someone}


@pytest.mark.heavy
def test_hints_read_only_lists_whose_count_moved(v4: Config, sandbox: Sandbox, world: World) -> None:
    pulled(v4)
    hints = replace(v4, pull=replace(v4.pull, depth="hints"))
    form = next(iter(world.parents["form"]))
    joined = next(
        id_
        for id_, person in world.subscribers.items()
        if person.state == "active" and id_ not in world.rosters["form", form].members
    )
    edits.join_form(world, joined, form)
    before = len(asked(sandbox))
    assert pulled(hints).exit_status == 0
    read = [path for path in asked(sandbox)[before:] if path.endswith("/subscribers") and path != "/v4/subscribers"]
    assert read == [f"/v4/forms/{form}/subscribers"]
    assert differences_v4(mirror(v4), world, LEFT_TO_THE_CYCLE) == []


@pytest.fixture
def crowd(config: Config) -> Iterator[tuple[Config, World, Sandbox, int]]:
    """An account with a tag that most people have, which fills many pages; and the id of the tag."""
    world = generate(
        200,
        9,
        with_edge_cases=False,
        tags=1,
        tag_memberships=190,
        forms=1,
        form_memberships=180,
        broadcasts=1,
        drafts=0,
    )
    with serve(world, rate_limit=None) as serving:
        world.behaviour = replace(world.behaviour, v4_page_limit=10)
        quick = replace(config, models=BARE, pull=replace(config.pull, settle_seconds=0.01, depth="hints"))
        yield with_oauth(quick, serving), world, serving, next(iter(world.parents["tag"]))


def lists_of(sandbox: Sandbox, path: str) -> list[Mapping[str, str]]:
    """Return the parameters of the requests for a list."""
    return [each.params for each in sandbox.journal if each.path == path]


def active_in(world: World, kind: Literal["tag", "form"], id_: int) -> list[int]:
    return [each for each in world.rosters[kind, id_].members if world.subscribers[each].state == "active"]


@pytest.mark.parametrize("kind", some(["tag", "form"], ["tag"]))
def test_whoever_left_a_long_list_is_found_by_its_counts(
    kind: Literal["tag", "form"], crowd: tuple[Config, World, Sandbox, int]
) -> None:
    config, world, sandbox, _ = crowd
    pulled(config)
    parent = next(iter(world.parents[kind]))
    there = active_in(world, kind, parent)
    leave = edits.untag if kind == "tag" else edits.leave_form
    leave(world, there[len(there) // 3], parent)
    sandbox.journal.clear()
    assert pulled(config).exit_status == 0
    made = lists_of(sandbox, f"/v4/{kind}s/{parent}/subscribers")
    assert 2 <= len(made) < len(there) / 10 - 3
    assert not [params for params in made if params["status"] == "all" and len(params) == 2]
    assert differences_v4(mirror(config), world, LEFT_TO_THE_CYCLE) == []


@pytest.mark.heavy
def test_search_among_people_who_come_reads_the_whole_list(crowd: tuple[Config, World, Sandbox, int]) -> None:
    """Somebody gets the tag while the search is under way: its counts no longer add up."""
    config, world, sandbox, tag = crowd
    pulled(config)
    there = active_in(world, "tag", tag)
    edits.untag(world, there[40], tag)
    late = next(each for each in world.subscribers if each not in world.rosters["tag", tag].members)
    sandbox.faults.add(
        effects.edit_before(lambda: edits.tag(world, late, tag)), path=f"/v4/tags/{tag}/subscribers", nth=3
    )
    assert pulled(config).exit_status == 0
    assert pulled(config).exit_status == 0
    assert differences_v4(mirror(config), world, LEFT_TO_THE_CYCLE) == []


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["tag", "form"])
def test_whoever_cancels_while_somebody_joins_stays_a_member(
    kind: Literal["tag", "form"], crowd: tuple[Config, World, Sandbox, int]
) -> None:
    """The count of active members fell; the list of all states shows that nobody left."""
    hints, world, sandbox, _ = crowd
    config = replace(hints, pull=replace(hints.pull, depth="exact"))
    pulled(config)
    parent = next(iter(world.parents[kind]))
    there = active_in(world, kind, parent)
    late = next(
        id_
        for id_, person in world.subscribers.items()
        if person.state == "active" and id_ not in world.rosters[kind, parent].members
    )

    def meanwhile() -> None:
        edits.join(world, kind, late, parent)
        edits.cancel(world, there[len(there) // 3])

    sandbox.faults.add(effects.edit_before(meanwhile), path=f"/v4/{kind}s/{parent}/subscribers")
    for _ in range(2):
        assert pulled(config).exit_status == 0
    assert differences_v4(mirror(config), world, LEFT_TO_THE_CYCLE) == []


@pytest.mark.heavy
@pytest.mark.parametrize("nth", some([2, 3, 4, 5], [3]))
def test_failure_in_a_search_leaves_nothing_untrue(nth: int, crowd: tuple[Config, World, Sandbox, int]) -> None:
    config, world, sandbox, tag = crowd
    pulled(config)
    edits.untag(world, active_in(world, "tag", tag)[40], tag)
    sandbox.faults.add(effects.status(500), path=f"/v4/tags/{tag}/subscribers", nth=nth, count=20)
    assert pulled(config).exit_status == 3
    sandbox.faults.clear()
    assert pulled(config).exit_status == 0
    assert differences_v4(mirror(config), world, LEFT_TO_THE_CYCLE) == []


@pytest.mark.heavy
def test_verify_mends_what_a_night_leaves(v4: Config, world: World) -> None:
    pulled(v4)
    sequence = max(world.parents["sequence"], key=lambda each: len(world.rosters["sequence", each].members))
    hidden = next(iter(world.rosters["sequence", sequence].members))
    edits.bounce(world, hidden)
    pulled(v4)
    edits.finish_sequence(world, hidden, sequence)
    findings = found(v4, repair=True, full=True)
    assert findings.exit_status == 0
    assert differences_v4(mirror(v4), world) == []


@pytest.mark.heavy
def test_rebuild_gives_the_same_rows_and_versions(v4: Config, world: World) -> None:
    pulled(v4)
    change_everything(world)
    pulled(v4)
    edits.cancel(world, next(id_ for id_, person in world.subscribers.items() if person.state == "active"))
    edits.set_location(world, next(iter(world.subscribers)), {"city": "Bogotá", "country": "CO"})
    pulled(v4)
    before = everything(v4)
    rebuild(v4, Folder(v4.data_dir))
    assert everything(v4) == before


def everything(config: Config) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows and versions of all tables."""
    query = "select schema_name, table_name from duckdb_tables() where schema_name in ('main', 'history') order by all"
    tables = [f'{schema}."{name}"' for schema, name in rows_of(mirror(config), query)]
    return {table: rows_of(mirror(config), f"select * from {table} order by all") for table in tables}


@pytest.fixture
def v3(config: Config) -> Config:
    return replace(config, models=BARE)


@pytest.mark.parametrize("order", some(["34", "343", "434", "3434"], ["34"]))
def test_folder_that_changes_its_version_keeps_everything(order: str, v3: Config, v4: Config, world: World) -> None:
    """No row is new, gone or changed because another version shows it; columns that one gives are filled in place."""
    versions: dict[str, list[tuple[Any, ...]]] = {}
    for number in order:
        config = v3 if number == "3" else v4
        assert pulled(config).exit_status == 0
        counted = {
            table: rows_of(mirror(v4), f'select count(*) from history."{table}"')
            for table in ("account", "custom_fields", "forms", "sequences", "tags", "subscribers", "subscriptions")
        }
        for table, count in counted.items():
            assert versions.setdefault(table, count) == count, (number, table)
    assert rows_of(mirror(v4), "select count(*) - count(id), count(*) - count(state) from subscriptions") == [(0, 0)]
    attributed = sum(row["attribution_source_type"] is not None for row in expected_people(world))
    assert rows_of(mirror(v4), "select count(attribution_source_type) from subscribers") == [(attributed,)]
    before = everything(v4)
    rebuild(v4, Folder(v4.data_dir))
    assert everything(v4) == before


def test_lists_of_v3_that_hide_people_take_no_membership(v3: Config, v4: Config, world: World) -> None:
    """API v3 may list active members only. Whoever cancels meanwhile is a member again under API v4."""
    world.behaviour = replace(world.behaviour, unfiltered_states=("active",))
    tag = next(iter(world.parents["tag"]))
    assert pulled(v4).exit_status == 0
    assert pulled(v3).exit_status == 0
    assert rows_of(mirror(v4), "select * from history.subscriptions where change = 'delete'") == []
    edits.cancel(world, active_in(world, "tag", tag)[0])
    assert pulled(v3).exit_status == 0
    assert pulled(v4).exit_status == 0
    assert differences_v4(mirror(v4), world, (*LEFT_TO_THE_CYCLE, "broadcast_stats")) == []
    before = everything(v4)
    rebuild(v4, Folder(v4.data_dir))
    assert everything(v4) == before


def expected_people(world: World) -> list[dict[str, Any]]:
    return list(map(dict, expected_v4(world).subscribers.values()))


def test_slices_of_the_two_versions_have_names_of_their_own() -> None:
    assert members("tag", "7", "v4").parent == members("tag", "7").parent == ("tag", "7")
    assert (members("tag", "7", "v4").version, members("tag", "7").version) == ("v4", "v3")
