"""Generated accounts: the same for a seed, of the requested size, with every edge case."""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from kit_sandbox import Expected, World, expected_mirror, generate
from kit_sandbox.records import KINDS
from kit_sandbox.seed.edge_cases import DRAFTS, PEOPLE, PURCHASES, SENT
from kit_sandbox.seed.sizes import sizes_for, spread
from tests.support.asking import Ask, Serving

END = datetime(2026, 11, 1, tzinfo=UTC)


def memberships(world: World, kind: str) -> int:
    return sum(len(roster.members) for (each, _), roster in world.rosters.items() if each == kind)


@pytest.fixture(scope="module")
def r50() -> World:
    return generate(50_000, 7, ends_at=END)


@pytest.fixture(scope="module")
def truth() -> Expected:
    """The expected content of a small account, large enough to show every edge case."""
    return expected_mirror(generate(200, 7, ends_at=END))


@pytest.fixture(scope="module")
def people(truth: Expected) -> list[Any]:
    return list(truth.subscribers.values())


def test_the_same_seed_makes_the_same_account() -> None:
    assert expected_mirror(generate(300, 5, ends_at=END)) == expected_mirror(generate(300, 5, ends_at=END))


def test_another_seed_makes_another_account() -> None:
    assert expected_mirror(generate(300, 5, ends_at=END)) != expected_mirror(generate(300, 6, ends_at=END))


def test_the_reference_account_has_exactly_its_numbers(r50: World) -> None:
    assert len(r50.subscribers) == 50_000
    assert [len(r50.parents[kind]) for kind in ("tag", "form", "sequence")] == [60, 30, 15]
    assert [memberships(r50, kind) for kind in ("tag", "form", "sequence")] == [300_000, 50_000, 60_000]
    assert (len(r50.broadcasts), len(r50.purchases)) == (400, 5_000)


def test_a_tenth_of_the_reference_account_has_cancelled(r50: World) -> None:
    states = Counter(person.state for person in r50.subscribers.values())
    assert states["cancelled"] == 5_000
    assert set(states) == {"active", "inactive", "cancelled", "bounced", "complained"}
    assert states["active"] > 40_000


def test_a_few_tags_are_large_and_some_lie_at_the_borders_of_pages(r50: World) -> None:
    sizes = sorted((len(roster.members) for (kind, _), roster in r50.rosters.items() if kind == "tag"), reverse=True)
    assert sizes[0] > 10 * sizes[20]
    assert {0, 1, 50, 51, 100} <= set(sizes)


def test_the_list_grows_for_eight_years_and_ever_faster(r50: World) -> None:
    years = Counter(datetime.fromtimestamp(p.created_ms / 1000, UTC).year for p in r50.subscribers.values())
    assert min(years) == 2018
    assert max(years) == 2026
    assert years[2025] > 2 * years[2020]


def test_nobody_joined_before_they_and_the_list_were_there(r50: World) -> None:
    for (kind, parent_id), roster in r50.rosters.items():
        opened_ms = r50.parents[kind][parent_id].created_ms
        for row in roster.members.values():
            assert row.created_ms >= max(opened_ms, r50.subscribers[row.subscriber_id].created_ms)


@pytest.mark.parametrize("count", [0, 1, 10, 60, 1_000])
def test_accounts_of_any_size_can_be_made(count: int) -> None:
    world = generate(count, 1, ends_at=END)
    assert len(world.subscribers) == count
    assert memberships(world, "tag") == 6 * count
    expected_mirror(world)


def test_single_numbers_can_be_given() -> None:
    world = generate(100, 1, ends_at=END, tags=3, tag_memberships=150, broadcasts=0, custom_fields=140)
    assert (len(world.parents["tag"]), memberships(world, "tag")) == (3, 150)
    assert (len(world.broadcasts), len(world.custom_fields)) == (0, 140)
    with pytest.raises(TypeError):
        generate(100, 1, elephants=1)


@pytest.mark.parametrize(("drafts", "unsent"), [(0, 4), (3, 7), (20, 24)])
def test_drafts_are_as_many_as_asked_for_beside_the_newest_mails(drafts: int, unsent: int) -> None:
    world = generate(20, 1, ends_at=END, broadcasts=400, drafts=drafts)
    statuses = Counter(row.status for row in world.broadcasts.values())
    assert statuses["draft"] + statuses["scheduled"] == unsent
    assert len(world.broadcasts) == 400


def test_five_thousand_people_have_about_thirty_thousand_memberships() -> None:
    sizes = sizes_for(5_000)
    assert (sizes.tag_memberships, sizes.purchases) == (30_000, 500)
    assert sizes.tags < 60
    assert sizes.broadcasts < 400


@pytest.mark.parametrize(("total", "parts", "cap"), [(0, 3, 10), (30, 3, 10), (6_000, 60, 100), (1, 1, 1)])
def test_a_total_is_spread_exactly(total: int, parts: int, cap: int) -> None:
    sizes = spread(total, parts, cap)
    assert (sum(sizes), len(sizes)) == (total, parts)
    assert max(sizes) <= cap


def test_more_memberships_than_people_can_have_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        spread(31, 3, 10)


@pytest.mark.heavy
def test_a_hundred_thousand_people_are_served(serving: Serving) -> None:
    world = generate(100_000, 7, tag_memberships=100_000, form_memberships=0, sequence_memberships=0)
    ask = serving(world)
    first = ask.json("subscribers")
    last = ask.json("subscribers", page=first["total_pages"])
    assert first["total_subscribers"] == sum(p.state == "active" for p in world.subscribers.values())
    assert last["subscribers"][-1]["created_at"] > first["subscribers"][0]["created_at"]


@pytest.mark.heavy
def test_a_list_of_two_thousand_pages_can_be_made() -> None:
    """100,000 active people (of 121,211, for the other states), and one tag with 100,000 of them all."""
    world = generate(
        121_211,
        7,
        ends_at=END,
        tags=1,
        tag_memberships=100_000,
        form_memberships=0,
        sequence_memberships=0,
        broadcasts=0,
    )
    assert sum(person.state == "active" for person in world.subscribers.values()) == 100_000
    assert memberships(world, "tag") == 100_000


def test_the_api_shows_exactly_the_truth(serving: Serving) -> None:
    world = generate(200, 3)
    ask, truth = serving(world), expected_mirror(world)
    listed = ask.all("subscribers") + ask.all("subscribers", sort_field="cancelled_at")
    assert sorted(listed) == sorted(
        person for person, row in truth.subscribers.items() if row["state"] in ("active", "cancelled")
    )
    paths = {"form": "forms", "sequence": "sequences", "tag": "tags"}
    found = {
        (kind, parent, row)
        for kind in KINDS
        for parent in world.parents[kind]
        for row in ask.all(f"{paths[kind]}/{parent}/subscriptions")
    }
    assert found == set(truth.subscriptions) == set(truth.memberships)
    assert set(ask.all("broadcasts")) == set(truth.broadcasts)
    assert set(ask.all("purchases")) == set(truth.purchases)


def test_every_record_of_the_api_is_the_record_of_the_truth(serving: Serving) -> None:
    world = generate(60, 3)
    ask, truth = serving(world), expected_mirror(world)
    for person, row in truth.subscribers.items():
        assert plain(ask.json(f"subscribers/{person}")["subscriber"]) == plain(row)
    for broadcast, row in truth.broadcasts.items():
        assert ask.json(f"broadcasts/{broadcast}")["broadcast"] == row
        assert ask.json(f"broadcasts/{broadcast}/stats")["broadcast"] == truth.broadcast_stats[broadcast]
    for purchase, row in truth.purchases.items():
        assert plain(ask.json(f"purchases/{purchase}")) == plain(row)


def plain(value: Any) -> Any:
    """Return a payload as any JSON client sees it."""
    return json.loads(json.dumps(value, default=float))


# -- edge cases


def test_small_accounts_have_room_for_every_edge_case() -> None:
    world = generate(200, 1)
    statuses = Counter(row.status for row in world.broadcasts.values())
    assert statuses["completed"] >= len(SENT)
    assert statuses["draft"] >= len(DRAFTS)
    assert len(world.purchases) > len(PURCHASES) + 2
    assert len(world.subscribers) > 2 * len(PEOPLE)
    assert set(statuses) == {"draft", "scheduled", "sending", "completed", "aborted"}


def test_edge_cases_can_be_left_out() -> None:
    truth = expected_mirror(generate(200, 1, with_edge_cases=False))
    assert all(row["email_address"] == row["email_address"].lower() for row in truth.subscribers.values())
    assert all("stats" in row for row in truth.broadcast_stats.values())
    assert {row["status"] for row in truth.purchases.values()} == {"paid"}


def test_timestamps_with_and_without_fractions_are_mixed(people: list[Any]) -> None:
    texts = [row["created_at"] for row in people]
    assert any(re.fullmatch(r"20(19|20).*:\d\dZ", text) for text in texts)
    assert any(re.fullmatch(r"202[3-6].*\.000Z", text) for text in texts)
    assert any(re.fullmatch(r".*\.[1-9]\d\dZ", text) for text in texts)


def test_impossible_timestamps_stand_in_people_tags_members_broadcasts_and_purchases(truth: Expected) -> None:
    assert any("T11:11:566Z" in row["created_at"] for row in truth.subscribers.values())
    assert any("T11:11:566Z" in row["created_at"] for row in truth.tags.values())
    assert any("T11:11:566Z" in row["created_at"] for row in truth.memberships.values())
    assert any("T11:11:566Z" in row["transaction_time"] for row in truth.purchases.values())
    assert any(row["created_at"].startswith("2014-02-29") for row in truth.subscribers.values())
    assert any(row["created_at"].startswith("2014-02-29") for row in truth.broadcasts.values())
    assert any(row["transaction_time"] == "2018-03-20 12:38" for row in truth.purchases.values())


def test_referrers_and_sources_are_null_empty_or_text(truth: Expected) -> None:
    referrers = {row["referrer"] for row in truth.memberships.values()}
    assert {None, "", "https://www.example.com/"} <= referrers
    assert {row["source"] for row in truth.memberships.values()} == {
        None,
        "API::V3::SubscriptionsController (external)",
    }


def test_first_names_are_null_empty_padded_foreign_and_hostile(people: list[Any]) -> None:
    names = {row["first_name"] for row in people}
    wanted = {None, "", "  Ana ", "Nu\x00l", "null", "None", "Tom &amp; Ana", "<b>Bo</b>", "Zoë 🚀"}
    assert wanted <= names
    assert any(re.search("[\u0600-\u06ff]", name or "") for name in names)


def test_field_values_are_null_empty_text_that_says_null_and_no_text(people: list[Any]) -> None:
    values = [value for row in people for value in row["fields"].values()]
    for wanted in (None, "", "None", "null", "Unknown", True, 3, ["writing"], {"first": "music"}):
        assert wanted in values
    assert max(len(str(value)) for value in values) >= 65_536


def test_field_keys_have_hyphens_capitals_and_the_names_of_columns(truth: Expected, people: list[Any]) -> None:
    keys = {row["key"] for row in truth.custom_fields.values()}
    assert {"lead_opt-in", "Zip_Code", "state", "email_address"} <= keys
    assert all(keys <= set(row["fields"]) for row in people)
    assert any(set(row["fields"]) - keys for row in people)


def test_some_people_have_keys_nobody_knows(people: list[Any]) -> None:
    known = {"id", "first_name", "email_address", "state", "created_at", "fields"}
    assert {key for row in people for key in set(row) - known} == {"available", "location"}


def test_addresses_have_capitals_plus_signs_and_apostrophes(people: list[Any]) -> None:
    addresses = " ".join(row["email_address"] for row in people)
    assert re.search(r"\.UPPER\.\d+@Example\.COM", addresses)
    assert "+news" in addresses
    assert "o'brien" in addresses


def test_ids_lie_on_both_sides_of_32_bits(people: list[Any], truth: Expected) -> None:
    assert min(row["id"] for row in people) < 2**31 < max(row["id"] for row in people)
    assert min(row["id"] for row in truth.memberships.values()) > 2**32


def test_an_import_gave_many_people_one_created_at(people: list[Any]) -> None:
    assert Counter(row["created_at"] for row in people).most_common(1)[0][1] > 50


def test_old_forms_have_their_old_shape_and_carry_the_public_key(truth: Expected) -> None:
    old = [row for row in truth.forms.values() if "description" in row]
    assert len(old) == 2
    for row in old:
        assert "uid" not in row
        assert "format" not in row
        assert "?api_key=sandbox-key" in row["embed_js"]
        assert row["description"].startswith("<p>")


def test_forms_have_every_type_and_format_and_one_is_archived(truth: Expected) -> None:
    rows = list(truth.forms.values())
    formats = {row["format"] for row in rows if "format" in row}
    assert formats == {None, "modal", "inline", "slide in", "sticky bar"}
    assert {row["type"] for row in rows} == {"embed", "hosted"}
    assert sum(row.get("archived", False) for row in rows) == 1


def test_sequences_and_tags_have_keys_nobody_documented(truth: Expected) -> None:
    assert {"available", "active"} <= {key for row in truth.sequences.values() for key in row}
    assert {"account_id", "deleted_at"} <= {key for row in truth.tags.values() for key in row}


def test_tag_names_are_padded_and_differ_in_case_alone(truth: Expected) -> None:
    names = {row["name"] for row in truth.tags.values()}
    assert {" padded tag ", "VIP", "vip", "🔥 Hot leads"} <= names


def test_drafts_have_null_subjects_and_null_contents(truth: Expected) -> None:
    rows = list(truth.broadcasts.values())
    assert any(row["subject"] is None and row["content"] is None for row in rows)
    assert any(row["subject"] and row["content"] is None for row in rows)
    assert any("{{ unsubscribe_url }}" in (row["content"] or "") for row in rows)
    assert max(len(row["content"] or "") for row in rows) > 100_000


def test_stats_are_missing_once_and_integers_once(truth: Expected) -> None:
    stats = [row.get("stats") for row in truth.broadcast_stats.values()]
    assert stats.count(None) == 1
    assert any(row and row["open_rate"] == 61 and isinstance(row["progress"], int) for row in stats)
    assert any(row and "open_tracking_disabled" not in row for row in stats)
    assert any(row and "emails_opened" in row for row in stats)


def test_money_is_text_integer_null_negative_missing_and_exact(truth: Expected) -> None:
    rows = list(truth.purchases.values())
    totals = [row["total"] for row in rows]
    assert {"21.0", 21, -29.0} <= {total for total in totals if not isinstance(total, list)}
    assert {"12345678901234.5678", "19.9999"} <= {str(total) for total in totals}
    assert any(row["tax"] is None for row in rows)
    assert any("shipping" not in row for row in rows)


def test_currencies_statuses_and_transaction_ids_are_what_they_like(truth: Expected) -> None:
    rows = list(truth.purchases.values())
    assert {"USD", "EUR", "JPY", "XTS", "usd"} <= {row["currency"] for row in rows}
    assert {row["status"] for row in rows} == {"paid", "refunded", "complete"}
    assert Counter(row["transaction_id"] for row in rows)["99999"] == 2


def test_products_have_pids_of_both_types_no_sku_or_are_none(truth: Expected) -> None:
    rows = list(truth.purchases.values())
    lines = [line for row in rows for line in row["products"]]
    assert {type(line["pid"]) for line in lines} == {str, int}
    assert any(line["sku"] is None for line in lines)
    assert any(row["products"] == [] for row in rows)


def test_some_orders_belong_to_nobody_or_to_another_spelling(truth: Expected, people: list[Any]) -> None:
    addresses = {row["email_address"] for row in people}
    lowered = {address.lower() for address in addresses}
    orders = {row["email_address"] for row in truth.purchases.values()}
    assert any(order.lower() not in lowered for order in orders)
    assert any(order not in addresses and order.lower() in lowered for order in orders)


def test_the_nul_is_escaped_on_the_wire(serving: Serving) -> None:
    ask: Ask = serving(generate(200, 7, ends_at=END))
    pages = b"".join(
        ask.get("subscribers", page=page, **order).content
        for page in range(1, 6)
        for order in ({}, {"sort_field": "cancelled_at"})
    )
    assert rb'"Nu\u0000l"' in pages
    assert b"\x00" not in pages
