"""The world itself: edits, what they refuse, and that lists follow them whatever happens."""

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kit_sandbox import Behaviour, Clock, Request, World, generate
from kit_sandbox.v3 import V3

if TYPE_CHECKING:
    from tests.sandbox.conftest import Ask


def test_a_taken_address_is_refused_whatever_its_case(world: World) -> None:
    world.add_subscriber("ana@example.com")
    other = world.add_subscriber("bea@example.com")
    with pytest.raises(ValueError, match="already been taken"):
        world.add_subscriber("ANA@example.com")
    with pytest.raises(ValueError, match="already been taken"):
        world.set_email(other, "Ana@example.com")
    world.set_email(other, "BEA@example.com")


def test_an_address_given_up_is_free_again(world: World) -> None:
    person = world.add_subscriber("ana@example.com")
    world.set_email(person, "other@example.com")
    world.delete_subscriber(world.add_subscriber("ana@example.com"))
    world.add_subscriber("ana@example.com")


def test_a_taken_field_key_is_refused(world: World) -> None:
    world.add_custom_field("Zip Code")
    field = world.add_custom_field("Company")
    with pytest.raises(ValueError, match="zip_code"):
        world.add_custom_field("ZIP  code")
    with pytest.raises(ValueError, match="zip_code"):
        world.rename_custom_field(field, "Zip code")
    world.rename_custom_field(field, "Company")


def test_unknown_ids_and_keys_are_key_errors(world: World) -> None:
    person, tag = world.add_subscriber("ana@example.com"), world.add_tag("a")
    with pytest.raises(KeyError):
        world.cancel(1)
    with pytest.raises(KeyError):
        world.tag(person, 1)
    with pytest.raises(KeyError):
        world.tag(1, tag)
    with pytest.raises(KeyError):
        world.untag(person, tag)
    with pytest.raises(KeyError):
        world.set_field(person, "nothing", "x")


def test_the_truth_tells_whom_only_an_id_can_find(world: World) -> None:
    tag = world.add_tag("a")
    hidden, tagged, cancelled = (world.add_subscriber(f"p{number}@example.com") for number in range(3))
    world.bounce(hidden)
    world.bounce(tagged)
    world.tag(tagged, tag)
    world.cancel(cancelled)
    assert set(world.truth().subscribers) == {hidden, tagged, cancelled}
    assert world.truth().listed == {tagged, cancelled}


def test_the_truth_knows_which_memberships_a_behaviour_hides(world: World) -> None:
    person, form = world.add_subscriber("ana@example.com"), world.add_form("a")
    subscription = world.join_form(person, form)
    world.cancel(person)
    world.behaviour = Behaviour(cancelled_leave=("form",))
    truth = world.truth()
    assert truth.subscriptions == {}
    assert truth.memberships["form", form, subscription]["subscriber_id"] == person


def test_edits_from_many_threads_all_arrive(ask: "Ask", world: World) -> None:
    def join(number: int) -> None:
        for count in range(20):
            world.add_subscriber(f"{number}.{count}@example.com")
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
    """Any edits in any order: the lists that the API keeps are the lists computed afresh."""

    @initialize(seed=st.integers(0, 5))
    def begin(self, seed: int) -> None:
        self.clock = Clock()
        self.world = generate(60, seed, now=self.clock, tags=3, tag_memberships=100, broadcasts=3)
        self.api = V3(self.world)

    def person(self, number: int) -> int:
        return sorted(self.world.subscribers)[number % len(self.world.subscribers)]

    def list(self, number: int) -> int:
        return sorted(self.world.parents["tag"])[number % len(self.world.parents["tag"])]

    @rule(number=st.integers(0, 99), change=st.sampled_from(["cancel", "reactivate", "bounce", "complain"]))
    def move(self, number: int, change: str) -> None:
        getattr(self.world, change)(self.person(number))

    @rule(number=st.integers(0, 99))
    def delete(self, number: int) -> None:
        if len(self.world.subscribers) > 1:
            self.world.delete_subscriber(self.person(number))

    @rule(name=st.text(max_size=5))
    def arrive(self, name: str) -> None:
        self.clock.advance(minutes=7)
        self.world.add_subscriber(f"new.{len(self.world.last_ids)}.{self.clock()}@example.com", name)

    @rule(number=st.integers(0, 99), tag=st.integers(0, 9))
    def toggle(self, number: int, tag: int) -> None:
        person, tag_id = self.person(number), self.list(tag)
        has_tag = person in self.world.rosters["tag", tag_id].members
        (self.world.untag if has_tag else self.world.tag)(person, tag_id)

    @rule(label=st.sampled_from(["One", "Two", "Three"]))
    def rename_field(self, label: str) -> None:
        field = next(iter(self.world.custom_fields))
        self.world.rename_custom_field(field, label)

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
TestLiving.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
