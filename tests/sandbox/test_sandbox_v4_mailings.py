"""Broadcasts, their figures and links, and posts under v4; figures that are too old to be told."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kit_sandbox import Behaviour, Clock, World, edits
from tests.support.asking import Ask
from tests.support.asking_v4 import AskV4, refused, send

EVERYBODY = [{"all": [{"type": "all_subscribers"}]}]


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    return AskV4(ask)


def test_a_broadcast_has_these_keys(kit: AskV4, world: World) -> None:
    made = edits.add_broadcast(world, "News", "<p>Hi</p>", description="d", public=True)
    edits.set_broadcast_details(world, made, preview_text="Soon", subscriber_filter=EVERYBODY)
    row = {
        "id": made,
        "publication_id": made + 1_000_000,
        "created_at": "2026-11-01T12:00:00Z",
        "subject": "News",
        "preview_text": "Soon",
        "description": "d",
        "content": "<p>Hi</p>",
        "public": True,
        "published_at": None,
        "send_at": None,
        "status": "draft",
        "thumbnail_alt": None,
        "thumbnail_url": None,
        "public_url": f"https://acme.ck.page/posts/{made}",
        "email_address": "owner@example.com",
        "email_template": {"id": 6, "name": "Text Only"},
        "subscriber_filter": EVERYBODY,
    }
    assert kit.rows("broadcasts") == [row]
    assert kit.json(f"broadcasts/{made}") == {"broadcast": row}
    lacks = {"content", "public_url", "email_address", "email_template", "subscriber_filter"}
    assert set(kit.rows("broadcasts", slim="true")[0]) == set(row) - lacks
    assert refused(kit.get("broadcasts/1")) == (404, ["Not Found"])


def test_a_template_that_is_gone_still_has_its_name(kit: AskV4, world: World) -> None:
    template = edits.add_email_template(world, "Letter")
    made = edits.add_broadcast(world, "n", email_layout_template="Letter")
    assert kit.json(f"broadcasts/{made}")["broadcast"]["email_template"] == {"id": template, "name": "Letter"}
    edits.delete_email_template(world, template)
    assert kit.json(f"broadcasts/{made}")["broadcast"]["email_template"] == {"id": 0, "name": "Letter"}


def test_broadcasts_are_listed_by_status_and_time(kit: AskV4, world: World, clock: Clock) -> None:
    first = send(world)
    clock.advance(days=1)
    second, draft = send(world), edits.add_broadcast(world, "draft")
    later = edits.add_broadcast(world, "later", send_at=datetime(2027, 1, 1, tzinfo=UTC))
    assert kit.ids("broadcasts") == [later, draft, second, first]
    assert kit.ids("broadcasts", status="completed") == [second, first]
    assert kit.ids("broadcasts", status="scheduled") == [later]
    assert kit.ids("broadcasts", sent_after="2026-11-02") == [second]
    assert kit.ids("broadcasts", sent_before="2026-11-02") == [first]
    assert refused(kit.get("broadcasts", status="lost"))[0] == 422


def test_figures_are_the_same_in_the_list_and_alone(kit: AskV4, world: World) -> None:
    sent = send(world, recipients=200, open_rate=25, click_rate=5.0, unsubscribes=3, total_clicks=12)
    (row,) = kit.rows("broadcasts/stats")
    assert {name: row[name] for name in ("id", "subject", "send_at")} == {
        "id": sent,
        "subject": "News",
        "send_at": "2026-11-01T12:00:00Z",
    }
    assert row["stats"] == {
        "recipients": 200,
        "open_rate": 25,
        "emails_opened": 50,
        "click_rate": 5.0,
        "unsubscribe_rate": 1.5,
        "unsubscribes": 3,
        "total_clicks": 12,
        "show_total_clicks": False,
        "status": "completed",
        "progress": 100.0,
        "open_tracking_disabled": False,
        "click_tracking_disabled": False,
    }
    assert kit.json(f"broadcasts/{sent}/stats") == {"broadcast": {"id": sent, "stats": row["stats"]}}


def test_the_list_of_figures_can_be_refused(kit: AskV4, world: World) -> None:
    sent = send(world)
    world.behaviour = Behaviour(v4_bulk_stats="refused")
    text = "Developer account must be on pro plan or have been approved to use the bulk stats endpoint."
    assert refused(kit.get("broadcasts/stats")) == (403, text)
    world.behaviour = Behaviour(v4_bulk_stats="empty")
    answer = kit.get("broadcasts/stats")
    assert (answer.status_code, answer.json()) == (403, {})
    assert kit.get(f"broadcasts/{sent}/stats").status_code == 200


def test_figures_older_than_five_years_are_no_longer_told(kit: AskV4, world: World, clock: Clock) -> None:
    old = send(world, total_clicks=40)
    clock.advance(days=5 * 365)
    assert kit.ids("broadcasts/stats") == [old]
    clock.advance(seconds=1)
    new = send(world)
    assert kit.ids("broadcasts/stats") == [new]
    assert refused(kit.get(f"broadcasts/{old}/stats"))[0] == 400
    assert refused(kit.get(f"broadcasts/{old}/clicks"))[0] == 400
    assert kit.ids("broadcasts") == [new, old]
    world.behaviour = Behaviour(v4_stats_years=0)
    assert kit.ids("broadcasts/stats") == [new, old]


def test_links_have_fractions_and_one_cursor_for_the_page(kit: AskV4, world: World) -> None:
    found: list[Any] = []
    while not found:
        sent = send(world, recipients=500, open_rate=20, total_clicks=30)
        body = kit.json(f"broadcasts/{sent}/clicks")
        found = body["broadcast"]["clicks"]
    assert body["broadcast"]["id"] == sent
    assert {**found[0], "unique_clicks": 15, "click_to_delivery_rate": 0.03, "click_to_open_rate": 0.15} == found[0]
    assert set(found[0]) == {"id", "url", "unique_clicks", "click_to_delivery_rate", "click_to_open_rate"}
    assert body["pagination"]["start_cursor"] == body["pagination"]["end_cursor"]
    assert body["pagination"]["has_next_page"] is False
    edits.set_stats(world, sent, total_clicks=60)
    assert kit.json(f"broadcasts/{sent}/clicks")["broadcast"]["clicks"][0]["unique_clicks"] == 30


def test_a_draft_has_no_links(kit: AskV4, world: World) -> None:
    draft = edits.add_broadcast(world, "n")
    assert kit.json(f"broadcasts/{draft}/clicks")["broadcast"]["clicks"] == []


def test_public_mails_are_posts(kit: AskV4, world: World) -> None:
    edits.add_broadcast(world, "private")
    made = edits.add_broadcast(world, "Public", "<p>Hi</p>", public=True)
    (row,) = kit.rows("posts")
    assert (row["title"], row["status"], row["sent_at"], row["publication_id"]) == (
        "Public",
        "draft",
        None,
        made + 1_000_000,
    )
    assert "content" not in row
    edits.send_broadcast(world, made)
    (row,) = kit.rows("posts", include_content="true")
    assert (row["status"], row["sent_at"], row["content"]) == ("published", "2026-11-01T12:00:00Z", "<p>Hi</p>")
    assert kit.json(f"posts/{row['id']}") == {"post": row}
    edits.delete_broadcast(world, made)
    assert kit.rows("posts") == []
    assert refused(kit.get(f"posts/{row['id']}")) == (404, ["Not Found"])
