"""A resumed pull ends with the current account, whatever happened since the stop."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest

from cksync.config import Config
from cksync.errors import CksyncError, Interrupted
from cksync.extract.schedule import Depth
from cksync.folder import Folder
from cksync.pipeline.events import Note, PullReport
from cksync.pipeline.publishing import rebuild
from cksync.pipeline.pull import pull
from kit_sandbox import Sandbox, World, edits, effects, generate
from tests.conftest import some
from tests.support.comparison import differences

SIZES: dict[str, Any] = {"tags": 3, "tag_memberships": 150, "forms": 2, "form_memberships": 90, "sequences": 1}
SIZES |= {"sequence_memberships": 60, "broadcasts": 4, "purchases": 55, "custom_fields": 3}
# The approximate requests of a pull of this account: later stops have no effect.
FIRST, NIGHT = 29, 22


@pytest.fixture
def world() -> World:
    return generate(130, 3, with_edge_cases=False, **SIZES)


def mirror(config: Config) -> Path:
    return config.data_dir / "mirror.duckdb"


def pulled(config: Config, **given: Any) -> tuple[PullReport, list[str]]:
    """Return the report of a complete pull, and its notes."""
    *events, report = pull(config, **given)
    assert isinstance(report, PullReport)
    return report, [event.text for event in events if isinstance(event, Note)]


def stopped(config: Config, sandbox: Sandbox, request: int, how: str = "signal", **given: Any) -> bool:
    """Run a pull that ends at its nth request; False if it finished before. `how` is `signal`, or `kill`."""
    stop = threading.Event()
    rule = sandbox.faults.add(effects.edit_before(stop.set), nth=request)
    with contextlib.closing(pull(config, stop=None if how == "kill" else stop, **given)) as events:  # type: ignore[type-var] # a generator
        try:
            for _ in events:
                if how == "kill" and stop.is_set():
                    return True
        except Interrupted:
            return True
        finally:
            sandbox.faults.rules.remove(rule)
    return False


def live(world: World, number: int = 0) -> None:
    """Make changes in every list that a nightly pull has to find."""
    active = [key for key, row in sorted(world.subscribers.items()) if row.state == "active"][number:]
    cancelled = [key for key, row in sorted(world.subscribers.items()) if row.state == "cancelled"]
    tag = edits.add_tag(world, f"new {number}")
    for person in active[:7]:
        edits.tag(world, person, tag)
    for kind, leave in (("tag", edits.untag), ("form", edits.leave_form), ("sequence", edits.finish_sequence)):
        for parent in world.parents[kind]:  # type: ignore[index] # one of the kinds
            roster = world.rosters[kind, parent]  # type: ignore[index]
            for person in sorted(row.subscriber_id for row in roster.members.values())[:2]:
                leave(world, person, parent)
    edits.cancel(world, active[8])
    edits.cancel(world, active[9])
    edits.bounce(world, active[10])
    edits.delete_subscriber(world, active[11])
    edits.reactivate(world, cancelled[number])
    edits.set_first_name(world, active[12], f"Changed {number}")
    edits.tag(world, edits.add_subscriber(world, f"new{number}@example.com"), min(world.parents["tag"]))
    edits.rename_custom_field(world, min(world.custom_fields), f"Label {number}")
    edits.send_broadcast(world, edits.add_broadcast(world, f"Mail {number}"))
    edits.delete_broadcast(world, min(world.broadcasts))
    edits.add_purchase(world, f"new{number}@example.com", total=12.5)


STOPS = [14, 26]


@pytest.mark.heavy
@pytest.mark.parametrize("how", some(["signal", "kill"], ["kill"]))
@pytest.mark.parametrize("request_number", some(range(2, FIRST + 4, 4), STOPS[:1]))
def test_first_pull_that_was_stopped_ends_with_the_account_as_it_is(
    request_number: int, how: str, config: Config, sandbox: Sandbox, world: World
) -> None:
    is_stopped = stopped(config, sandbox, request_number, how)
    live(world)
    report, _ = pulled(config)
    assert (report.exit_status, report.message) == (0, "complete")
    assert differences(mirror(config), world) == []
    assert is_stopped or request_number >= FIRST


@pytest.fixture
def known(config: Config, sandbox: Sandbox, world: World) -> Config:
    pulled(config)
    live(world, 1)
    return config


COMMANDS: list[tuple[Depth, Depth]] = [(first, then) for first in get_args(Depth) for then in get_args(Depth)]


@pytest.mark.parametrize("request_number", some(range(2, FIRST + 4, 10), [12]))
@pytest.mark.parametrize("depths", some(COMMANDS, [("nightly", "nightly")]))
def test_pull_that_was_stopped_ends_with_the_account_as_it_is(
    depths: tuple[Depth, Depth], request_number: int, known: Config, sandbox: Sandbox, world: World
) -> None:
    """And a rebuild gives the same. The existing mirror stays as it is until then."""
    first, then = depths
    before = mirror(known).read_bytes()
    is_stopped = stopped(known, sandbox, request_number, "kill", depth=first)
    assert not is_stopped or mirror(known).read_bytes() == before
    live(world, 2)
    report, notes = pulled(known, depth=then)
    assert (report.exit_status, report.message) == (0, "complete")
    assert differences(mirror(known), world) == []
    assert any("continuing" in note for note in notes) == (report.since is not None)
    if then == "full" and first != "full":
        assert report.since is None
    rows = everything(known)
    rebuild(known, Folder(known.data_dir))
    assert everything(known) == rows


def everything(config: Config) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of main and history."""
    with duckdb.connect(str(mirror(config)), read_only=True) as db:
        found = "select schema_name, table_name from duckdb_tables() where schema_name in ('main', 'history')"
        names = db.execute(found).fetchall()
        return {f"{s}.{t}": db.execute(f'select * from {s}."{t}" order by all').fetchall() for s, t in names}


@pytest.mark.heavy
@pytest.mark.parametrize("again", some(range(2, NIGHT + 20, 6), [26]))
def test_pull_that_is_stopped_again_while_it_goes_on_leaves_the_mirror_and_nothing_out(
    again: int, known: Config, sandbox: Sandbox, world: World
) -> None:
    """Stopped a second time before, or while it updates what was read before the first stop."""
    before = mirror(known).read_bytes()
    assert stopped(known, sandbox, 14, "kill")
    live(world, 2)
    if stopped(known, sandbox, again):
        assert mirror(known).read_bytes() == before
    live(world, 3)
    assert pulled(known)[0].exit_status == 0
    assert differences(mirror(known), world) == []
    assert not (known.data_dir / "state" / "staged").exists()


@pytest.mark.heavy
def test_full_pull_goes_on_with_a_stopped_full_one_only_and_says_since_when(known: Config, sandbox: Sandbox) -> None:
    assert stopped(known, sandbox, 16)
    report, notes = pulled(known, depth="full")
    assert (report.since, [note for note in notes if "going on" in note]) == (None, [])
    assert stopped(known, sandbox, 16, depth="full")
    report, notes = pulled(known, depth="full")
    assert report.since is not None
    assert f"{report.since:%Y-%m-%d %H:%M} UTC: rows read then are kept" in " ".join(notes)


@pytest.mark.heavy
def test_what_a_pull_that_goes_on_reads_itself_is_not_asked_for_twice(config: Config, sandbox: Sandbox) -> None:
    """The account and the short lists are, and as on a night what was read before the stop: one request per list."""
    assert stopped(config, sandbox, 14)
    first = len(sandbox.journal)
    sandbox.journal.clear()
    pulled(config)
    there = {entry.path for entry in sandbox.journal if "/subscriptions" in entry.path}
    asked = [entry.path for entry in sandbox.journal if "/subscriptions" in entry.path]
    assert len(asked) <= len(there) + 6
    assert len(sandbox.journal) <= FIRST - first + 5 + first


@pytest.mark.heavy
@pytest.mark.parametrize("then", ["tags", "subscribers", "purchases"])
def test_pull_of_one_stream_that_goes_on_is_up_to_date_and_leaves_the_rest_to_the_next(
    then: str, known: Config, sandbox: Sandbox, world: World
) -> None:
    assert stopped(known, sandbox, 20, depth="full")
    live(world, 2)
    assert pulled(known, streams=[then])[0].exit_status == 0
    of_stream = [text for text in differences(mirror(known), world) if text.startswith(f"{then}:")]
    assert [text for text in of_stream if "fields" not in text] == []
    assert pulled(known)[0].exit_status == 0
    assert differences(mirror(known), world) == []


@pytest.mark.heavy
def test_api_that_fails_while_a_pull_catches_up_fails_it_and_keeps_what_was_read(
    known: Config, sandbox: Sandbox, world: World
) -> None:
    before = mirror(known).read_bytes()
    assert stopped(known, sandbox, 18)
    live(world, 2)
    failing = _fails_when(lambda note: "catching up" in note, known, sandbox)
    with pytest.raises(CksyncError):
        list(failing)
    assert mirror(known).read_bytes() == before
    sandbox.faults.clear()
    assert pulled(known)[0].exit_status == 0
    assert differences(mirror(known), world) == []


def _fails_when(is_time: Callable[[str], bool], config: Config, sandbox: Sandbox) -> Iterator[object]:
    """Run a pull whose API is switched off once it has noted something."""
    for event in pull(config):
        if isinstance(event, Note) and is_time(event.text):
            sandbox.faults.add(effects.status(410), count=None)
        yield event


@pytest.mark.heavy
def test_pull_that_died_before_the_mirror_took_its_place_is_brought_up_to_date(
    known: Config, sandbox: Sandbox, world: World
) -> None:
    before = mirror(known).read_bytes()
    pulled(known)
    mirror(known).write_bytes(before)  # as if it had died just before the rename
    live(world, 2)
    assert pulled(known)[0].exit_status == 0
    assert differences(mirror(known), world) == []
