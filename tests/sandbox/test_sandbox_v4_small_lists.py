"""The account under v4, and its smaller lists."""

from typing import Any

import pytest

from kit_sandbox import Clock, World, edits
from kit_sandbox.extras import PROFILE
from tests.support.asking import Ask, add_people
from tests.support.asking_v4 import AskV4, refused, send


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    return AskV4(ask)


def test_the_account_has_an_id_a_zone_and_a_plan(kit: AskV4) -> None:
    body = kit.json("account")
    assert body["user"] == {"email": "owner@example.com", "id": 7_654_321}
    account = body["account"]
    assert (account["id"], account["name"], account["primary_email_address"]) == (
        1_234_567,
        "Acme Corp.",
        "owner@example.com",
    )
    assert account["timezone"] == {"name": "America/Bogota", "friendly_name": "Bogota", "utc_offset": "-05:00"}
    assert account["sending_addresses"][0]["is_default"] is True
    assert account["plan"]["plan_type"] == account["plan_type"] == "creator_pro"


def test_colors_and_the_profile_which_may_be_missing(kit: AskV4, world: World) -> None:
    assert kit.json("account/colors") == {"colors": ["#000000", "#1677be"]}
    assert refused(kit.get("account/creator_profile")) == (404, ["Not Found"])
    world.extras.profile = PROFILE
    assert kit.json("account/creator_profile") == {"profile": PROFILE}


def test_mails_of_90_days_are_summed_up(kit: AskV4, world: World, clock: Clock) -> None:
    send(world, recipients=1_000)
    clock.advance(days=91)
    for _ in range(2):
        send(world, recipients=100, open_rate=30, total_clicks=5, unsubscribes=1)
    stats = kit.json("account/email_stats")["stats"]
    shown = {name: stats[name] for name in ("sent", "opened", "clicked", "open_rate", "unsubscribe_rate")}
    assert shown == {"sent": 200, "opened": 60, "clicked": 10, "open_rate": 30.0, "unsubscribe_rate": 1.0}


def test_growth_is_counted_by_days_of_the_sending_zone(kit: AskV4, world: World, clock: Clock) -> None:
    people = add_people(world, 3)
    clock.advance(days=2)
    edits.cancel(world, people[0])
    asked = {"starting": "2026-11-02", "ending": "2026-11-03"}
    assert kit.json("account/growth_stats", **asked)["stats"] == {
        "cancellations": 1,
        "net_new_subscribers": -1,
        "new_subscribers": 0,
        "subscribers": 2,
        "starting": "2026-11-02T00:00:00-05:00",
        "ending": "2026-11-03T23:59:59-05:00",
    }
    assert kit.json("account/growth_stats")["stats"]["new_subscribers"] == 3


def test_both_ends_of_a_window_of_growth_have_the_offset_of_today(kit: AskV4, world: World) -> None:
    """So in Kit's own tests of its PHP SDK, which expected summer's offset for a December, in a March."""
    edits.set_time_zone(world, "America/New_York", "Eastern Time (US & Canada)", "-04:00")
    zone = {"name": "America/New_York", "friendly_name": "Eastern Time (US & Canada)", "utc_offset": "-04:00"}
    assert kit.json("account")["account"]["timezone"] == zone
    stats = kit.json("account/growth_stats", starting="2025-12-20", ending="2026-07-01")["stats"]
    assert (stats["starting"], stats["ending"]) == ("2025-12-20T00:00:00-04:00", "2026-07-01T23:59:59-04:00")


def test_a_day_of_growth_begins_in_the_zone_of_the_account(kit: AskV4, world: World) -> None:
    edits.set_time_zone(world, "Pacific/Kiritimati", "Line Islands", "+14:00")
    add_people(world, 1)
    today = kit.json("account/growth_stats", starting="2026-11-02")["stats"]
    assert (today["new_subscribers"], today["ending"]) == (1, "2026-11-02T23:59:59+14:00")


@pytest.mark.parametrize(
    ("asked", "texts"),
    [
        ({"starting": "soon"}, ["Starting date is incorrectly formatted. Use YYYY-MM-DD."]),
        ({"ending": "2026/11/03"}, ["Ending date is incorrectly formatted. Use YYYY-MM-DD."]),
        ({"starting": "2026-11-03", "ending": "2026-11-02"}, ["Starting date must be before the ending date."]),
    ],
)
def test_days_of_growth_that_cannot_be_are_422(kit: AskV4, asked: dict[str, str], texts: list[str]) -> None:
    assert refused(kit.get("account/growth_stats", **asked)) == (422, texts)


def test_custom_fields_come_newest_first(kit: AskV4, world: World) -> None:
    first, second = edits.add_custom_field(world, "Last name"), edits.add_custom_field(world, "City")
    assert kit.rows("custom_fields") == [
        {"id": second, "name": f"ck_field_{second}_city", "key": "city", "label": "City"},
        {"id": first, "name": f"ck_field_{first}_last_name", "key": "last_name", "label": "Last name"},
    ]


def test_segments_have_a_name_and_nothing_else(kit: AskV4, world: World) -> None:
    made = edits.add_segment(world, "Cold")
    assert kit.rows("segments") == [{"id": made, "name": "Cold", "created_at": "2026-11-01T12:00:00Z"}]
    edits.rename_segment(world, made, "Warm")
    assert kit.rows("segments")[0]["name"] == "Warm"
    edits.delete_segment(world, made)
    assert kit.rows("segments") == []


def test_templates_are_there_from_the_beginning(kit: AskV4, world: World) -> None:
    made = edits.add_email_template(world, "Letter")
    rows = kit.rows("email_templates")
    assert rows[0] == {"id": made, "name": "Letter", "is_default": False, "category": "HTML"}
    assert [row["name"] for row in rows if row["is_default"]] == ["Text Only"]


def test_snippets_in_use_and_archived_are_listed_apart(kit: AskV4, world: World, clock: Clock) -> None:
    used, archived = edits.add_snippet(world, "My sign", "<p>A</p>"), edits.add_snippet(world, "Old", "b", "block")
    clock.advance(hours=1)
    edits.edit_snippet(world, archived, archived=True)
    (row,) = kit.rows("snippets")
    assert row == {
        "id": used,
        "name": "My sign",
        "snippet_type": "inline",
        "archived": False,
        "key": "my-sign",
        "created_at": "2026-11-01T12:00:00Z",
        "updated_at": "2026-11-01T12:00:00Z",
    }
    (row,) = kit.rows("snippets", archived="true", include_content="true")
    assert (row["id"], row["content"], row["updated_at"]) == (archived, "b", "2026-11-01T13:00:00Z")
    assert kit.json(f"snippets/{archived}") == {"snippet": row}
    edits.delete_snippet(world, used)
    assert refused(kit.get(f"snippets/{used}")) == (404, ["Not Found"])


def test_snippets_can_be_asked_for_by_their_type(kit: AskV4, world: World) -> None:
    inline, block = edits.add_snippet(world, "My sign"), edits.add_snippet(world, "Banner", "", "block")
    assert kit.ids("snippets") == [block, inline]
    assert kit.ids("snippets", snippet_type="inline") == [inline]
    assert kit.ids("snippets", snippet_type="block", archived="0") == [block]
    assert kit.ids("snippets", snippet_type="block", archived="1") == []
    assert kit.get("snippets", snippet_type="line").status_code == 422


def test_webhooks_of_v3_are_those_of_v4(kit: AskV4, world: World) -> None:
    made = edits.add_hook(world, "https://example.com/hook", {"name": "subscriber.tag_add", "tag_id": 7})
    event = {"name": "tag_add", "tag_id": 7}
    row = {"id": made, "account_id": 1_234_567, "event": event, "target_url": "https://example.com/hook"}
    assert kit.rows("webhooks") == [row]


def test_webhook_endpoints_are_listed_and_found(kit: AskV4, world: World) -> None:
    made = edits.add_webhook_endpoint(world, "Shop", "https://example.com/kit", ["subscriber.created"])
    (row,) = kit.rows("webhook_endpoints", status="active")
    assert (row["id"], row["url"], row["events"]) == (made, "https://example.com/kit", ["subscriber.created"])
    assert kit.json(f"webhook_endpoints/{made}") == {"webhook_endpoint": row}
    assert kit.rows("webhook_endpoints", status="disabled") == []
    assert kit.get("webhook_endpoints/1").status_code == 404


def test_a_purchase_has_its_buyer_and_a_source_and_no_shipping(ask: Ask, world: World) -> None:
    kit = AskV4(ask, ask.sandbox.oauth.grant()["access_token"])
    buyer = edits.add_subscriber(world, "Ana@example.com")
    lines: list[Any] = [{"quantity": 1, "lid": "1", "unit_price": 0.05, "sku": None, "name": "Tip", "pid": "2"}]
    first = edits.add_purchase(world, "ana@example.com", products=lines, transaction_id="t-1", shipping=3.0)
    second = edits.add_purchase(world, "nobody@example.com")
    rows = kit.rows("purchases")
    assert [row["id"] for row in rows] == [second, first]
    assert rows[0]["subscriber_id"] is None
    assert rows[1] == {
        "id": first,
        "transaction_id": "t-1",
        "status": "paid",
        "source": "api",
        "email_address": "ana@example.com",
        "subscriber_id": buyer,
        "currency": "USD",
        "transaction_time": "2026-11-01T12:00:00Z",
        "subtotal": 20.0,
        "discount": 0.0,
        "tax": 0.0,
        "total": 20.0,
        "products": lines,
    }
    assert kit.json(f"purchases/{first}") == {"purchase": rows[1]}
    assert refused(kit.get("purchases/1")) == (404, ["Not Found"])
