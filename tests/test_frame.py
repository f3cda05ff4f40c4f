"""What progress looks like at a moment, as values."""

from datetime import UTC, datetime

import pytest

from cksync.cli import frame
from cksync.cli.frame import Limit, Shown
from cksync.cli.steps import line
from cksync.domain import Slice, Step
from cksync.pipeline.events import Event, Forecast, Merging, PageRead, Waiting

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
TAGS = Slice("tags", "tags")


def shown(*events: Event, now: float = 0.0) -> Shown:
    """Return what is known after some events, all of which came at a time."""
    found = Shown(Limit(120, 60.0), 0.0)
    for event in events:
        found.take(event, now)
    return found


def test_a_pull_that_knows_no_total_yet_says_so() -> None:
    first, second = frame.lines(shown(PageRead(TAGS, 8, 5, 5)), 0.0, NOON, 80)
    assert first == "5 requests so far; counting what there is to read"
    assert second == "reading tags, at most 120 requests a minute"


def test_a_pull_shows_done_of_all_and_when_it_ends() -> None:
    page = PageRead(TAGS, 8, 1_000, 4_000, Forecast(4_000, 1_500.0, 10.0))
    first, _ = frame.lines(shown(page), 0.0, NOON, 100)
    assert first.startswith("1,000 of 4,000 requests  [#######")
    assert first.endswith("]  25 %  about 25 min left (until 12:25)")
    assert len(first) <= 100


def test_time_left_goes_down_between_events() -> None:
    page = PageRead(TAGS, 8, 1_000, 4_000, Forecast(4_000, 60.0, 10.0))
    first, _ = frame.lines(shown(page), 20.0, NOON, 80)
    assert first.endswith("about 40 s left")
    assert frame.lines(shown(page), 80.0, NOON, 80)[0].endswith("almost done")


def test_a_narrow_terminal_has_no_bar() -> None:
    page = PageRead(TAGS, 8, 1_000, 4_000, Forecast(4_000, 60.0, 10.0))
    assert frame.lines(shown(page), 0.0, NOON, 50)[0] == "1,000 of 4,000 requests, about 60 s left"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Waiting(23.2), "waiting 19 s for the rate limit (120 requests a minute)"),
        (
            Waiting(63.0, "refused"),
            "waiting 58 s: the API refused a request (429); another program may be using the limit",
        ),
        (Waiting(300.0, "lag"), "waiting 295 s: some counts of the API lag behind"),
        (Merging(), "everything is read; merging it into the mirror (5 s so far)"),
        (Merging(is_early=True), "publishing what was read so far (5 s); then reading continues"),
    ],
)
def test_every_pause_is_explained_with_its_seconds(event: Event, text: str) -> None:
    assert frame.doing(shown(event), 5.0) == text


def test_a_page_ends_a_wait() -> None:
    assert "waiting" not in frame.doing(shown(Waiting(23.0), PageRead(TAGS, 8, 5, 5)), 1.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "1 s"), (89.0, "89 s"), (91.0, "2 min"), (5_000.0, "83 min"), (9_000.0, "2 h 30 min")],
)
def test_an_estimate_is_as_rough_as_it_deserves(seconds: float, text: str) -> None:
    assert frame.rounded(seconds) == text


def test_an_end_on_another_day_is_told_with_its_day() -> None:
    assert frame.left_text(13 * 3600.0, NOON) == "about 13 h 0 min left (until Mon 01:00)"


def test_cost_is_one_sentence() -> None:
    text = frame.cost_text(Forecast(10_098, 5_040.0, 10.0), Limit(120, 60.0), NOON)
    assert text == "This pull takes 10,098 requests, about 84 min at 120 a minute (until 13:24)."


def test_a_step_has_a_bar_if_there_is_room() -> None:
    assert line(Step("building churn", 12, 48), "steps", 3.0, 80).startswith("building churn  [#######")
    assert line(Step("building churn", 12, 48), "steps", 3.0, 80).endswith("]  12 of 48 steps  3 s")
    assert line(Step("building churn", 12, 48), "steps", 3.0, 45) == "building churn: 12 of 48 steps, 3 s"
    assert line(Step("starting\x1b[2J", 0, 0), "steps", 3.0, 80) == "starting\\u001b[2J, 3 s"
