"""The circuit breaker: how often a request is tried, and if it is sent, after other failures. As values."""

import pytest

from cksync.api.breaker import FEW, MANY, PROBE_EVERY, Breaker, endpoint_of

STATS, TAGS = "broadcasts/{id}/stats", "tags"
ATTEMPTS, PATIENCE_SECONDS, FRESH_SECONDS = 7, 100.0, 60.0


def breaker() -> Breaker:
    return Breaker(ATTEMPTS, PATIENCE_SECONDS, FRESH_SECONDS)


def fail(each: Breaker, times: int, endpoint: str = STATS, seconds: float = 0.0) -> Breaker:
    """Return the breaker after so many failures of different requests."""
    for number in range(times):
        each.failed(endpoint, str(number), "500", seconds)
    return each


def sent(each: Breaker, requests: int) -> int:
    """Return how many of so many requests are sent, all of which fail."""
    passed = 0
    for _ in range(requests):
        if each.lets_pass(STATS):
            passed += 1
            fail(each, 1)
    return passed


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("account", "account"),
        ("subscribers", "subscribers"),
        ("subscribers/12", "subscribers/{id}"),
        ("broadcasts/5/stats", STATS),
        ("tags/4100001/subscriptions", "tags/{id}/subscriptions"),
    ],
)
def test_endpoint_is_the_path_without_its_ids(path: str, endpoint: str) -> None:
    assert endpoint_of(path) == endpoint


@pytest.mark.parametrize(("failed", "attempts"), [(0, ATTEMPTS), (FEW - 1, ATTEMPTS), (FEW, 1), (MANY, 1)])
def test_after_a_few_failures_in_a_row_a_request_is_tried_once(failed: int, attempts: int) -> None:
    assert fail(breaker(), failed).attempts(STATS, "new") == attempts


def test_what_failed_once_is_tried_once_when_it_is_asked_for_again() -> None:
    each = fail(breaker(), 1)
    assert (each.attempts(STATS, "0"), each.attempts(STATS, "1")) == (1, ATTEMPTS)


def test_an_answer_gives_all_tries_back() -> None:
    each = fail(breaker(), MANY)
    each.answered(STATS, 1.0)
    assert (each.lets_pass(STATS), each.attempts(STATS, "new")) == (True, ATTEMPTS)


def test_other_endpoints_keep_all_their_tries() -> None:
    each = fail(breaker(), MANY)
    assert (each.lets_pass(TAGS), each.attempts(TAGS, "new")) == (True, ATTEMPTS)


def test_of_an_endpoint_that_is_clearly_down_one_request_in_ten_is_sent() -> None:
    assert sent(breaker(), MANY + 400) == MANY + 400 // PROBE_EVERY


def test_failures_that_cost_too_much_time_leave_single_tries() -> None:
    assert fail(breaker(), 1, seconds=PATIENCE_SECONDS).attempts(STATS, "new") == 1


def test_endpoint_that_cost_twice_the_patience_is_left_alone() -> None:
    assert sent(fail(breaker(), MANY, seconds=2 * PATIENCE_SECONDS / MANY), 400) == 0


def test_first_failure_asks_for_a_pulse_unless_something_answered_meanwhile() -> None:
    each = fail(breaker(), 1)
    assert each.needs_pulse(STATS, since=10.0, at=20.0)
    each.answered(TAGS, 15.0)
    assert not each.needs_pulse(STATS, since=10.0, at=20.0)


def test_further_failures_ask_for_a_pulse_once_the_last_answer_is_old() -> None:
    each = fail(breaker(), 2)
    each.answered(TAGS, 10.0)
    assert not each.needs_pulse(STATS, since=11.0, at=10.0 + FRESH_SECONDS)
    assert each.needs_pulse(STATS, since=11.0, at=11.0 + FRESH_SECONDS)
