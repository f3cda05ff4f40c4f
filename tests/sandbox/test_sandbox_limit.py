"""The rate limit, and the journal that proves which requests were made."""

from hypothesis import given
from hypothesis import strategies as st

from kit_sandbox import World
from kit_sandbox.limit import RollingLimit
from tests.support.asking import Ask, Serving


def test_beyond_the_limit_comes_429_retry_later(serving: Serving, world: World) -> None:
    ask = serving(world, rate_limit=3)
    answers = [ask.get("tags") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].text.strip() == "Retry later"
    assert "Retry-After" not in answers[-1].headers
    assert ask.sandbox.violations() == 2


def test_key_and_secret_share_one_budget(serving: Serving, world: World) -> None:
    ask = serving(world, rate_limit=1)
    ask.get("tags")
    assert ask.get("tags", api_secret=None, api_key=world.api_key).status_code == 429


def test_without_a_limit_nothing_is_rejected(serving: Serving, world: World) -> None:
    ask = serving(world, rate_limit=None)
    assert {ask.get("tags").status_code for _ in range(130)} == {200}


def test_a_place_is_free_again_exactly_one_period_later() -> None:
    limit = RollingLimit(2, 60)
    assert [limit.admits(at) for at in (0, 1, 59.9, 60)] == [True, True, False, False]
    limit = RollingLimit(2, 60, counts_rejected=False)
    assert [limit.admits(at) for at in (0, 1, 59.9, 60, 60.5, 61)] == [True, True, False, True, False, True]


def test_rejected_arrivals_take_a_place_too_unless_switched_off() -> None:
    hammered, lenient = RollingLimit(1, 10), RollingLimit(1, 10, counts_rejected=False)
    arrivals = [0, 5, 11]
    assert [hammered.admits(at) for at in arrivals] == [True, False, False]
    assert [lenient.admits(at) for at in arrivals] == [True, False, True]


@given(
    st.lists(st.integers(0, 100), max_size=60).map(sorted),
    st.integers(1, 6),
    st.integers(1, 30),
    st.booleans(),
)
def test_no_rolling_window_ever_admits_more_than_the_limit(
    arrivals: list[int], most: int, period: int, counts_rejected: bool
) -> None:
    limit = RollingLimit(most, period, counts_rejected)
    admitted = [at for at in arrivals if limit.admits(at)]
    for begin in admitted:
        assert sum(begin <= at < begin + period for at in admitted) <= most
    assert limit.rejected == len(arrivals) - len(admitted)


def test_the_journal_has_every_request_without_the_credentials(serving: Serving, world: World) -> None:
    ask = serving(world, rate_limit=2)
    ask.get("subscribers", page=2)
    ask.get("tags", api_secret=None, api_key=world.api_key)
    ask.get("tags")
    journal = ask.sandbox.journal
    assert [(entry.method, entry.path, entry.params, entry.status) for entry in journal] == [
        ("GET", "/subscribers", {"page": "2"}, 200),
        ("GET", "/tags", {}, 200),
        ("GET", "/tags", {}, 429),
    ]
    assert (journal.count(), journal.count("/tags"), journal.count(status=429)) == (3, 2, 1)
    assert journal.by_status() == {200: 2, 429: 1}
    assert journal.by_path() == {"/subscribers": 1, "/tags": 2}
    assert world.api_secret not in str(journal.summary())


def test_the_journal_knows_the_busiest_window(ask: Ask) -> None:
    for _ in range(4):
        ask.get("tags")
    assert ask.sandbox.journal.peak(60) == 4
    ask.sandbox.journal.clear()
    assert (len(ask.sandbox.journal), ask.sandbox.journal.peak(60)) == (0, 0)


def test_every_answer_waits_for_the_latency_of_the_server(serving: Serving, world: World) -> None:
    ask = serving(world, latency_seconds=0.02)
    assert ask.get("tags").elapsed.total_seconds() >= 0.02
