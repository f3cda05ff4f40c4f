"""An endpoint that always fails costs only its own records: faults at every endpoint, over real HTTP."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest

from cksync.api.breaker import MANY, PROBE_EVERY
from cksync.api.http import ATTEMPTS
from cksync.config import Config
from cksync.errors import ApiUnavailable, CksyncError, Failed, Unauthorized
from cksync.pipeline.events import PullReport
from cksync.pipeline.pull import pull
from cksync.pipeline.verify import VerifyReport, verify
from kit_sandbox import Answer, Effect, Sandbox, World, edits, effects, expected_mirror, generate, serve
from kit_sandbox.messages import Request
from tests.conftest import Command, some
from tests.support.changes import change_everything
from tests.support.comparison import differences
from tests.support.published import rows
from tests.support.runs import doubts, found, pulled


def body(text: str) -> Effect:
    """A 200 with any body."""
    return effects.answer_with(Answer(200, text.encode()))


@dataclass(frozen=True)
class Endpoint:
    """Failing paths, the slices reported for them (by prefix), and the tables that may lag."""

    path: str
    slices: tuple[str, ...]
    tables: tuple[str, ...]


ENDPOINTS: Mapping[str, Endpoint] = {
    "custom fields": Endpoint("/custom_fields", ("custom_fields",), ("custom_fields", "subscribers")),
    "forms": Endpoint("/forms", ("forms",), ("forms", "subscriptions", "subscribers")),
    "sequences": Endpoint("/sequences", ("sequences",), ("sequences", "subscriptions", "subscribers")),
    "tags": Endpoint("/tags", ("tags", "subscriptions/tag/"), ("tags", "subscriptions", "subscribers")),
    "people": Endpoint("/subscribers", ("subscribers/",), ("subscribers", "subscriptions")),
    "people by id": Endpoint("/subscribers/[0-9]+", ("subscribers/by_id",), ("subscribers", "subscriptions")),
    "members of tags": Endpoint("/tags/.*", ("subscriptions/tag/",), ("subscriptions", "subscribers")),
    "broadcasts": Endpoint("/broadcasts", ("broadcasts",), ("broadcasts", "broadcast_stats")),
    "details": Endpoint("/broadcasts/[0-9]+", ("broadcasts/detail",), ("broadcasts",)),
    "figures": Endpoint("/broadcasts/[0-9]+/stats", ("broadcast_stats",), ("broadcast_stats",)),
    "all of broadcasts": Endpoint("/broadcasts.*", ("broadcast",), ("broadcasts", "broadcast_stats")),
    "purchases": Endpoint("/purchases", ("purchases",), ("purchases", "purchase_products")),
}

FAULTS: Mapping[str, Effect] = {
    "500": effects.status(500),
    "503 empty": effects.status(503),
    "403": effects.status(403, '{"error": "Forbidden", "message": "not for you"}'),
    "410": effects.status(410),
    "400": effects.status(400, "{}"),
    "422": effects.status(422, "[]"),
    "204": effects.status(204),
    "429": effects.retry_later(),
    "redirect": effects.redirect("https://elsewhere.example/v3"),
    "a web page": effects.html(),
    "half a JSON": effects.garbage(),
    "broken off": effects.truncated(),
    "bad gzip": effects.bad_gzip(),
    "reset": effects.reset(),
    "hang": effects.hang(),
    "a list": body("[1]"),
    "another root": body('{"ok": true}'),
    "nulls": body(
        '{"custom_fields": null, "forms": null, "courses": null, "tags": null, "subscribers": null, "subscriber": null,'
        ' "subscriptions": null, "broadcasts": null, "broadcast": null, "purchases": null}'
    ),
}


@pytest.fixture
def world() -> World:
    """A small account with every edge case, whose active people fill three pages."""
    return generate(150, 7, broadcasts=8)


@pytest.fixture
def quick(config: Config) -> Config:
    """The configuration with waits and a time-out of fractions of a second."""
    return replace(config, api=replace(config.api, rate_period_seconds=0.2, timeout_seconds=0.5))


def fail(sandbox: Sandbox, path: str, effect: Effect) -> None:
    """Let all requests of some paths fail from now on."""
    sandbox.faults.add(effect, path=path, count=None)


def behind(config: Config, world: World) -> set[str]:
    """Return the tables that differ from the account."""
    return {text.partition(":")[0] for text in differences(config.data_dir / "mirror.duckdb", world)}


def missing(config: Config, world: World) -> set[str]:
    """Return the rows of the account that the mirror lacks."""
    return {text for text in differences(config.data_dir / "mirror.duckdb", world) if text.endswith("is missing")}


def noted(config: Config) -> int:
    """Return the requests that the mirror has noted for its last load."""
    found = rows(
        config, "select count(*) from _cksync.requests where load_id = (select max(load_id) from _cksync.loads)"
    )
    return int(str(found[0][0]))


def one_broadcast(world: World) -> int:
    return sorted(world.broadcasts)[5]


# -- one record, one list, one stream


@pytest.mark.heavy
def test_figures_of_one_broadcast_that_cannot_be_had_hold_nothing_else_up(
    quick: Config, sandbox: Sandbox, world: World
) -> None:
    bad = one_broadcast(world)
    fail(sandbox, f"/broadcasts/{bad}/stats", effects.status(500))
    report = pulled(quick)
    doubt = str(doubts(report)["broadcast_stats"])
    assert (report.exit_status, list(doubts(report))) == (3, ["broadcast_stats"])
    assert doubt.startswith(f"record {bad} could not be read: 500 from 127.0.0.1:")
    assert [text for text in differences(quick.data_dir / "mirror.duckdb", world) if str(bad) not in text] == []
    assert noted(quick) == len(sandbox.journal)


@pytest.mark.heavy
def test_what_could_not_be_read_is_asked_for_the_next_night_and_heals(
    quick: Config, sandbox: Sandbox, world: World
) -> None:
    fail(sandbox, f"/broadcasts/{one_broadcast(world)}/stats", effects.status(500))
    assert [pulled(quick).exit_status for _ in range(2)] == [3, 3]
    sandbox.faults.clear()
    assert pulled(quick).exit_status == 0
    assert differences(quick.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_broken_endpoint_of_many_records_costs_a_few_requests(quick: Config, sandbox: Sandbox, world: World) -> None:
    for number in range(200):
        edits.add_broadcast(world, f"subject {number}")
    path = "/broadcasts/[0-9]+/stats"
    fail(sandbox, path, effects.status(500))
    report = pulled(quick)
    asked = sum(entry.path.endswith("/stats") for entry in sandbox.journal)
    assert asked < 2 * quick.api.concurrency * ATTEMPTS + MANY + len(world.broadcasts) / PROBE_EVERY
    assert list(doubts(report)) == ["broadcast_stats"]
    assert "and 203 more could not be read" in str(doubts(report)["broadcast_stats"])


@pytest.mark.heavy
def test_outage_of_an_endpoint_that_passes_heals_within_the_run(quick: Config, sandbox: Sandbox, world: World) -> None:
    for number in range(200):
        edits.add_broadcast(world, f"subject {number}")
    sandbox.faults.add(effects.status(500), path="/broadcasts/[0-9]+/stats", nth=3, count=40)
    report = pulled(quick)
    assert (report.exit_status, doubts(report)) == (0, {})
    assert differences(quick.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_page_that_cannot_be_had_hides_nobody_on_the_others(quick: Config, sandbox: Sandbox, world: World) -> None:
    sandbox.faults.add(
        effects.status(500),
        path="/subscribers",
        where=lambda request: request.params.get("page") == "2" and "sort_field" not in request.params,
        count=None,
    )
    report = pulled(quick)
    assert "page 2 could not be read" in str(doubts(report)["subscribers/active"])
    people = [text for text in differences(quick.data_dir / "mirror.duckdb", world) if text.startswith("subscribers:")]
    assert set(people) <= missing(quick, world)
    assert len(people) <= 50
    sandbox.faults.clear()
    assert pulled(quick).exit_status == 0
    assert differences(quick.data_dir / "mirror.duckdb", world) == []


def test_refused_purchases_hold_nothing_else_up(quick: Config, sandbox: Sandbox, world: World) -> None:
    fail(sandbox, "/purchases", FAULTS["403"])
    report = pulled(quick)
    assert (report.exit_status, list(doubts(report))) == (3, ["purchases"])
    assert behind(quick, world) == {"purchases", "purchase_products"}


@pytest.mark.heavy
def test_tags_that_cannot_be_listed_keep_their_members_up_to_date(
    quick: Config, sandbox: Sandbox, world: World
) -> None:
    pulled(quick)
    person = next(key for key, row in expected_mirror(world).subscribers.items() if row["state"] == "active")
    for tag in list(world.parents["tag"]):
        edits.tag(world, person, tag)
    fail(sandbox, "/tags", effects.status(404, "{}"))
    report = pulled(quick)
    assert (report.exit_status, list(doubts(report))) == (3, ["tags"])
    assert differences(quick.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_doubt_about_a_record_ends_when_the_record_does(quick: Config, sandbox: Sandbox, world: World) -> None:
    bad = one_broadcast(world)
    fail(sandbox, f"/broadcasts/{bad}(/stats)?", effects.status(500))
    assert pulled(quick).exit_status == 3
    edits.delete_broadcast(world, bad)
    assert pulled(quick).exit_status == 0
    assert rows(quick, "select slice from _cksync.slices where not is_complete") == []


# Each fault at every ninth endpoint, so that each endpoint has about two; first pulls and nights alternate.
PAIRS = [
    (name, fault, (row + column) % 2 == 0)
    for row, name in enumerate(ENDPOINTS)
    for column, fault in enumerate(FAULTS)
    if (row + 2 * column) % 9 == 0
]


@pytest.mark.heavy
@pytest.mark.parametrize(("name", "fault", "is_first"), PAIRS)
def test_fault_at_an_endpoint(
    name: str, fault: str, is_first: bool, quick: Config, sandbox: Sandbox, world: World
) -> None:
    """... is reported, deletes no row, leaves all other tables equal, and is cleared once it has passed."""
    endpoint = ENDPOINTS[name]
    if not is_first:
        pulled(quick)
        change_everything(world)
    fail(sandbox, endpoint.path, FAULTS[fault])
    new = None if is_first else missing(quick, world)
    sandbox.journal.clear()
    report = pulled(quick)
    is_asked = any(rule.fired for rule in sandbox.faults.rules)
    assert is_asked or is_first
    assert report.exit_status == (3 if is_asked else 0)
    assert all(each.startswith(endpoint.slices) for each in doubts(report))
    assert behind(quick, world) <= {*endpoint.tables}
    assert noted(quick) == len(sandbox.journal)
    assert new is None or missing(quick, world) <= new
    sandbox.faults.clear()
    assert pulled(quick).exit_status == 0
    *_, findings = verify(quick, repair=True)
    assert isinstance(findings, VerifyReport)
    assert findings.exit_status == 0
    assert differences(quick.data_dir / "mirror.duckdb", world) == []


# -- everything


def after(path: str) -> Callable[[Request], bool]:
    """Return the failing requests: all of them, from the first one of a path on."""
    asked: set[str] = set()

    def fails(request: Request) -> bool:
        asked.add(request.path)
        return path in asked

    return fails


@pytest.mark.parametrize("fault", some(["500", "a web page", "reset"], ["500"]))
def test_account_that_does_not_answer_ends_the_run(fault: str, quick: Config, sandbox: Sandbox) -> None:
    fail(sandbox, "/account", FAULTS[fault])
    with pytest.raises(ApiUnavailable, match=r"GET account: .*tried 7 times"):
        pulled(quick)
    assert len(sandbox.journal) == ATTEMPTS


@pytest.mark.heavy
@pytest.mark.parametrize("path", some(["/forms", "/subscribers", "/broadcasts", "/purchases"], ["/forms"]))
def test_api_that_goes_down_during_the_run_ends_it_soon(path: str, quick: Config, sandbox: Sandbox) -> None:
    pulled(quick)
    mirror = (quick.data_dir / "mirror.duckdb").read_bytes()
    sandbox.journal.clear()
    sandbox.faults.add(effects.status(503), where=after(path), count=None)
    with pytest.raises(ApiUnavailable, match="the account endpoint does not respond either"):
        pulled(quick)
    assert sandbox.journal.count(status=503) <= 2 * quick.api.concurrency * ATTEMPTS  # not seven for each record
    assert (quick.data_dir / "mirror.duckdb").read_bytes() == mirror


REVOKED: Mapping[str, tuple[int, type[CksyncError]]] = {
    "401": (401, Unauthorized),
    "403": (403, Unauthorized),
    "410": (410, Failed),
}


@pytest.mark.parametrize("name", some([*REVOKED], ["401"]))
def test_api_that_is_taken_away_during_the_run_ends_it_at_once(name: str, quick: Config, sandbox: Sandbox) -> None:
    status, kind = REVOKED[name]
    sandbox.faults.add(effects.status(status), where=after("/broadcasts"), count=None)
    with pytest.raises(kind):
        pulled(quick)
    assert sandbox.journal.count(status=status) <= 2


@pytest.mark.parametrize("fault", some(["500", "403", "410"], ["410"]))
def test_account_alone_that_answers_ends_the_run_and_publishes_nothing(
    fault: str, quick: Config, sandbox: Sandbox
) -> None:
    fail(sandbox, "/(?!account).*", FAULTS[fault])
    with pytest.raises(ApiUnavailable, match="only the account itself can be read"):
        pulled(quick)
    assert not (quick.data_dir / "mirror.duckdb").exists()


# -- other commands, and what users see


@pytest.mark.heavy
@pytest.mark.parametrize("repair", some([False, True], [False]))
def test_verify_names_what_it_could_not_read_and_proves_the_rest(
    repair: bool, quick: Config, sandbox: Sandbox, world: World
) -> None:
    pulled(quick)
    fail(sandbox, "/purchases", effects.status(500))
    fail(sandbox, "/broadcasts/[0-9]+/stats", effects.status(403))
    findings = found(quick, repair=repair)
    incomplete = [each.stream for each in findings.findings if each.verdict == "incomplete"]
    assert (findings.exit_status, incomplete) == (3, ["broadcast_stats", "purchases"])
    assert differences(quick.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_full_reading_keeps_what_it_could_not_read(quick: Config, sandbox: Sandbox, world: World) -> None:
    pulled(quick)
    fail(sandbox, "/purchases", effects.status(500))
    assert list(doubts(pulled(quick, depth="full"))) == ["purchases"]
    assert differences(quick.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_pull_of_the_failing_stream_alone_publishes_and_names_it(quick: Config, sandbox: Sandbox, world: World) -> None:
    pulled(quick)
    fail(sandbox, "/purchases", effects.status(500))
    report = pulled(quick, streams=["purchases", "tags"])
    assert (report.exit_status, list(doubts(report))) == (3, ["purchases"])
    assert differences(quick.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_pull_that_goes_on_asks_again_for_what_could_not_be_read(quick: Config, sandbox: Sandbox, world: World) -> None:
    fail(sandbox, "/(tags|broadcasts/[0-9]+/stats)", effects.status(400))
    events = pull(quick)
    for event in events:
        if not isinstance(event, PullReport) and getattr(getattr(event, "slice", None), "stream", "") == "purchases":
            break
    events.close()  # type: ignore[attr-defined] # it is a generator
    sandbox.faults.clear()
    assert pulled(quick).exit_status == 0
    assert differences(quick.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_every_try_counts_against_the_limit(quick: Config, world: World, tmp_path: Path) -> None:
    with serve(world, rate_limit=40, rate_period_seconds=0.5) as strict:
        fail(strict, "/broadcasts/.*", effects.status(500))
        api = replace(quick.api, base_url=strict.url, rate_limit=40, rate_period_seconds=0.5, timeout_seconds=5.0)
        assert pulled(replace(quick, api=api)).exit_status == 3
        assert strict.violations() == 0


def test_command_says_what_failed_with_quiet_and_in_status(
    cksync: Command, sandbox: Sandbox, world: World, tmp_path: Path
) -> None:
    bad = one_broadcast(world)
    fail(sandbox, f"/broadcasts/{bad}/stats", effects.status(403))
    done = cksync("pull", "--quiet", ok=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"cksync: incomplete: broadcast_stats: record {bad} could not be read: 127.0.0.1:")
    shown = json.loads(cksync("status", "--format", "json").stdout)
    ((name, doubt),) = shown["incomplete"]
    assert (name, f"record {bad} could not be read" in doubt, shown["loads"][0]["exit_status"]) == (
        "broadcast_stats",
        True,
        3,
    )
    with duckdb.connect(str(tmp_path / "data" / "mirror.duckdb"), read_only=True) as db:
        tries = db.execute(
            "select status, problem from _cksync.requests where endpoint = ?", [f"broadcasts/{bad}/stats"]
        )
        assert {(status, "responded with 403" in problem) for status, problem in tries.fetchall()} == {(403, True)}
