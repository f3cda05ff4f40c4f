"""The verdict of `cksync status`: what it says first, and the exit status that monitors take."""

import json
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from cksync.domain import whole
from cksync.durations import duration, in_words
from cksync.extract.streams import streams_of
from cksync.load.publish import publish
from cksync.pipeline.status import status
from cksync.pipeline.verdict import MirrorVerdict, verdict
from kit_sandbox import Sandbox, effects
from tests.conftest import Command, some
from tests.support.log_builder import LogBuilder, at
from tests.support.pseudo_terminal import in_terminal

HOUR = 60


def judged(log: LogBuilder, minutes: float, max_age: timedelta | None = None) -> MirrorVerdict:
    """Return the verdict on a log's mirror at a time."""
    return verdict(status(log.folder.root), at(minutes), max_age)


def pulled(log: LogBuilder, minutes: float = 0) -> None:
    """A whole pull, published."""
    log.write(whole("tags"), minutes, [], is_complete=True)
    publish(log.folder)


# -- the states


def test_without_a_mirror_there_is_none(log: LogBuilder) -> None:
    found = judged(log, 0)
    assert (found.state, found.exit_status) == ("no mirror", 1)
    assert found.sentence == "no mirror: no pull was made yet; run `cksync check`, then `cksync pull`"


def test_a_whole_pull_of_an_hour_ago_is_fine(log: LogBuilder) -> None:
    pulled(log)
    found = judged(log, 2 * HOUR)
    assert (found.state, found.exit_status) == ("fine", 0)
    assert found.sentence.startswith("fine: complete as of ")
    assert found.sentence.endswith(" UTC (2 hours ago)")


def test_a_day_and_two_hours_later_it_is_stale(log: LogBuilder) -> None:
    pulled(log)
    assert judged(log, 26 * HOUR).state == "fine"
    found = judged(log, 27 * HOUR)
    assert (found.state, found.exit_status) == ("stale", 3)
    since = f"{at(26 * HOUR).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    assert found.sentence == f"stale since {since}: the last pull began 27 hours ago; run `cksync pull`"


def test_the_age_can_be_chosen(log: LogBuilder) -> None:
    pulled(log)
    assert judged(log, 2 * HOUR, timedelta(hours=1)).state == "stale"
    assert judged(log, 27 * HOUR, timedelta(days=2)).state == "fine"


def test_a_pull_that_failed_says_why_until_one_succeeds(log: LogBuilder) -> None:
    pulled(log)
    log.begin(10).end(10, exit_status=1, is_finished=False)
    found = judged(log, 20)
    assert (found.state, found.exit_status) == ("failed", 1)
    assert "ended with: done; the mirror is of " in found.sentence
    pulled(log, 30)
    assert judged(log, 40).state == "fine"


def test_a_first_pull_that_was_stopped_after_it_published_says_so(log: LogBuilder) -> None:
    load = log.begin()
    load.page(whole("tags"), 0, [])
    load.store()
    publish(log.folder)
    load.end(1, exit_status=130, is_finished=False)
    found = judged(log, 2)
    assert (found.state, found.exit_status) == ("incomplete", 3)
    assert found.reason == (
        "the first pull was stopped after it published; the mirror has only what was read until then"
    )


def test_a_first_pull_that_was_killed_before_it_published_can_continue(log: LogBuilder) -> None:
    load = log.begin()
    load.page(whole("tags"), 0, [])
    load.store()
    found = judged(log, 1)
    assert found.state == "no mirror"
    assert found.sentence.endswith("was stopped before it published; run `cksync pull` to continue it")


def test_a_stopped_pull_leaves_an_earlier_mirror_as_fine_as_it_is(log: LogBuilder) -> None:
    pulled(log)
    log.begin(10).end(10, exit_status=130, is_finished=False)
    found = judged(log, 20)
    assert (found.state, found.exit_status) == ("fine", 0)
    assert found.advice is not None
    assert "was stopped; run `cksync pull` to continue it" in found.advice


def test_a_running_pull_is_named(log: LogBuilder) -> None:
    pulled(log)
    with log.folder.lock("pull"):
        log.begin(10).store()
        running = log.begin(11)
        running.page(whole("tags"), 11, [])
        running.store()
        assert "a pull is running since " in judged(log, 20).sentence


# -- the command


@pytest.mark.heavy
def test_lists_that_were_never_read_are_missing(cksync: Command) -> None:
    cksync("pull", "tags")
    done = cksync("status", "--max-age", "1h", ok=False)
    assert done.returncode == 3
    assert done.stdout.startswith("incomplete: never read to the end: broadcast_stats, broadcasts, custom_fields and ")
    found = json.loads(cksync("status", "--format", "json").stdout)
    assert {each["stream"] for each in found["streams"]} == set(streams_of("v3"))


@pytest.mark.heavy
def test_an_incomplete_list_is_named_with_its_reason(cksync: Command, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.status(500), path="/forms", count=None)
    assert cksync("pull", ok=False).returncode == 3
    done = cksync("status", "--max-age", "1h", ok=False)
    assert done.returncode == 3
    assert done.stdout.startswith("incomplete: 1 list: forms (")


def test_a_wrong_secret_is_a_failure(cksync: Command) -> None:
    cksync("pull", "tags")
    cksync("pull", env={"CKSYNC_API_SECRET": "a-secret-of-another-account"}, ok=False)
    done = cksync("status", "--max-age", "26h", ok=False)
    assert done.returncode == 1
    assert done.stdout.startswith("failed: the pull of ")
    assert "rejects the credentials" in done.stdout.splitlines()[0]


def test_the_exit_status_is_the_verdict_only_where_an_age_is_given(cksync: Command, environ: dict[str, str]) -> None:
    cksync("pull")
    assert cksync("status").stdout.startswith("fine: ")
    done = cksync("status", "--max-age", "0.0001m", ok=False)
    assert (done.returncode, done.stdout[:12]) == (3, "stale since ")
    settings = Path(environ["CKSYNC_CONFIG"])
    settings.write_text(f'{settings.read_text()}[status]\nmax_age = "0.0001m"\n')
    assert cksync("status", ok=False).returncode == 3
    assert cksync("status", "--max-age", "1d").returncode == 0


def test_quiet_prints_the_verdict_alone(cksync: Command) -> None:
    assert cksync("status", "--quiet").stdout.splitlines() == [
        "no mirror: no pull was made yet; run `cksync check`, then `cksync pull`"
    ]


@pytest.mark.heavy
def test_rows_are_those_of_the_table_and_records_those_of_the_lists(cksync: Command) -> None:
    cksync("pull", "subscribers")
    streams = json.loads(cksync("status", "--format", "json").stdout)["streams"]
    (found,) = [each for each in streams if each["stream"] == "subscribers"]
    ((rows,),) = (json.loads(cksync("sql", "select count(*) from subscribers", "--format", "json").stdout)[0].values(),)
    assert found["rows"] == rows


@pytest.mark.parametrize("width", some([66, 80, 120], [66]))
def test_it_fits_the_terminal(width: int, cksync: Command, environ: dict[str, str], tmp_path: Path) -> None:
    cksync("pull", "tags")
    cksync("pull", env={"CKSYNC_API_SECRET": "a-secret-of-another-account"}, ok=False)
    _, shown = in_terminal("status", cwd=tmp_path, environ=environ, width=width)
    paths = (str(tmp_path / "data"),)
    assert [line for line in shown.splitlines() if len(line) > width and not any(path in line for path in paths)] == []


# -- lengths of time


@pytest.mark.parametrize(("text", "hours"), [("26h", 26), ("90m", 1.5), ("2d", 48), ("1w", 168), (" 1.5 H ", 1.5)])
def test_a_time_has_a_number_and_a_unit(text: str, hours: float) -> None:
    assert duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "26", "h", "0h", "-1h", "1y", "1h30m"])
def test_any_other_text_is_no_time(cksync: Command, text: str) -> None:
    with pytest.raises(ValueError, match='must be a time such as "26h"'):
        duration(text)


def test_a_length_is_written_in_one_unit() -> None:
    lengths = [timedelta(minutes=1), timedelta(minutes=119), timedelta(hours=26), timedelta(days=3, hours=5)]
    assert [in_words(length) for length in lengths] == ["1 minute", "119 minutes", "26 hours", "3 days"]
