"""Learning if people who cancel leave a list, from the people it still shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cksync.extract.suspects import Shown, leaving

ACTIVE, CANCELLED = 41_000, 5_000


def lists(kind: str, *shown: tuple[int, int]) -> list[Shown]:
    """Return lists of a kind, with so many active and cancelled people each."""
    return [Shown(f"{kind}/{number}", kind, active, cancelled) for number, (active, cancelled) in enumerate(shown)]


def test_lists_that_show_cancelled_people_like_any_others_are_not_left() -> None:
    assert leaving(lists("tag", (4_100, 490), (410, 61), (41, 3), (3, 0)), ACTIVE, CANCELLED) == set()


def test_lists_that_show_none_are_left() -> None:
    assert leaving(lists("sequence", (4_100, 0), (410, 0)), ACTIVE, CANCELLED) == {"sequence/0", "sequence/1"}


def test_lists_that_show_a_tenth_of_those_they_should_are_left() -> None:
    assert leaving(lists("form", (4_100, 50), (410, 6)), ACTIVE, CANCELLED) == {"form/0", "form/1"}


def test_each_kind_speaks_for_itself() -> None:
    shown = [*lists("tag", (4_100, 500)), *lists("sequence", (4_100, 0))]
    assert leaving(shown, ACTIVE, CANCELLED) == {"sequence/0"}


def test_list_that_differs_from_its_kind_speaks_for_itself_where_it_is_long() -> None:
    shown = lists("form", (4_100, 0), (4_100, 0), (4_100, 500), (20, 2))
    assert leaving(shown, ACTIVE, CANCELLED) == {"form/0", "form/1", "form/3"}


@pytest.mark.parametrize(("active", "cancelled"), [(0, 0), (0, 9), (500, 0)])
def test_account_that_cannot_tell_suspects_no_list(active: int, cancelled: int) -> None:
    assert leaving(lists("form", (300, 0), (0, 0)), active, cancelled) == set()


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))), st.integers(0, 10**7), st.integers(0, 10**7))
def test_any_account_has_an_answer(shown: list[tuple[int, int]], active: int, cancelled: int) -> None:
    assert leaving(lists("tag", *shown), active, cancelled) <= {f"tag/{number}" for number in range(len(shown))}
