"""Tags, forms and sequences under v4, who is in them, and the mails of sequences."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit_sandbox import Behaviour, Clock, World, edits
from tests.support.asking import Ask, add_people
from tests.support.asking_v4 import AskV4, refused

JOINED = datetime(2023, 2, 17, 11, 43, 55, tzinfo=UTC)
REFERRER = "https://example.com/promo?utm_source=facebook&utm_medium=cpc&utm_term=car_owners"


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    return AskV4(ask)


# -- lists


def test_tags_come_with_the_count_of_active_people_if_asked(kit: AskV4, world: World) -> None:
    people, tags = add_people(world, 3), [edits.add_tag(world, name, JOINED) for name in ("a", "b")]
    for person in people:
        edits.tag(world, person, tags[0])
    edits.cancel(world, people[0])
    plain = {"id": tags[1], "name": "b", "created_at": "2023-02-17T11:43:55Z"}
    assert kit.rows("tags")[0] == plain
    assert [row["subscriber_count"] for row in kit.rows("tags", include="subscriber_count")] == [0, 2]
    edits.reactivate(world, people[0])
    edits.untag(world, people[1], tags[0])
    edits.untag(world, people[2], tags[0])
    assert [row["subscriber_count"] for row in kit.rows("tags", include="subscriber_count")] == [0, 1]


def test_a_form_has_these_keys(kit: AskV4, world: World) -> None:
    form = edits.add_form(world, "Footer", JOINED)
    (row,) = kit.rows("forms", include="subscriber_count")
    uid = row["uid"]
    assert row == {
        "id": form,
        "name": "Footer",
        "created_at": "2023-02-17T11:43:55Z",
        "type": "embed",
        "format": None,
        "embed_js": f"https://acme.ck.page/{uid}/index.js",
        "embed_url": f"https://acme.ck.page/{uid}",
        "archived": False,
        "uid": uid,
        "subscriber_count": 0,
    }


def test_forms_are_listed_by_status_and_type(kit: AskV4, world: World) -> None:
    forms = {name: edits.add_form(world, name) for name in ("active", "archived", "trashed")}
    hosted = edits.add_form(world, "hosted", type="hosted")
    edits.archive_form(world, forms["archived"])
    edits.trash_form(world, forms["trashed"])
    assert kit.ids("forms") == [hosted, forms["active"]]
    for status in ("archived", "trashed"):
        assert kit.ids("forms", status=status) == [forms[status]]
    assert kit.ids("forms", status="all") == [hosted, forms["trashed"], forms["archived"], forms["active"]]
    assert kit.ids("forms", type="hosted") == [hosted]
    assert refused(kit.get("forms", status="lost"))[0] == 422


def test_a_trashed_form_has_no_people_and_is_not_in_v3(ask: Ask, kit: AskV4, world: World) -> None:
    form = edits.add_form(world, "f")
    edits.trash_form(world, form)
    assert ask.ids("forms") == []
    assert refused(kit.get(f"forms/{form}/subscribers")) == (404, ["Not Found"])


def test_a_sequence_has_settings_and_counts(kit: AskV4, world: World, clock: Clock) -> None:
    sequence, (person,) = edits.add_sequence(world, "Welcome", JOINED), add_people(world, 1)
    edits.join_sequence(world, person, sequence)
    (row,) = kit.rows("sequences")
    known = {"id": sequence, "name": "Welcome", "hold": False, "repeat": False, "active": True, "email_count": 0}
    assert {**row, **known, "subscriber_count": 1} == row
    settings = {"email_address", "email_template_id", "send_days", "send_hour", "time_zone"}
    assert settings | {"exclude_subscriber_sources"} <= set(row)
    assert row["created_at"] == row["updated_at"] == "2023-02-17T11:43:55Z"
    edits.edit_sequence(world, sequence, active=False, send_hour=3)
    (row,) = kit.rows("sequences")
    assert (row["active"], row["send_hour"], row["updated_at"]) == (False, 3, "2026-11-01T12:00:00Z")
    assert kit.json(f"sequences/{sequence}")["sequence"] == row
    assert refused(kit.get("sequences/1")) == (404, ["Not Found"])


# -- who is in them


@pytest.fixture
def lists(world: World) -> dict[str, int]:
    return {
        "tags": edits.add_tag(world, "t"),
        "forms": edits.add_form(world, "f"),
        "sequences": edits.add_sequence(world, "s"),
    }


def join(world: World, plural: str, person: int, parent: int, at: datetime = JOINED) -> int:
    match plural:
        case "tags":
            return edits.tag(world, person, parent, at)
        case "forms":
            return edits.join_form(world, person, parent, at)
    return edits.join_sequence(world, person, parent, at)


def test_a_member_has_the_time_of_joining(kit: AskV4, world: World, lists: dict[str, int]) -> None:
    (person,) = add_people(world, 1)
    for plural, parent in lists.items():
        join(world, plural, person, parent)
    (tagged,) = kit.rows(f"tags/{lists['tags']}/subscribers")
    head = ["id", "first_name", "email_address", "state", "created_at"]
    assert (list(tagged), tagged["tagged_at"]) == ([*head, "tagged_at", "fields"], "2023-02-17T11:43:55Z")
    (added,) = kit.rows(f"sequences/{lists['sequences']}/subscribers")
    assert list(added) == [*head, "added_at", "fields"]
    (slim,) = kit.rows(f"tags/{lists['tags']}/subscribers", slim="true")
    assert list(slim) == [*head, "tagged_at"]


def test_a_form_tells_where_somebody_came_from(kit: AskV4, world: World, lists: dict[str, int]) -> None:
    one, other = add_people(world, 2)
    edits.join_form(world, one, lists["forms"], referrer=REFERRER)
    edits.join_form(world, other, lists["forms"])
    rows = {row["id"]: row for row in kit.rows(f"forms/{lists['forms']}/subscribers")}
    assert rows[one]["referrer"] == REFERRER
    campaign = {"source": "facebook", "medium": "cpc", "campaign": None, "term": "car_owners", "content": None}
    assert rows[one]["referrer_utm_parameters"] == campaign
    assert rows[other]["referrer"] is None
    assert rows[other]["referrer_utm_parameters"] == dict.fromkeys(campaign)


@pytest.mark.parametrize("plural", ["tags", "forms", "sequences"])
def test_members_are_listed_by_state_and_time(kit: AskV4, world: World, lists: dict[str, int], plural: str) -> None:
    path, people = f"{plural}/{lists[plural]}/subscribers", add_people(world, 4)
    for number, person in enumerate(people):
        join(world, plural, person, lists[plural], JOINED + timedelta(days=number))
    edits.cancel(world, people[3])
    verb = "tagged" if plural == "tags" else "added"
    assert kit.ids(path) == people[2::-1]
    assert kit.ids(path, status="cancelled") == [people[3]]
    assert kit.ids(path, status="all") == people[::-1]
    assert kit.ids(path, **{f"{verb}_after": "2023-02-18T00:00:00Z"}) == [people[2], people[1]]
    assert kit.ids(path, **{f"{verb}_before": "2023-02-18"}) == [people[0]]
    assert kit.ids(path, created_after="2026-11-01") == people[2::-1]
    assert kit.ids(path, created_before="2026-11-01") == []
    assert refused(kit.get(f"{plural}/1/subscribers")) == (404, ["Not Found"])


def test_tag_members_come_by_tagging_and_others_by_person(kit: AskV4, world: World, lists: dict[str, int]) -> None:
    first, second = add_people(world, 2)
    for plural, parent in lists.items():
        join(world, plural, second, parent, JOINED)
        join(world, plural, first, parent, JOINED + timedelta(hours=1))
    assert kit.ids(f"tags/{lists['tags']}/subscribers") == [first, second]
    assert kit.ids(f"forms/{lists['forms']}/subscribers") == [second, first]


def test_lists_hide_cancelled_people_as_v3_does(ask: Ask, kit: AskV4, world: World, lists: dict[str, int]) -> None:
    (person,) = add_people(world, 1)
    join(world, "forms", person, lists["forms"])
    edits.cancel(world, person)
    ask.sandbox.behaviour = Behaviour(cancelled_leave=("form",))
    assert kit.ids(f"forms/{lists['forms']}/subscribers", status="all") == []


def test_v3_and_v4_show_the_same_people_in_the_same_lists(ask: Ask, kit: AskV4, world: World) -> None:
    tag, people = edits.add_tag(world, "t"), add_people(world, 3)
    for person in people:
        edits.tag(world, person, tag)
    through_v3 = [row["subscriber"]["id"] for row in ask.json(f"tags/{tag}/subscriptions")["subscriptions"]]
    assert sorted(kit.ids(f"tags/{tag}/subscribers")) == sorted(through_v3) == people


# -- mails of sequences


def test_a_mail_has_content_and_figures_if_asked(kit: AskV4, world: World, lists: dict[str, int]) -> None:
    path = f"sequences/{lists['sequences']}/emails"
    mail = edits.add_sequence_email(
        world, lists["sequences"], "Hello", content="<p>Hi</p>", delay_unit="days", send_days=("monday",)
    )
    (row,) = kit.rows(path)
    assert row == {
        "id": mail,
        "sequence_id": lists["sequences"],
        "subject": "Hello",
        "position": 0,
        "preview_text": None,
        "email_address": None,
        "email_template_id": None,
        "published": True,
        "delay_value": 1,
        "delay_unit": "days",
        "send_days": ["monday"],
    }
    assert kit.rows(path, include_content="true") == [{**row, "content": "<p>Hi</p>"}]
    assert kit.json(f"{path}/{mail}") == {"email": {**row, "content": "<p>Hi</p>"}}
    edits.set_sequence_email_stats(world, mail, recipients=200, opens=50, clicks=5, email_unsubscribes=1)
    edits.set_sequence_email_stats(world, mail, bounces=2, complaints=0)
    (row,) = kit.rows(path, include="stats")
    assert row["stats"] == {
        "recipients": 200,
        "opens": 50,
        "clicks": 5,
        "email_unsubscribes": 1,
        "bounces": 2,
        "complaints": 0,
        "open_rate": 25.0,
        "click_rate": 2.5,
        "click_to_open_rate": 10.0,
        "unsubscribe_rate": 0.5,
        "bounce_rate": 1.0,
        "complaint_rate": 0.0,
    }
    (sequence,) = kit.rows("sequences", include="stats")
    assert sequence["stats"] == {"unsubscribers": 1, **row["stats"]}
    assert kit.json(f"{path}/{mail}", include="stats")["email"]["stats"] == row["stats"]


def test_without_mails_a_sequence_has_no_rates_and_a_mail_unsent_has_zeros(
    kit: AskV4, world: World, lists: dict[str, int]
) -> None:
    (row,) = kit.rows("sequences", include="stats")
    assert (row["stats"]["recipients"], row["stats"]["open_rate"]) == (0, None)
    edits.add_sequence_email(world, lists["sequences"], "draft", published=False)
    (mail,) = kit.rows(f"sequences/{lists['sequences']}/emails", include="stats")
    assert set(mail["stats"].values()) == {0}


def test_edits_of_mails_move_the_sequence(kit: AskV4, world: World, clock: Clock, lists: dict[str, int]) -> None:
    def told() -> tuple[Any, Any]:
        (row,) = kit.rows("sequences")
        return row["email_count"], row["updated_at"]

    mail = edits.add_sequence_email(world, lists["sequences"], "one")
    clock.advance(hours=1)
    edits.edit_sequence_email(world, mail, subject="two")
    assert told() == (1, "2026-11-01T13:00:00Z")
    clock.advance(hours=1)
    edits.set_sequence_email_stats(world, mail, opens=1)
    assert told() == (1, "2026-11-01T13:00:00Z")
    edits.delete_sequence_email(world, mail)
    assert told() == (0, "2026-11-01T14:00:00Z")
    assert refused(kit.get(f"sequences/{lists['sequences']}/emails/{mail}")) == (404, ["Not Found"])
    assert refused(kit.get("sequences/1/emails")) == (404, ["Not Found"])
