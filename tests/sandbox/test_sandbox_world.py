"""The world itself: its edits, what they refuse, and lists that follow every change."""

import threading
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kit_sandbox import Behaviour, Clock, Request, World, edits, expected_mirror, generate
from kit_sandbox.v3 import V3
from tests.conftest import examples
from tests.support.asking import Ask


def test_a_taken_address_is_refused_whatever_its_case(world: World) -> None:
    edits.add_subscriber(world, "ana@example.com")
    other = edits.add_subscriber(world, "bea@example.com")
    with pytest.raises(ValueError, match="already been taken"):
        edits.add_subscriber(world, "ANA@example.com")
    with pytest.raises(ValueError, match="already been taken"):
        edits.set_email(world, other, "Ana@example.com")
    edits.set_email(world, other, "BEA@example.com")


def test_an_address_given_up_is_free_again(world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com")
    edits.set_email(world, person, "other@example.com")
    edits.delete_subscriber(world, edits.add_subscriber(world, "ana@example.com"))
    edits.add_subscriber(world, "ana@example.com")


def test_a_taken_field_key_is_refused(world: World) -> None:
    edits.add_custom_field(world, "Zip Code")
    field = edits.add_custom_field(world, "Company")
    with pytest.raises(ValueError, match="zip_code"):
        edits.add_custom_field(world, "ZIP  code")
    with pytest.raises(ValueError, match="zip_code"):
        edits.rename_custom_field(world, field, "Zip code")
    edits.rename_custom_field(world, field, "Company")


def test_unknown_ids_and_keys_are_key_errors(world: World) -> None:
    person, tag = edits.add_subscriber(world, "ana@example.com"), edits.add_tag(world, "a")
    with pytest.raises(KeyError):
        edits.cancel(world, 1)
    with pytest.raises(KeyError):
        edits.tag(world, person, 1)
    with pytest.raises(KeyError):
        edits.tag(world, 1, tag)
    with pytest.raises(KeyError):
        edits.untag(world, person, tag)
    with pytest.raises(KeyError):
        edits.set_field(world, person, "nothing", "x")


def test_the_truth_tells_whom_only_an_id_can_find(world: World) -> None:
    tag = edits.add_tag(world, "a")
    hidden, tagged, cancelled = (edits.add_subscriber(world, f"p{number}@example.com") for number in range(3))
    edits.bounce(world, hidden)
    edits.bounce(world, tagged)
    edits.tag(world, tagged, tag)
    edits.cancel(world, cancelled)
    assert set(expected_mirror(world).subscribers) == {hidden, tagged, cancelled}
    assert expected_mirror(world).listed == {tagged, cancelled}


def test_the_truth_knows_which_memberships_a_behaviour_hides(world: World) -> None:
    person, form = edits.add_subscriber(world, "ana@example.com"), edits.add_form(world, "a")
    subscription = edits.join_form(world, person, form)
    edits.cancel(world, person)
    world.behaviour = Behaviour(cancelled_leave=("form",))
    truth = expected_mirror(world)
    assert truth.subscriptions == {}
    assert truth.memberships["form", form, subscription]["subscriber_id"] == person


def test_edits_from_many_threads_all_arrive(ask: Ask, world: World) -> None:
    def join(number: int) -> None:
        for count in range(20):
            edits.add_subscriber(world, f"{number}.{count}@example.com")
            ask.sandbox.journal.count()

    threads = [threading.Thread(target=join, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert ask.get("subscribers").status_code == 200
    for thread in threads:
        thread.join()
    assert ask.json("subscribers")["total_subscribers"] == 80


class Living(RuleBasedStateMachine):
    """Any edits in any order: the lists that the API keeps equal the lists computed from scratch."""

    @initialize(seed=st.integers(0, 5))
    def begin(self, seed: int) -> None:
        self.clock = Clock()
        self.world = generate(60, seed, now=self.clock, tags=3, tag_memberships=100, broadcasts=3)
        self.api = V3(self.world)

    def person(self, number: int) -> int:
        return sorted(self.world.subscribers)[number % len(self.world.subscribers)]

    def list(self, number: int) -> int:
        return sorted(self.world.parents["tag"])[number % len(self.world.parents["tag"])]

    @rule(
        number=st.integers(0, 99),
        change=st.sampled_from([edits.cancel, edits.reactivate, edits.bounce, edits.complain]),
    )
    def move(self, number: int, change: Callable[[World, int], None]) -> None:
        change(self.world, self.person(number))

    @rule(number=st.integers(0, 99))
    def delete(self, number: int) -> None:
        if len(self.world.subscribers) > 1:
            edits.delete_subscriber(self.world, self.person(number))

    @rule(name=st.text(max_size=5))
    def arrive(self, name: str) -> None:
        self.clock.advance(minutes=7)
        edits.add_subscriber(self.world, f"new.{len(self.world.last_ids)}.{self.clock()}@example.com", name)

    @rule(number=st.integers(0, 99), tag=st.integers(0, 9))
    def toggle(self, number: int, tag: int) -> None:
        person, tag_id = self.person(number), self.list(tag)
        has_tag = person in self.world.rosters["tag", tag_id].members
        (edits.untag if has_tag else edits.tag)(self.world, person, tag_id)

    @rule(label=st.sampled_from(["One", "Two", "Three"]))
    def rename_field(self, label: str) -> None:
        field = next(iter(self.world.custom_fields))
        edits.rename_custom_field(self.world, field, label)

    @invariant()
    def kept_lists_are_fresh(self) -> None:
        fresh = V3(self.world)
        tag = self.list(0)
        for path, params in (
            ("/subscribers", {}),
            ("/subscribers", {"sort_field": "cancelled_at", "sort_order": "desc"}),
            ("/subscribers", {"updated_from": "2026-11-01"}),
            (f"/tags/{tag}/subscriptions", {}),
            (f"/tags/{tag}/subscriptions", {"subscriber_state": "cancelled"}),
        ):
            request = Request("GET", path, {"api_secret": self.world.api_secret, **params})
            assert self.api.answer(request) == fresh.answer(request)

    @invariant()
    def nobody_is_in_two_lists(self) -> None:
        states = [person.state for person in self.world.subscribers.values()]
        assert len(self.api.lists.subscribers({}, "asc")) == states.count("active")
        cancelled = self.api.lists.subscribers({"sort_field": "cancelled_at"}, "asc")
        assert len(cancelled) == states.count("cancelled")


TestLiving = Living.TestCase
TestLiving.settings = settings(max_examples=examples(10, 25), stateful_step_count=15, deadline=None)
