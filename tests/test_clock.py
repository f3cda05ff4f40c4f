"""A wrong clock: refused before anything is written, and its past damage is repaired by a rebuild."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cksync.config import Config
from cksync.errors import Refused
from cksync.folder import Folder
from cksync.load.log import Segment, decode, load_id_at, load_ids, segment_files
from cksync.load.log_files import SCHEMA
from cksync.pipeline.publishing import publish
from kit_sandbox import Sandbox, World, edits, effects, generate
from tests.conftest import Command, some
from tests.support.comparison import differences
from tests.support.published import rows
from tests.support.runs import pulled

AHEAD = timedelta(days=14_610)
SIZES: dict[str, Any] = {"tags": 2, "tag_memberships": 30, "forms": 1, "form_memberships": 10, "sequences": 1}
SIZES |= {"sequence_memberships": 10, "broadcasts": 2, "purchases": 5, "custom_fields": 2}


@pytest.fixture
def world() -> World:
    return generate(60, 3, with_edge_cases=False, **SIZES)


def wrong(days: float) -> Any:
    """Return a clock that is so many days ahead."""
    return lambda: datetime.now(UTC) + timedelta(days=days)


def files(folder: Path) -> dict[str, bytes]:
    """Return the files besides the lock, the ledger, and what `prepare` creates."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.parent.name != "state")
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in found if path.name not in (".gitignore", "format")
    }


@pytest.mark.parametrize("is_first", some([True, False], [False]))
@pytest.mark.parametrize("days", some([AHEAD.days, -2, 1.1], [AHEAD.days]))
def test_clock_that_contradicts_the_server_is_refused_before_anything_is_written(
    days: float, is_first: bool, config: Config, sandbox: Sandbox
) -> None:
    if not is_first:
        pulled(config)
    before, asked = files(config.data_dir), len(sandbox.journal)
    with pytest.raises(Refused, match=r"this machine's clock shows .* UTC, the API's .* nothing was read"):
        pulled(config, wall=wrong(days))
    assert (files(config.data_dir), len(sandbox.journal)) == (before, asked + 1)
    assert pulled(config).exit_status == 0


def test_command_ends_with_4_when_the_clock_is_wrong(cksync: Command, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(effects.dated("Thu, 01 Jan 1987 10:00:00 GMT"), count=None)
    for command in ("pull", "check"):
        done = cksync(command, ok=False)
        assert (done.returncode, "clock shows" in done.stderr) == (4, True)
    assert files(tmp_path / "data") == {}


@pytest.mark.parametrize("text", some(["", "yesterday"], [""]))
def test_answer_without_a_time_refuses_nothing(text: str, config: Config, sandbox: Sandbox, world: World) -> None:
    sandbox.faults.add(effects.dated(text), count=None)
    assert pulled(config, wall=wrong(AHEAD.days)).exit_status == 0
    assert differences(config.data_dir / "mirror.duckdb", world) == []


def put_ahead(log: Path, load_id: str) -> None:
    """Stamp a load as a clock would that is AHEAD, beside the right time of the server."""
    at = datetime.strptime(load_id, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC) + AHEAD
    for path in segment_files(log, load_id):
        table = pq.read_table(path, schema=SCHEMA)
        for name in ("observed_at", "received_at"):
            times = pa.array([time + AHEAD for time in table[name].to_pylist()], type=SCHEMA.field(name).type)
            table = table.set_column(table.schema.get_field_index(name), SCHEMA.field(name), times)
        segments = [ahead(segment, load_id_at(at)) for segment in decode(path)]
        stored: object = segments if "-" in path.name else segments[0]
        target = log / load_id_at(at) / path.name
        target.parent.mkdir(exist_ok=True)
        pq.write_table(table.cast(SCHEMA.with_metadata({"cksync": msgspec.json.encode(stored)})), target)
        path.unlink()
    (log / load_id).rmdir()


def ahead(segment: Segment, load_id: str) -> Segment:
    return replace(
        segment,
        load_id=load_id,
        start=replace(segment.start, started_at=segment.start.started_at + AHEAD),
        checkpoints=tuple(replace(each, read_from=each.read_from + AHEAD) for each in segment.checkpoints),
        end=segment.end and replace(segment.end, ended_at=segment.end.ended_at + AHEAD),
    )


HISTORY = "select id, change, valid_from, valid_to from history.subscribers order by all"


@pytest.mark.heavy
@pytest.mark.parametrize("first", some([0, 1, 2], [1]))
def test_log_from_the_future_is_refused_and_corrected_by_a_rebuild(
    first: int, config: Config, sandbox: Sandbox, world: World, cksync: Command
) -> None:
    """The loads from the `first` on; the history is then as before, to the second of the server's clock."""
    began_at = datetime.now(UTC)
    for number in range(3):
        pulled(config)
        edits.set_first_name(world, min(world.subscribers), f"Name {number}")
    right, everybody = rows(config, HISTORY), len(rows(config, "from subscribers"))
    log = config.data_dir / "log"
    for load_id in load_ids(log)[first:]:
        put_ahead(log, load_id)
    (config.data_dir / "mirror.duckdb").unlink()
    publish(config, Folder(config.data_dir))  # as release 0.1.0 left it: the mirror is from the future, too
    assert len(rows(config, "from as_of.subscribers(now())")) == (everybody if first else 0)
    with pytest.raises(Refused, match="`cksync rebuild` corrects their times"):
        pulled(config)
    done = cksync("rebuild")
    assert "recorded with a clock up to 14,6" in done.stderr
    assert len(rows(config, "from as_of.subscribers(now())")) == everybody
    found = rows(config, HISTORY)
    assert [row[:2] for row in found] == [row[:2] for row in right]
    assert all(abs(new[2] - old[2]) < timedelta(seconds=2) for new, old in zip(found, right, strict=True))
    assert cksync("rebuild").stderr == ""
    assert pulled(config).exit_status == 0
    assert differences(config.data_dir / "mirror.duckdb", world) == []
    newest = rows(config, "select max(started_at), max(_synced_at) from _cksync.loads, subscribers")[0]
    assert all(began_at - timedelta(seconds=2) < at <= datetime.now(UTC) for at in newest)


@pytest.mark.heavy
def test_loads_stamped_after_one_from_the_future_are_corrected_and_keep_their_order(
    config: Config, sandbox: Sandbox, world: World, cksync: Command
) -> None:
    """As release 0.1.0 continued after it: the second load is a moment after the first by its stamps."""
    pulled(config)
    log = config.data_dir / "log"
    put_ahead(log, load_ids(log)[0])
    sandbox.faults.add(effects.dated(), path="/account", count=1)  # nothing is refused, and the load says nothing
    edits.set_first_name(world, min(world.subscribers), "Later")
    pulled(config)
    assert load_ids(log)[1] > load_ids(log)[0] > load_id_at(datetime.now(UTC))
    cksync("rebuild")
    assert all(each < load_id_at(datetime.now(UTC)) for each in load_ids(log))
    assert rows(config, "select first_name from as_of.subscribers(now()) order by id limit 1") == [("Later",)]
    assert pulled(config).exit_status == 0
    assert differences(config.data_dir / "mirror.duckdb", world) == []
