"""What nobody says of the API does not matter: the mirror equals the account under every answer."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cksync.config import Config
from cksync.errors import Interrupted
from cksync.pipeline.events import PageRead
from cksync.pipeline.pull import pull
from kit_sandbox import Behaviour, Sandbox, World, edits, effects, generate, serve
from tests.conftest import BARE
from tests.support.comparison_v4 import differences_v4
from tests.support.connecting import having, with_oauth
from tests.support.published import rows_of
from tests.support.runs import doubts, pulled
from tests.test_nights import served

NO_MEMBERS = {
    "subscribers": [],
    "pagination": {"has_previous_page": False, "has_next_page": False, "start_cursor": None, "end_cursor": None}
    | {"per_page": 1000, "total_count": 0},
}


@pytest.fixture
def world() -> World:
    sizes: dict[str, Any] = {"tags": 2, "tag_memberships": 40, "forms": 3, "form_memberships": 60}
    sizes |= {"sequences": 3, "sequence_memberships": 30, "broadcasts": 5}
    return generate(60, 4, with_edge_cases=False, **sizes)


@pytest.fixture
def sandbox(world: World) -> Iterator[Sandbox]:
    with serve(world, rate_limit=None) as serving:
        yield serving


@pytest.fixture
def v4(config: Config, sandbox: Sandbox) -> Config:
    """A config for the sandbox's API v4 with OAuth."""
    quick = replace(config, models=BARE, pull=replace(config.pull, settle_seconds=0.01))
    return with_oauth(quick, sandbox)


def mirror(config: Config) -> Path:
    return config.data_dir / "mirror.duckdb"


@pytest.mark.heavy
def test_archived_snippets_may_be_in_both_lists(v4: Config, world: World) -> None:
    world.behaviour = replace(world.behaviour, v4_snippets="all")
    assert any(each.archived for each in world.extras.snippets.values())
    report = pulled(v4)
    assert (report.exit_status, doubts(report)) == (0, {})
    assert differences_v4(mirror(v4), world) == []


@pytest.mark.heavy
def test_form_in_the_trash_is_gone_though_its_members_are_listed(v4: Config, world: World, sandbox: Sandbox) -> None:
    pulled(v4)
    form = next(iter(world.parents["form"]))
    assert world.rosters["form", form].members
    edits.trash_form(world, form)
    listed = effects.status(200, json.dumps(NO_MEMBERS), "application/json")
    sandbox.faults.add(listed, path=f"/v4/forms/{form}/subscribers")
    assert pulled(v4).exit_status == 0
    assert differences_v4(mirror(v4), world) == []
    assert rows_of(mirror(v4), f"select count(*) from history.forms where id = {form} and change = 'delete'") == [(1,)]


@pytest.mark.heavy
def test_links_of_new_clicks_are_read_where_the_list_of_figures_is_refused(v4: Config, world: World) -> None:
    world.behaviour = replace(world.behaviour, v4_bulk_stats="refused")
    drafts = [edits.add_broadcast(world, f"Tonight {number}") for number in range(6)]
    pulled(v4)
    for draft in drafts:
        edits.send_broadcast(world, draft)
        edits.set_stats(world, draft, total_clicks=12)
    assert pulled(v4).exit_status == 0
    found = rows_of(mirror(v4), f"select count(*) > 0 from broadcast_links where broadcast_id in {tuple(drafts)}")
    assert found == [(True,)]
    assert differences_v4(mirror(v4), world, ["subscriber_stats"]) == []


@pytest.mark.heavy
def test_resumed_pull_reads_emails_that_changed_after_the_stop(v4: Config, world: World) -> None:
    stop = threading.Event()
    with contextlib.suppress(Interrupted):
        for event in pull(v4, stop=stop):
            if isinstance(event, PageRead) and event.slice.stream == "sequence_emails":
                stop.set()
    assert stop.is_set()
    for sequence in world.parents["sequence"]:
        edits.add_sequence_email(world, sequence, "Later")
    assert pulled(v4).exit_status == 0
    assert differences_v4(mirror(v4), world, ["subscriber_stats"]) == []


@pytest.mark.heavy
def test_webhooks_of_v3_are_those_of_the_night(config: Config, world: World, sandbox: Sandbox) -> None:
    v3 = having(replace(config, models=BARE), base_url=sandbox.url)
    old = edits.add_hook(world, "https://example.com/old", {"name": "subscriber.subscriber_activate"})
    pulled(v3)
    new = edits.add_hook(world, "https://example.com/new", {"name": "subscriber.subscriber_activate"})
    edits.delete_hook(world, old)
    assert pulled(v3).exit_status == 0
    assert rows_of(mirror(v3), "select id from webhooks") == [(new,)]


@pytest.mark.heavy
def test_person_who_lost_a_tag_and_got_it_again_has_the_new_time_within_the_cycle(tmp_path: Path) -> None:
    """Everybody is read with their tags, which are the same: only the tag's own list shows when they got it."""
    with served(
        tmp_path, Behaviour(), people=60, tag_memberships=40, form_memberships=20, sequence_memberships=20
    ) as found:
        v4 = with_oauth(found.config, found.sandbox)
        pulled(v4, wall=found.clock)
        found.clock.advance(hours=12)
        for tag_id in sorted(found.world.parents["tag"]):
            person = min(found.world.rosters["tag", tag_id].members)
            edits.untag(found.world, person, tag_id)
            edits.tag(found.world, person, tag_id)
        for _ in range(round(v4.pull.verify_cycle_days) + 1):
            found.clock.advance(hours=24)
            pulled(v4, wall=found.clock)
        assert differences_v4(found.mirror, found.world) == []
