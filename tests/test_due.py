"""What is due by age and by rotation."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cksync.extract.due import DRAFT_PAGES, Mail, details_due, has_rotation_due, in_rotation, pages_due, stats_due

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def mail(
    age_days: float | None = 0, *, is_final: bool = True, read: float | None = 0, key: int = 1, detail: bool = True
) -> Mail:
    """Return a broadcast sent so many days before noon, whose figures were read so many days before noon."""
    return Mail(
        id=key,
        sent_at=None if age_days is None else NOON - age_days * DAY,
        is_final=is_final,
        detail_read_at=NOON if detail else None,
        stats_read_at=None if read is None else NOON - read * DAY,
    )


def test_what_was_never_read_is_due() -> None:
    assert has_rotation_due(7, None, NOON, DAY)


@pytest.mark.parametrize("period_days", [7, 30])
def test_things_read_in_one_night_have_their_turns_on_different_nights(period_days: int) -> None:
    """Each night about as many as any other: none has more than twice its share, none less than half."""
    period, keys = period_days * DAY, range(10_000)
    rotation = [
        sum(has_rotation_due(key, NOON + (n - 1) * DAY, NOON + n * DAY, period) for key in keys)
        for n in range(1, period_days + 1)
    ]
    share = len(keys) / period_days
    assert all(share / 2 < each < 2 * share for each in rotation)
    assert sum(rotation) == len(keys)


@given(
    key=st.integers(0, 10**12),
    start=st.integers(0, 10**6),
    gaps=st.lists(st.integers(1, 40), min_size=1, max_size=60),
    period_days=st.sampled_from([1, 7, 30]),
)
def test_nothing_waits_for_longer_than_a_period_and_a_night(
    key: int, start: int, gaps: list[int], period_days: int
) -> None:
    """Nights so many hours apart: no record in rotation is older than a period when a night begins that skips it."""
    period, now = period_days * DAY, NOON + timedelta(minutes=start)
    read_at = now
    for gap in gaps:
        now += timedelta(hours=gap)
        if has_rotation_due(key, read_at, now, period):
            read_at = now
        else:
            assert now - read_at <= period


@given(key=st.integers(0, 10**12), hours=st.integers(0, 1000))
def test_nothing_has_its_turn_twice_at_one_moment(key: int, hours: int) -> None:
    at = NOON + timedelta(hours=hours)
    assert not has_rotation_due(key, at, at, DAY)


def test_longest_unread_has_its_turn_first_and_what_was_never_read_before_all() -> None:
    reads = [(1, NOON - 9 * DAY), (2, None), (3, NOON - 20 * DAY), (4, NOON), (5, None)]
    assert list(in_rotation(reads, NOON, 7 * DAY)) == [2, 5, 3, 1]


@pytest.mark.parametrize("age_days", [0, 0.5, 6.9, 7])
def test_figures_of_a_mail_of_this_week_are_due_each_time(age_days: float) -> None:
    assert stats_due([mail(age_days, read=0)], NOON) == [1]


def nights_due(age_days: float, nights: int) -> int:
    """Return how often the figures of a broadcast are read in so many nights."""
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
    """Drafts and scheduled broadcasts can be edited; only the figures show that they were sent."""
    each = mail(age_days, is_final=False)
    assert (stats_due([each], NOON), details_due([each], NOON, 7 * DAY)) == ([1], [1])


def test_figures_of_a_mail_without_a_date_are_due_each_time() -> None:
    assert stats_due([mail(None)], NOON) == [1]


def test_figures_that_were_never_read_are_due_whatever_the_age() -> None:
    assert stats_due([mail(400, read=None)], NOON) == [1]


def test_detail_of_what_was_sent_is_due_only_if_it_was_never_read() -> None:
    mails = [mail(400), mail(0, key=2), mail(400, key=3, detail=False)]
    assert details_due(mails, NOON, 7 * DAY) == [3]


# -- drafts


def draft(age_days: float | None, *, edited: float | None = None, read: float = 1, key: int = 1) -> Mail:
    """Return a draft written so many days before noon, and perhaps edited since; its detail was read days before
    noon."""
    touched = age_days if edited is None else edited
    return Mail(
        id=key,
        sent_at=None if age_days is None else NOON - age_days * DAY,
        is_final=False,
        detail_read_at=NOON - read * DAY,
        stats_read_at=NOON - DAY,
        is_draft=True,
        touched_at=None if touched is None else NOON - touched * DAY,
    )


@pytest.mark.parametrize("age_days", [None, 0, 7, 8, 4_000])
def test_figures_of_a_draft_are_due_each_time(age_days: float | None) -> None:
    assert stats_due([draft(age_days)], NOON) == [1]


@pytest.mark.parametrize("mail", [draft(0), draft(7), draft(None), draft(4_000, edited=7)])
def test_detail_of_a_draft_that_is_worked_on_is_due_each_time(mail: Mail) -> None:
    """It is new, it was edited this week, or that is unknown."""
    assert details_due([mail], NOON, 7 * DAY) == [1]


def test_details_of_drafts_left_alone_are_due_within_the_cycle_a_share_each_night() -> None:
    long_ago, read_at = NOON - 400 * DAY, dict.fromkeys(range(700), NOON)
    for night in range(1, 15):
        now = NOON + night * DAY
        drafts = [Mail(key, long_ago, False, at, now, True, long_ago) for key, at in read_at.items()]
        due = details_due(drafts, now, 7 * DAY)
        assert 50 <= len(due) <= 200
        read_at |= dict.fromkeys(due, now)
        assert min(read_at.values()) >= now - 7 * DAY


@pytest.mark.parametrize("pages", range(DRAFT_PAGES + 1))
def test_few_pages_with_drafts_are_read_each_night(pages: int) -> None:
    drafts = [(page, draft(4_000, key=page)) for page in range(1, pages + 1)]
    assert pages_due(drafts, dict.fromkeys(range(1, 9), NOON), NOON, 7 * DAY) == list(range(1, pages + 1))


def test_of_many_pages_with_drafts_those_of_this_quarter_are_read_each_night() -> None:
    drafts = [(page, draft(4_000)) for page in range(1, 9)] + [(3, draft(91)), (7, draft(4_000, edited=1))]
    assert pages_due(drafts, dict.fromkeys(range(1, 9), NOON), NOON, 7 * DAY) == [3, 7]


def test_every_page_with_drafts_is_read_within_the_cycle() -> None:
    drafts = [(page, draft(4_000)) for page in range(1, 41)]
    read_at = dict.fromkeys(range(1, 41), NOON)
    for night in range(1, 8):
        now = NOON + night * DAY
        due = pages_due(drafts, read_at, now, 7 * DAY)
        assert len(due) <= 15
        read_at |= dict.fromkeys(due, now)
    assert min(read_at.values()) > NOON


def test_page_that_was_never_read_is_read() -> None:
    drafts = [(page, draft(4_000)) for page in range(1, 9)]
    assert pages_due(drafts, dict.fromkeys(range(2, 9), NOON), NOON, 7 * DAY) == [1]
