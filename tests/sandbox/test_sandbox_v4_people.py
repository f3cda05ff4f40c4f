"""People under v4: the list with its filters, includes and sorts, one of them, tags and engagement."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit_sandbox import Behaviour, Clock, World, edits
from tests.support.asking import Ask, add_people
from tests.support.asking_v4 import AskV4, refused, send

JOINED = datetime(2023, 2, 17, 11, 43, 55, 913_000, tzinfo=UTC)
CAME = {
    "referrer": "https://example.com/",
    "utm_source": "a",
    "utm_medium": None,
    "utm_campaign": None,
    "utm_term": None,
    "utm_content": None,
    "source_type": "manual",
    "source_name": None,
    "source_mechanism": "import",
    "source_mechanism_id": None,
}
LIVES = {"city": "Umeå", "state": None, "country": "Sweden", "latitude": 63.8, "longitude": 20.2, "timezone": None}


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    return AskV4(ask)


@pytest.fixture
def ana(world: World) -> int:
    edits.add_custom_field(world, "Last name")
    return edits.add_subscriber(world, "ana@example.com", "Ana", fields={"last_name": "Abara"}, created_at=JOINED)


def test_a_person_has_these_keys_and_whole_seconds(kit: AskV4, ana: int) -> None:
    assert kit.rows("subscribers") == [
        {
            "id": ana,
            "first_name": "Ana",
            "email_address": "ana@example.com",
            "state": "active",
            "created_at": "2023-02-17T11:43:55Z",
            "fields": {"last_name": "Abara"},
        }
    ]


def test_slim_leaves_the_fields_out(kit: AskV4, ana: int) -> None:
    assert "fields" not in kit.rows("subscribers", slim="true")[0]


def test_one_person_is_found_in_every_state_with_the_location(kit: AskV4, world: World, ana: int) -> None:
    edits.cancel(world, ana)
    edits.set_location(world, ana, LIVES)
    person = kit.json(f"subscribers/{ana}")["subscriber"]
    assert (person["state"], person["location"]) == ("cancelled", LIVES)
    assert refused(kit.get("subscribers/1")) == (404, ["Not Found"])


@pytest.mark.parametrize("status", ["active", "inactive", "bounced", "complained", "cancelled"])
def test_each_state_can_be_listed(kit: AskV4, world: World, status: Any) -> None:
    people = {state: edits.add_subscriber(world, f"{state}@example.com", state=state) for state in {"active", status}}
    assert kit.ids("subscribers", status=status) == [people[status]]
    assert kit.ids("subscribers") == [people["active"]]
    assert set(kit.ids("subscribers", status="all")) == set(people.values())


def test_a_state_that_does_not_exist_is_422(kit: AskV4) -> None:
    assert refused(kit.get("subscribers", status="gone"))[0] == 422
    assert refused(kit.get("subscribers", sort_field="age"))[0] == 422
    assert refused(kit.get("subscribers", include="shoes"))[0] == 422
    assert refused(kit.get("subscribers", created_after="yesterday"))[0] == 422


def test_everything_can_be_included(kit: AskV4, world: World, ana: int) -> None:
    tags = [edits.add_tag(world, name) for name in ("a", "b")]
    for tag in tags:
        edits.tag(world, ana, tag)
    edits.set_attribution(world, ana, CAME)
    edits.set_location(world, ana, None)
    (person,) = kit.rows("subscribers", include="attribution,tags,location")
    assert (person["attribution"], person["location"]) == (CAME, None)
    assert person["tags"] == [{"id": tags[1], "name": "b"}, {"id": tags[0], "name": "a"}]
    assert list(kit.rows("subscribers", include="tags")[0])[-1] == "tags"


def test_attribution_and_location_are_there_without_an_edit_and_stay(kit: AskV4, world: World) -> None:
    add_people(world, 40)
    first, second = (kit.rows("subscribers", include="attribution,location") for _ in range(2))
    assert first == second
    came = [row["attribution"] for row in first]
    assert None in came
    assert all(set(each) == set(CAME) for each in came if each is not None)
    lives = [row["location"] for row in first]
    assert None in lives
    assert dict.fromkeys(LIVES) in lives
    assert all(set(each) == set(LIVES) for each in lives if each is not None)


def test_canceled_at_is_for_the_cancelled_alone(kit: AskV4, world: World, clock: Clock, ana: int) -> None:
    clock.advance(hours=1)
    edits.cancel(world, ana)
    (row,) = kit.rows("subscribers", status="cancelled", include="canceled_at")
    assert row["canceled_at"] == "2026-11-01T13:00:00Z"
    assert refused(kit.get("subscribers", include="canceled_at"))[0] == 422
    assert refused(kit.get("subscribers", include="canceled_at", status="all"))[0] == 422
    edits.reactivate(world, ana)
    assert kit.rows("subscribers", status="cancelled", include="canceled_at") == []


def test_cancelled_people_can_be_sorted_by_the_time_of_it(kit: AskV4, world: World, clock: Clock) -> None:
    people = add_people(world, 3)
    for person in (people[1], people[0], people[2]):
        clock.advance(seconds=1)
        edits.cancel(world, person)
    asked = {"status": "cancelled", "sort_field": "canceled_at"}
    assert kit.ids("subscribers", **asked) == [people[2], people[0], people[1]]
    assert kit.ids("subscribers", **asked, sort_order="asc") == [people[1], people[0], people[2]]
    text = "The status param must be `cancelled` if sort_field is `cancelled_at`"
    assert refused(kit.get("subscribers", sort_field="cancelled_at")) == (422, [text])


def test_several_addresses_can_be_asked_for_at_once(kit: AskV4, world: World, ana: int) -> None:
    bo = edits.add_subscriber(world, "bo@example.com")
    edits.add_subscriber(world, "cy@example.com")
    assert kit.ids("subscribers", email_address="BO@example.com,ana@example.com,nobody@example.com") == [bo, ana]
    edits.cancel(world, bo)
    assert kit.ids("subscribers", email_address="bo@example.com") == []
    assert kit.ids("subscribers", email_address="bo@example.com", status="all") == [bo]


@pytest.mark.parametrize("asked", ["not-an-email-address", "ana@example.com,ana"])
def test_what_is_no_address_is_422(kit: AskV4, ana: int, asked: str) -> None:
    assert refused(kit.get("subscribers", email_address=asked)) == (422, ["Email address is invalid"])


@pytest.mark.parametrize(
    ("params", "places"),
    [
        ({"created_after": "2026-11-02"}, [1, 2]),
        ({"created_after": "2026-11-02T12:00:00Z"}, [2]),
        ({"created_before": "2026-11-02T12:00:00Z"}, [0]),
        ({"created_before": "2026-11-03"}, [0, 1]),
        ({"updated_after": "2026-11-03T12:00:01Z"}, [0]),
        ({"updated_before": "2026-11-03"}, [1]),
    ],
)
def test_people_can_be_asked_for_by_their_times(
    kit: AskV4, world: World, clock: Clock, params: dict[str, str], places: list[int]
) -> None:
    people = []
    for number in range(3):
        people.append(edits.add_subscriber(world, f"{number}@example.com"))
        clock.advance(days=1)
    edits.set_first_name(world, people[0], "Bo")
    assert kit.ids("subscribers", **params) == [people[place] for place in places][::-1]


def test_tags_of_a_person_come_by_tagging(kit: AskV4, world: World, ana: int) -> None:
    late, early = edits.add_tag(world, "late"), edits.add_tag(world, "early")
    edits.tag(world, ana, early, JOINED)
    edits.tag(world, ana, late, JOINED + timedelta(days=1))
    assert kit.rows(f"subscribers/{ana}/tags") == [
        {"id": late, "name": "late", "tagged_at": "2023-02-18T11:43:55Z"},
        {"id": early, "name": "early", "tagged_at": "2023-02-17T11:43:55Z"},
    ]
    assert refused(kit.get("subscribers/1/tags")) == (404, ["Not Found"])


def test_a_deleted_person_is_nowhere(kit: AskV4, world: World, ana: int) -> None:
    tag, form = edits.add_tag(world, "t"), edits.add_form(world, "f")
    edits.tag(world, ana, tag)
    edits.join_form(world, ana, form)
    edits.delete_subscriber(world, ana)
    assert kit.get(f"subscribers/{ana}").status_code == 404
    for path in ("subscribers", f"tags/{tag}/subscribers", f"forms/{form}/subscribers"):
        assert kit.ids(path, status="all") == []
    assert kit.filter()["subscribers"] == []


# -- engagement


def stats(kit: AskV4, person: int, **params: str) -> Any:
    return kit.json(f"subscribers/{person}/stats", **params)["subscriber"]["stats"]


def test_a_person_has_figures_of_the_mails_that_were_sent(kit: AskV4, world: World, ana: int, clock: Clock) -> None:
    assert stats(kit, ana) == {
        "sent": 0,
        "opened": 0,
        "clicked": 0,
        "bounced": 0,
        "open_rate": 0.0,
        "click_rate": 0.0,
        "last_sent": None,
        "last_opened": None,
        "last_clicked": None,
        "sends_since_last_open": 0,
        "sends_since_last_click": 0,
    }
    first = send(world)
    edits.click_broadcast(world, ana, first)
    clock.advance(seconds=1)
    send(world)
    found = stats(kit, ana)
    assert (found["sent"], found["clicked"], found["click_rate"], found["sends_since_last_click"]) == (2, 1, 0.5, 1)
    assert (found["last_sent"], found["last_clicked"]) == ("2026-11-01T12:00:01Z", "2026-11-01T12:00:00Z")


def test_whoever_cancelled_before_a_mail_did_not_get_it(kit: AskV4, world: World, ana: int) -> None:
    edits.cancel(world, ana)
    send(world)
    assert stats(kit, ana)["sent"] == 0


def test_the_mails_of_sequences_count_as_they_come(kit: AskV4, world: World, ana: int, clock: Clock) -> None:
    sequence = edits.add_sequence(world, "s")
    edits.add_sequence_email(world, sequence, "one", delay_value=1, delay_unit="hours")
    edits.add_sequence_email(world, sequence, "two", delay_value=1, delay_unit="days")
    edits.add_sequence_email(world, sequence, "not yet", published=False)
    edits.join_sequence(world, ana, sequence)
    counts = []
    for _ in range(3):
        counts.append(stats(kit, ana)["sent"])
        clock.advance(hours=13)
    assert counts == [0, 1, 2]


def test_figures_can_be_asked_for_by_day(kit: AskV4, world: World, ana: int, clock: Clock) -> None:
    for _ in range(3):
        send(world)
        clock.advance(days=1)
    assert stats(kit, ana, email_sent_after="2026-11-02")["sent"] == 2
    assert stats(kit, ana, email_sent_before="2026-11-02")["sent"] == 1
    clock.advance(days=100)
    assert stats(kit, ana)["sent"] == 3
    world.behaviour = Behaviour(v4_person_stats_days=90)
    assert stats(kit, ana)["sent"] == 0


def test_people_can_be_sorted_by_engagement(kit: AskV4, world: World) -> None:
    people = add_people(world, 4)
    for person in (people[1], people[1], people[3]):
        mail = edits.add_broadcast(world, "n", created_at=None)
        edits.send_broadcast(world, mail)
        edits.open_broadcast(world, person, mail)
    world.subscribers.update({each: world.subscribers[each]._replace(created_ms=0) for each in people})
    walked = [row["id"] for row in kit.walk("subscribers", sort_field="engagement__opens", per_page=1)]
    assert (walked[:2], set(walked)) == ([people[1], people[3]], set(people))
    assert refused(kit.get("subscribers", sort_field="engagement__sent", email_address="a@b.example"))[0] == 422
