"""Broadcasts, their stats, and purchases."""

from datetime import timedelta
from decimal import Decimal

import pytest

from kit_sandbox import Clock, World, edits
from tests.support.asking import Ask


def test_the_list_holds_three_keys_and_no_totals(ask: Ask, world: World) -> None:
    broadcast = edits.add_broadcast(world)
    row = {"id": broadcast, "created_at": "2026-11-01T12:00:00.000Z", "subject": None}
    assert ask.json("broadcasts") == {"broadcasts": [row]}


def test_broadcasts_come_by_fifty_oldest_first(ask: Ask, world: World, clock: Clock) -> None:
    made = []
    for number in range(100):
        made.append(edits.add_broadcast(world, f"Mail {number}"))
        clock.advance(minutes=1)
    assert [len(ask.ids("broadcasts", page=page)) for page in (1, 2, 3)] == [50, 50, 0]
    assert ask.all("broadcasts") == made
    assert ask.all("broadcasts", sort_order="desc") == made[::-1]


def test_a_draft_has_nulls_and_no_status(ask: Ask, world: World) -> None:
    broadcast = edits.add_broadcast(world)
    assert ask.json(f"broadcasts/{broadcast}") == {
        "broadcast": {
            "id": broadcast,
            "created_at": "2026-11-01T12:00:00.000Z",
            "subject": None,
            "description": None,
            "content": None,
            "public": False,
            "published_at": None,
            "send_at": None,
            "thumbnail_alt": None,
            "thumbnail_url": None,
            "email_address": "owner@example.com",
            "email_layout_template": "Text Only",
        }
    }


def test_stats_are_an_object_and_those_of_a_draft_zeros(ask: Ask, world: World) -> None:
    broadcast = edits.add_broadcast(world)
    body = ask.json(f"broadcasts/{broadcast}/stats")
    assert body["broadcast"]["id"] == broadcast
    assert body["broadcast"]["stats"] == {
        "recipients": 0,
        "open_rate": 0,
        "click_rate": 0,
        "unsubscribes": 0,
        "total_clicks": 0,
        "show_total_clicks": False,
        "open_tracking_disabled": False,
        "click_tracking_disabled": False,
        "status": "draft",
        "progress": 0.0,
    }


def test_send_at_makes_a_draft_a_scheduled_mail(ask: Ask, world: World, clock: Clock) -> None:
    broadcast = edits.add_broadcast(world, "Soon")
    edits.edit_broadcast(world, broadcast, send_at=clock() + timedelta(days=1), subject="Tomorrow")
    assert ask.json(f"broadcasts/{broadcast}")["broadcast"]["send_at"] == "2026-11-02T12:00:00.000Z"
    assert ask.json(f"broadcasts/{broadcast}")["broadcast"]["subject"] == "Tomorrow"
    assert ask.json(f"broadcasts/{broadcast}/stats")["broadcast"]["stats"]["status"] == "scheduled"


def test_sending_fills_published_at_although_it_is_not_public(ask: Ask, world: World) -> None:
    edits.add_subscriber(world, "ana@example.com")
    broadcast = edits.add_broadcast(world, "Now", "<p>Hi</p>")
    edits.send_broadcast(world, broadcast)
    detail = ask.json(f"broadcasts/{broadcast}")["broadcast"]
    assert (detail["public"], detail["published_at"]) == (False, "2026-11-01T12:00:00.000Z")
    stats = ask.json(f"broadcasts/{broadcast}/stats")["broadcast"]["stats"]
    assert (stats["status"], stats["recipients"], stats["progress"]) == ("completed", 1, 100.0)


def test_stats_of_sent_mail_grow(ask: Ask, world: World) -> None:
    broadcast = edits.add_broadcast(world, "Now")
    edits.send_broadcast(world, broadcast)
    edits.grow_stats(world, broadcast, opens=12.5, clicks=3, unsubscribes=1)
    edits.set_stats(world, broadcast, click_rate=1.25)
    stats = ask.json(f"broadcasts/{broadcast}/stats")["broadcast"]["stats"]
    numbers = [stats[key] for key in ("open_rate", "click_rate", "total_clicks", "unsubscribes")]
    assert numbers == [12.5, 1.25, 3, 1]


@pytest.mark.parametrize("status", ["sending", "aborted"])
def test_only_the_stats_know_the_status(ask: Ask, world: World, status: str) -> None:
    broadcast = edits.add_broadcast(world, "Now")
    edits.set_broadcast_status(world, broadcast, status)
    assert ask.json(f"broadcasts/{broadcast}/stats")["broadcast"]["stats"]["status"] == status
    assert "status" not in ask.json(f"broadcasts/{broadcast}")["broadcast"]


def test_a_deleted_broadcast_is_404(ask: Ask, world: World) -> None:
    broadcast = edits.add_broadcast(world, "Now")
    edits.delete_broadcast(world, broadcast)
    assert ask.ids("broadcasts") == []
    assert ask.get(f"broadcasts/{broadcast}").status_code == 404
    assert ask.get(f"broadcasts/{broadcast}/stats").status_code == 404


# -- purchases


def test_a_single_purchase_is_bare(ask: Ask, world: World) -> None:
    purchase = edits.add_purchase(world, "ana@example.com", 20.0, "JPY", transaction_id="123")
    line = {
        "unit_price": 20.0,
        "quantity": 1,
        "sku": None,
        "name": "Field Guide",
        "pid": "1",
        "lid": "1",
    }
    shown = {
        "id": purchase,
        "transaction_id": "123",
        "status": "paid",
        "email_address": "ana@example.com",
        "currency": "JPY",
        "transaction_time": "2026-11-01T12:00:00.000Z",
        "subtotal": 20.0,
        "discount": 0.0,
        "tax": 0.0,
        "shipping": 0.0,
        "total": 20.0,
        "products": [line],
    }
    assert ask.json(f"purchases/{purchase}") == shown
    assert ask.json("purchases") == {
        "total_purchases": 1,
        "page": 1,
        "total_pages": 1,
        "purchases": [shown],
    }


def test_an_unknown_purchase_is_404(ask: Ask) -> None:
    assert ask.get("purchases/1").status_code == 404


def test_purchases_come_by_fifty_oldest_first(ask: Ask, world: World) -> None:
    made = [edits.add_purchase(world, "ana@example.com") for _ in range(51)]
    assert ask.all("purchases") == made
    assert ask.json("purchases", page=2)["total_pages"] == 2


def test_money_keeps_every_digit(ask: Ask, world: World) -> None:
    purchase = edits.add_purchase(world, "ana@example.com", Decimal("12345678901234.5678"))
    assert b'"total":12345678901234.5678,' in ask.get(f"purchases/{purchase}").content


def test_a_refund_changes_a_record_that_no_list_moves(ask: Ask, world: World) -> None:
    first = edits.add_purchase(world, "ana@example.com")
    second = edits.add_purchase(world, "ana@example.com")
    edits.set_purchase_status(world, first, "refunded")
    assert ask.ids("purchases") == [first, second]
    assert ask.json(f"purchases/{first}")["status"] == "refunded"
