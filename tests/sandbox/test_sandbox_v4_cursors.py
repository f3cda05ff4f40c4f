"""Pages of v4: opaque cursors, walks while the account changes, and sorts that lose rows."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit_sandbox import Behaviour, World, edits
from kit_sandbox.v4.cursors import Cut, by_id, listing, page
from tests.support.asking import Ask, add_people
from tests.support.asking_v4 import AskV4, refused

JOINED = datetime(2023, 2, 17, 11, 43, 55, tzinfo=UTC)


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    return AskV4(ask)


def read(cursor: str) -> Any:
    """What stands in a cursor."""
    return base64.b64decode(cursor).decode()


def test_a_page_tells_its_place_in_the_list(kit: AskV4, world: World) -> None:
    people = add_people(world, 5)[::-1]
    first = kit.json("subscribers", per_page=2)
    assert [row["id"] for row in first["subscribers"]] == people[:2]
    assert first["pagination"] == {
        "has_previous_page": False,
        "has_next_page": True,
        "start_cursor": base64.b64encode(f"[{people[0]}]".encode()).decode(),
        "end_cursor": base64.b64encode(f"[{people[1]}]".encode()).decode(),
        "per_page": 2,
    }
    last = kit.json("subscribers", per_page=2, after=base64.b64encode(f"[{people[3]}]".encode()).decode())
    assert [row["id"] for row in last["subscribers"]] == people[4:]
    assert (last["pagination"]["has_previous_page"], last["pagination"]["has_next_page"]) == (True, False)
    assert last["pagination"]["end_cursor"]


def test_before_goes_backwards(kit: AskV4, world: World) -> None:
    people = add_people(world, 5)[::-1]
    last = kit.json("subscribers", after=cursor(people[3]))["pagination"]
    body = kit.json("subscribers", per_page=2, before=last["start_cursor"])
    assert [row["id"] for row in body["subscribers"]] == people[2:4]
    assert (body["pagination"]["has_previous_page"], body["pagination"]["has_next_page"]) == (True, True)


def cursor(*key: Any) -> str:
    return base64.b64encode(json.dumps(list(key), separators=(",", ":")).encode()).decode()


def test_an_empty_list_has_null_cursors(kit: AskV4) -> None:
    place = kit.json("subscribers")["pagination"]
    assert (place["start_cursor"], place["end_cursor"], place["has_next_page"]) == (None, None, False)


def test_the_total_is_told_where_it_is_asked_for(kit: AskV4, world: World) -> None:
    people = add_people(world, 3)
    edits.cancel(world, people[0])
    asked = {"include_total_count": "true", "per_page": 1}
    assert kit.json("subscribers", **asked)["pagination"]["total_count"] == 2
    assert kit.json("subscribers", status="all", **asked)["pagination"]["total_count"] == 3
    assert "total_count" not in kit.json("subscribers")["pagination"]


@pytest.mark.parametrize(("asked", "given"), [(None, 500), (1000, 1000), (1001, 1000), (0, 500), ("many", 500), (7, 7)])
def test_a_page_has_500_rows_or_at_most_1000(kit: AskV4, asked: Any, given: int) -> None:
    params = {} if asked is None else {"per_page": asked}
    assert kit.json("subscribers", **params)["pagination"]["per_page"] == given


@pytest.mark.parametrize("text", ["17", "not base64!", "", base64.b64encode(b"17").decode(), cursor("a"), cursor(1, 2)])
def test_a_cursor_that_nobody_gave_out_is_refused(kit: AskV4, world: World, text: str) -> None:
    if text:
        assert refused(kit.get("subscribers", after=text)) == (422, ["Cursor is invalid"])
        assert refused(kit.get("subscribers", before=text)) == (422, ["Cursor is invalid"])
    else:
        assert kit.get("subscribers", after=text).status_code == 200


def test_each_list_has_the_cursor_of_its_order(kit: AskV4, world: World) -> None:
    person, sequence = edits.add_subscriber(world, "ana@example.com"), edits.add_sequence(world, "s")
    tag, form = edits.add_tag(world, "t"), edits.add_form(world, "f")
    tagging = edits.tag(world, person, tag, JOINED)
    edits.join_form(world, person, form)
    edits.join_sequence(world, person, sequence)
    mail = edits.add_sequence_email(world, sequence, "one")
    shown = {
        "tags": f"{tag}",
        "forms": f"[{form}]",
        f"tags/{tag}/subscribers": f'["2023-02-17T11:43:55.000Z",{tagging}]',
        f"forms/{form}/subscribers": f"[{person}]",
        f"sequences/{sequence}/subscribers": f"[{person}]",
        f"subscribers/{person}/tags": f"[{tagging}]",
        f"sequences/{sequence}/emails": f"[0,{mail}]",
    }
    found = {path: read(kit.json(path)["pagination"]["end_cursor"]) for path in shown}
    assert found == shown
    assert (
        read(kit.json("subscribers", sort_field="created_at")["pagination"]["end_cursor"]) == "2026-11-01 12:00:00 UTC"
    )


def test_a_walk_while_people_come_and_go_loses_nobody_who_stayed(kit: AskV4, world: World) -> None:
    people = add_people(world, 40)
    coming = iter(range(1_000))
    leaving = iter(people[-20:])

    def between() -> None:
        edits.add_subscriber(world, f"new{next(coming)}@example.com")
        edits.cancel(world, next(leaving))

    walked = [row["id"] for row in kit.walk("subscribers", between, per_page=3)]
    assert len(walked) == len(set(walked))
    assert set(people[:20]) <= set(walked)


def test_a_walk_through_a_tag_loses_nobody_who_stayed(kit: AskV4, world: World) -> None:
    tag, people = edits.add_tag(world, "t"), add_people(world, 30)
    for number, person in enumerate(people[:20]):
        edits.tag(world, person, tag, JOINED + timedelta(milliseconds=number // 7))
    coming = iter(people[20:])
    walked = [
        row["id"]
        for row in kit.walk(f"tags/{tag}/subscribers", lambda: edits.tag(world, next(coming), tag), per_page=3)
    ]
    assert walked == people[:20][::-1]


def test_a_sort_by_time_loses_rows_of_one_second_at_the_end_of_a_page(kit: AskV4, world: World) -> None:
    for number in range(5):
        moment = JOINED + timedelta(milliseconds=100 * number)
        edits.add_subscriber(world, f"import{number}@example.com", created_at=moment)
    last = edits.add_subscriber(world, "old@example.com", created_at=JOINED - timedelta(days=1))
    walked = [row["id"] for row in kit.walk("subscribers", sort_field="created_at", per_page=2)]
    assert (len(walked), walked[-1]) == (3, last)
    assert len(kit.walk("subscribers", per_page=2)) == 6


def test_a_list_can_go_up(kit: AskV4, world: World) -> None:
    people = add_people(world, 5)
    assert [row["id"] for row in kit.walk("subscribers", sort_order="asc", per_page=2)] == people


def test_mails_of_a_sequence_go_by_position(kit: AskV4, world: World) -> None:
    sequence = edits.add_sequence(world, "s")
    mails = [edits.add_sequence_email(world, sequence, f"{place}", position=place) for place in (2, 0, 1)]
    walked = [row["id"] for row in kit.walk(f"sequences/{sequence}/emails", per_page=1)]
    assert walked == [mails[1], mails[2], mails[0]]


def test_the_greatest_page_can_be_smaller(ask: Ask, kit: AskV4) -> None:
    ask.sandbox.behaviour = Behaviour(v4_page_limit=100)
    assert kit.json("subscribers", per_page=1000)["pagination"]["per_page"] == 100


@given(st.sets(st.integers(1, 10**12), max_size=30), st.integers(1, 7), st.booleans())
def test_a_walk_forward_and_one_backward_give_every_row_once(ids: set[int], per_page: int, is_ascending: bool) -> None:
    shown = listing(ids, by_id(int, is_ascending=is_ascending))
    assert shown.rows == sorted(ids, reverse=not is_ascending)
    forward, found = [], page(shown, Cut(per_page))
    while found.rows:
        forward += found.rows
        assert found.has_next == (len(forward) < len(ids))
        last, found = found, page(shown, Cut(per_page, after=found.end_cursor))
    assert forward == shown.rows
    backward = last.rows if ids else []
    while ids and last.has_previous:
        last = page(shown, Cut(per_page, before=last.start_cursor))
        backward = last.rows + backward
    assert backward == shown.rows
