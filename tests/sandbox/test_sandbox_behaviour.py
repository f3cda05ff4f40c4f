"""The switches for unknown details of the API: every answer is available."""

from datetime import timedelta
from typing import Any

import pytest

from kit_sandbox import Behaviour, Clock, World, edits, expected_mirror, switched
from tests.support.asking import Ask, Serving, add_people, members


def switch(ask: Ask, **answers: Any) -> None:
    ask.sandbox.behaviour = Behaviour(**answers)


def test_serve_takes_a_behaviour(serving: Serving, world: World) -> None:
    behaviour = Behaviour(stats_shape="array")
    ask = serving(world, behaviour=behaviour)
    assert ask.sandbox.behaviour == behaviour
    stats = ask.json(f"broadcasts/{edits.add_broadcast(world)}/stats")["broadcast"]
    assert [set(row) for row in stats] == [{"id", "stats"}]


def test_purchases_newest_first(ask: Ask, world: World) -> None:
    made = [edits.add_purchase(world, "ana@example.com") for _ in range(3)]
    switch(ask, purchases_order="newest")
    assert ask.ids("purchases") == made[::-1]


def test_purchases_by_the_time_of_the_transaction(ask: Ask, world: World, clock: Clock) -> None:
    new = edits.add_purchase(world, "ana@example.com")
    late = edits.add_purchase(world, "ana@example.com", transaction_time=clock() - timedelta(days=400))
    assert ask.ids("purchases") == [new, late]
    switch(ask, purchases_by="transaction_time")
    assert ask.ids("purchases") == [late, new]


def test_people_by_id(ask: Ask, world: World, clock: Clock) -> None:
    new = edits.add_subscriber(world, "new@example.com")
    late = edits.add_subscriber(world, "late@example.com", created_at=clock() - timedelta(days=1))
    assert ask.ids("subscribers") == [late, new]
    switch(ask, subscribers_by="id")
    assert ask.ids("subscribers") == [new, late]


def test_members_by_id(ask: Ask, world: World, clock: Clock) -> None:
    (first, second), tag = add_people(world, 2), edits.add_tag(world, "a")
    edits.tag(world, first, tag)
    edits.tag(world, second, tag, created_at=clock() - timedelta(days=1))
    switch(ask, subscriptions_by="id")
    assert members(ask, f"tags/{tag}/subscriptions") == [first, second]


def test_ties_can_go_by_id_downwards_or_be_scrambled(ask: Ask, world: World) -> None:
    people = add_people(world, 30)
    switch(ask, ties="id_desc")
    assert ask.ids("subscribers") == people[::-1]
    switch(ask, ties="scrambled")
    scrambled = ask.ids("subscribers")
    assert scrambled != people
    assert sorted(scrambled) == people
    assert ask.ids("subscribers") == scrambled


def test_ties_may_keep_their_order_in_a_descending_list(ask: Ask, world: World) -> None:
    people = add_people(world, 3)
    assert ask.ids("subscribers", sort_order="desc") == people[::-1]
    switch(ask, desc_reverses_ties=False)
    assert ask.ids("subscribers", sort_order="desc") == people


def test_tags_by_id(ask: Ask, world: World) -> None:
    tags = [edits.add_tag(world, "b"), edits.add_tag(world, "a")]
    switch(ask, tags_by="id")
    assert ask.ids("tags") == tags


def test_page_two_of_an_unpaged_list_may_be_empty(ask: Ask, world: World) -> None:
    tag = edits.add_tag(world, "a")
    switch(ask, unpaged_page="empty")
    assert ask.ids("tags", page=1) == [tag]
    assert ask.ids("tags", page=2) == []


@pytest.mark.parametrize("path", ["subscribers", "broadcasts", "purchases", "subscriptions"])
def test_a_list_may_ignore_the_page(ask: Ask, world: World, path: str) -> None:
    tag = edits.add_tag(world, "a")
    for person in add_people(world, 51):
        edits.tag(world, person, tag)
        edits.add_broadcast(world)
        edits.add_purchase(world, "ana@example.com")
    switch(ask, page_ignored_on=(path,))
    asked = f"tags/{tag}/subscriptions" if path == "subscriptions" else path
    assert ask.ids(asked, page=2) == ask.ids(asked)


def test_the_day_of_a_filter_may_lie_in_another_zone(ask: Ask, world: World, clock: Clock) -> None:
    clock.advance(hours=11)  # 23:00 UTC on the first of November
    person = edits.add_subscriber(world, "ana@example.com")
    switch(ask, day_offset_hours=2)
    assert ask.ids("subscribers", **{"from": "2026-11-02"}) == [person]
    switch(ask, day_offset_hours=-5)
    assert ask.ids("subscribers", **{"from": "2026-11-02"}) == []
    assert ask.ids("subscribers", to="2026-11-01") == [person]


def test_updated_from_and_to_may_exclude_their_day(ask: Ask, world: World) -> None:
    (person,) = add_people(world, 1)
    switch(ask, updated_from_strict=True, updated_to_strict=True)
    assert ask.ids("subscribers", updated_from="2026-11-01") == []
    assert ask.ids("subscribers", updated_from="2026-10-31") == [person]
    assert ask.ids("subscribers", updated_to="2026-11-01") == []
    assert ask.ids("subscribers", updated_to="2026-11-02") == [person]


def test_a_full_time_may_count_as_its_day(ask: Ask, world: World) -> None:
    (person,) = add_people(world, 1)
    assert ask.ids("subscribers", updated_from="2026-11-01T20:00:00Z") == []
    switch(ask, times_cut_to_day=True)
    assert ask.ids("subscribers", updated_from="2026-11-01T20:00:00Z") == [person]


def test_from_may_mean_the_day_of_cancellation(ask: Ask, world: World, clock: Clock) -> None:
    (person,) = add_people(world, 1)
    clock.advance(days=5)
    edits.cancel(world, person)
    asked = {"sort_field": "cancelled_at", "from": "2026-11-06", "to": "2026-11-06"}
    assert ask.ids("subscribers", **asked) == []
    switch(ask, cancelled_window="cancelled")
    assert ask.ids("subscribers", **asked) == [person]


def test_another_sort_field_may_be_rejected(ask: Ask, world: World) -> None:
    people = add_people(world, 1)
    assert ask.ids("subscribers", sort_field="updated_at") == people
    switch(ask, other_sort_field="rejected")
    assert ask.get("subscribers", sort_field="updated_at").status_code == 422
    assert ask.get("subscribers", sort_field="cancelled_at").status_code == 200


def test_the_status_parameter_may_be_honoured(ask: Ask, world: World) -> None:
    people = add_people(world, 3)
    edits.bounce(world, people[0])
    assert ask.ids("subscribers", status="all") == people[1:]
    switch(ask, status_parameter="honoured")
    assert ask.ids("subscribers", status="all") == people
    assert ask.ids("subscribers", status="bounced") == people[:1]


def test_an_address_may_be_found_in_every_state_and_case(ask: Ask, world: World) -> None:
    person = edits.add_subscriber(world, "Ana@example.com")
    edits.cancel(world, person)
    switch(ask, email_finds_all_states=True)
    assert ask.ids("subscribers", email_address="Ana@example.com") == [person]
    assert ask.ids("subscribers", email_address="ana@example.com") == []
    switch(ask, email_finds_all_states=True, email_ignores_case=True)
    assert ask.ids("subscribers", email_address="ana@example.com") == [person]


@pytest.mark.parametrize("tag_bumps", [False, True])
@pytest.mark.parametrize("join_bumps", [False, True])
def test_tagging_and_joining_may_move_updated_at(
    ask: Ask, world: World, clock: Clock, tag_bumps: bool, join_bumps: bool
) -> None:
    tagged, joined = add_people(world, 2)
    tag, form = edits.add_tag(world, "a"), edits.add_form(world, "a")
    switch(ask, tag_bumps_updated=tag_bumps, join_bumps_updated=join_bumps)
    clock.advance(days=1)
    edits.tag(world, tagged, tag)
    edits.join_form(world, joined, form)
    assert ask.ids("subscribers", updated_from="2026-11-02") == [tagged] * tag_bumps + [joined] * join_bumps


def test_a_tag_added_again_may_keep_its_subscription(world: World, clock: Clock) -> None:
    world.behaviour = Behaviour(retag_keeps_id=True)
    (person,), tag = add_people(world, 1), edits.add_tag(world, "a")
    before = edits.tag(world, person, tag)
    edits.untag(world, person, tag)
    clock.advance(days=1)
    assert edits.tag(world, person, tag) == before


def test_the_omitted_state_may_mean_fewer_states(ask: Ask, world: World) -> None:
    people, tag = add_people(world, 3), edits.add_tag(world, "a")
    for person in people:
        edits.tag(world, person, tag)
    edits.cancel(world, people[0])
    edits.bounce(world, people[1])
    switch(ask, unfiltered_states=("active", "cancelled"))
    assert members(ask, f"tags/{tag}/subscriptions") == [people[0], people[2]]
    switch(ask, unfiltered_states=("active",))
    assert members(ask, f"tags/{tag}/subscriptions") == [people[2]]
    assert members(ask, f"tags/{tag}/subscriptions", subscriber_state="cancelled") == [people[0]]


def test_cancelled_people_may_drop_out_of_forms_and_stay_on_tags(ask: Ask, world: World) -> None:
    (person,), tag, form = add_people(world, 1), edits.add_tag(world, "a"), edits.add_form(world, "a")
    edits.tag(world, person, tag)
    edits.join_form(world, person, form)
    edits.cancel(world, person)
    switch(ask, cancelled_leave=("form",))
    assert members(ask, f"forms/{form}/subscriptions") == []
    assert members(ask, f"forms/{form}/subscriptions", subscriber_state="cancelled") == []
    assert members(ask, f"tags/{tag}/subscriptions") == [person]


def cancelled_members(world: World, lists: int, people: int) -> list[tuple[int, int]]:
    """Return the cancelled members of some forms: form and person."""
    forms, members_ = [edits.add_form(world, f"f{n}") for n in range(lists)], add_people(world, people)
    pairs = [(form, person) for form in forms for person in members_]
    for form, person in pairs:
        edits.join_form(world, person, form)
    for person in members_:
        edits.cancel(world, person)
    return pairs


def shown_in(ask: Ask, pairs: list[tuple[int, int]]) -> list[bool]:
    """Return for each pair if the form's list shows it."""
    lists = {form: members(ask, f"forms/{form}/subscriptions") for form, _ in pairs}
    return [person in lists[form] for form, person in pairs]


def test_a_share_of_the_cancelled_may_drop_out_and_it_is_always_the_same_one(ask: Ask, world: World) -> None:
    pairs = cancelled_members(world, 8, 25)
    switch(ask, cancelled_leave=("form:0.9",))
    shown = shown_in(ask, pairs)
    assert 10 <= sum(shown) <= 30
    assert shown_in(ask, pairs) == shown
    truth = expected_mirror(world).subscriptions.values()
    assert {(row["subscribable_id"], row["subscriber_id"]) for row in truth} == {
        pair for pair, is_there in zip(pairs, shown, strict=True) if is_there
    }


def test_cancelled_people_may_drop_out_of_some_of_the_lists(ask: Ask, world: World) -> None:
    pairs = cancelled_members(world, 20, 3)
    switch(ask, cancelled_leave=("form:0.5",), cancelled_leave_by="list")
    shown = shown_in(ask, pairs)
    per_list = {
        form: {is_there for (each, _), is_there in zip(pairs, shown, strict=True) if each == form} for form, _ in pairs
    }
    assert sorted(per_list.values(), key=min) != [{True}] * 20
    assert all(len(said) == 1 for said in per_list.values())
    assert {True, False} == set(shown)


@pytest.mark.parametrize("comes_back", [True, False])
def test_who_is_active_again_may_stand_in_the_lists_again(ask: Ask, world: World, comes_back: bool) -> None:
    switch(ask, cancelled_leave=("form",), cancelled_return=comes_back)
    ((form, person),) = cancelled_members(world, 1, 1)
    before = world.rosters["form", form].members[person].id
    edits.reactivate(world, person)
    assert members(ask, f"forms/{form}/subscriptions") == [person] * comes_back
    assert (edits.join_form(world, person, form) == before) == comes_back


@pytest.mark.parametrize("wrong", ["course", "form:2", "form:x", "form:-1"])
def test_what_is_no_share_of_a_kind_of_list_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="a share from 0 to 1"):
        Behaviour(cancelled_leave=(wrong,))


@pytest.mark.parametrize("archived", ["listed", "left out"])
def test_the_list_of_forms_may_leave_out_archived_ones(ask: Ask, world: World, archived: str) -> None:
    (person,), form = add_people(world, 1), edits.add_form(world, "old")
    edits.join_form(world, person, form)
    edits.archive_form(world, form)
    switch(ask, archived_forms=archived)
    assert ask.ids("forms") == [form] * (archived == "listed") == list(expected_mirror(world).forms)
    assert len(expected_mirror(world).subscriptions) == (archived == "listed")


# -- switches as text


def test_switches_are_read_from_text() -> None:
    given = ["cancelled_leave=sequence,form:0.9", "cancelled_return=false", "draft_stats=missing", "async_seconds=0.5"]
    assert switched(Behaviour(), [*given, "hook_created=201"]) == Behaviour(
        cancelled_leave=("sequence", "form:0.9"),
        cancelled_return=False,
        draft_stats="missing",
        async_seconds=0.5,
        hook_created=201,
    )


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("nonsense=1", "unknown switch"),
        ("gzip", "unknown switch"),
        ("gzip=perhaps", "must be true or false"),
        ("draft_stats=ones", "must be one of zeros, missing"),
        ("async_seconds=soon", "must be a number"),
        ("cancelled_leave=form:2", "a share from 0 to 1"),
        ("cancelled_leave=form:x", "a share from 0 to 1"),
    ],
)
def test_switch_that_says_nothing_is_refused_with_a_reason(wrong: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        switched(Behaviour(), [wrong])


def test_who_finishes_a_sequence_may_stay_in_it(ask: Ask, world: World) -> None:
    (person,), sequence = add_people(world, 1), edits.add_sequence(world, "Welcome")
    edits.join_sequence(world, person, sequence)
    switch(ask, finished_leave_sequence=False)
    edits.finish_sequence(world, person, sequence)
    (row,) = ask.json(f"sequences/{sequence}/subscriptions")["subscriptions"]
    assert row["state"] == "inactive"


def test_stats_of_a_draft_may_be_missing(ask: Ask, world: World) -> None:
    draft, sent = edits.add_broadcast(world), edits.add_broadcast(world)
    edits.send_broadcast(world, sent)
    switch(ask, draft_stats="missing")
    assert ask.get(f"broadcasts/{draft}/stats").status_code == 404
    assert ask.get(f"broadcasts/{sent}/stats").status_code == 200


@pytest.mark.parametrize("pages", [0, 1])
def test_an_empty_list_may_have_no_page_or_one(ask: Ask, pages: int) -> None:
    switch(ask, total_pages_when_empty=pages)
    assert ask.json("subscribers")["total_pages"] == pages


def test_answers_may_be_compressed(ask: Ask, world: World) -> None:
    people = add_people(world, 50)
    switch(ask, gzip=True)
    answer = ask.get("subscribers")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert [row["id"] for row in answer.json()["subscribers"]] == people
    ask.session.headers["Accept-Encoding"] = "identity"
    assert "Content-Encoding" not in ask.get("subscribers").headers
