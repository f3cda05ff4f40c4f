"""What is due by its age and by its turn."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cksync.extract.due import Mail, details_due, has_turn, in_turn, stats_due

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def mail(
    age_days: float | None = 0, *, is_final: bool = True, read: float | None = 0, key: int = 1, detail: bool = True
) -> Mail:
    """A mail sent so many days before noon, whose figures were read so many days before noon."""
    return Mail(
        id=key,
        sent_at=None if age_days is None else NOON - age_days * DAY,
        is_final=is_final,
        detail_read_at=NOON if detail else None,
        stats_read_at=None if read is None else NOON - read * DAY,
    )


def test_what_was_never_read_is_due() -> None:
    assert has_turn(7, None, NOON, DAY)


@pytest.mark.parametrize("period_days", [7, 30])
def test_things_read_in_one_night_have_their_turns_on_different_nights(period_days: int) -> None:
    """Each night about as many as any other: none has more than twice its share, none less than half."""
    period, keys = period_days * DAY, range(10_000)
    turns = [
        sum(has_turn(key, NOON + (n - 1) * DAY, NOON + n * DAY, period) for key in keys)
        for n in range(1, period_days + 1)
    ]
    share = len(keys) / period_days
    assert all(share / 2 < each < 2 * share for each in turns)
    assert sum(turns) == len(keys)


@given(
    key=st.integers(0, 10**12),
    start=st.integers(0, 10**6),
    gaps=st.lists(st.integers(1, 40), min_size=1, max_size=60),
    period_days=st.sampled_from([1, 7, 30]),
)
def test_nothing_waits_for_longer_than_a_period_and_a_night(
    key: int, start: int, gaps: list[int], period_days: int
) -> None:
    """Nights so many hours apart: whatever is asked for when it has its turn is never older than a period
    when a night begins that leaves it out."""
    period, now = period_days * DAY, NOON + timedelta(minutes=start)
    read_at = now
    for gap in gaps:
        now += timedelta(hours=gap)
        if has_turn(key, read_at, now, period):
            read_at = now
        else:
            assert now - read_at <= period


@given(key=st.integers(0, 10**12), hours=st.integers(0, 1000))
def test_nothing_has_its_turn_twice_at_one_moment(key: int, hours: int) -> None:
    at = NOON + timedelta(hours=hours)
    assert not has_turn(key, at, at, DAY)


def test_longest_unread_has_its_turn_first_and_what_was_never_read_before_all() -> None:
    reads = [(1, NOON - 9 * DAY), (2, None), (3, NOON - 20 * DAY), (4, NOON), (5, None)]
    assert list(in_turn(reads, NOON, 7 * DAY)) == [2, 5, 3, 1]


@pytest.mark.parametrize("age_days", [0, 0.5, 6.9, 7])
def test_figures_of_a_mail_of_this_week_are_due_each_time(age_days: float) -> None:
    assert stats_due([mail(age_days, read=0)], NOON) == [1]


def nights_due(age_days: float, nights: int) -> int:
    """How often the figures of a mail are read in so many nights."""
    read_at, count = NOON, 0
    for night in range(1, nights + 1):
        now = NOON + night * DAY
        each = Mail(12_345, now - age_days * DAY, True, NOON, read_at)
        if stats_due([each], now):
            read_at, count = now, count + 1
    return count


def test_figures_of_a_mail_of_this_quarter_are_due_weekly() -> None:
    assert [nights_due(age, 70) for age in (8, 30, 91)] == [10, 10, 10]


def test_figures_of_older_mails_are_due_monthly() -> None:
    assert [nights_due(age, 300) for age in (92, 1_000)] == [10, 10]


@pytest.mark.parametrize("age_days", [None, 0, 400])
def test_figures_and_detail_of_what_is_not_sent_are_due_each_time(age_days: float | None) -> None:
    """Drafts and scheduled mails can be edited; only the figures tell that they were sent."""
    each = mail(age_days, is_final=False)
    assert (stats_due([each], NOON), details_due([each])) == ([1], [1])


def test_figures_of_a_mail_without_a_date_are_due_each_time() -> None:
    assert stats_due([mail(None)], NOON) == [1]


def test_figures_that_were_never_read_are_due_whatever_the_age() -> None:
    assert stats_due([mail(400, read=None)], NOON) == [1]


def test_detail_of_what_was_sent_is_due_only_if_it_was_never_read() -> None:
    assert details_due([mail(400), mail(0, key=2), mail(400, key=3, detail=False)]) == [3]
