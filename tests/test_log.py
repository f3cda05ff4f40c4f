"""The log: complete segments or none, records byte for byte, and what the loads of a round add up to."""

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cksync.domain import (
    ACTIVE,
    CANCELLED,
    PURCHASES,
    Attempt,
    Checkpoint,
    LoadEnd,
    Page,
    Record,
    Request,
    Slice,
    members,
    whole,
)
from cksync.errors import Failed
from cksync.load.compact import compact
from cksync.load.log import (
    REQUESTS,
    Load,
    Start,
    Writer,
    is_published,
    keys_by_slice,
    load_ids,
    newest_observation,
    open_round,
    pinned_account,
    read_load,
    segment_count,
    segment_files,
    was_ever_finished,
)
from cksync.load.log_files import PORTION_BYTES
from tests.conftest import examples
from tests.support.log_builder import LoadBuilder, LogBuilder, at

TAGS = whole("tags")
TAG = members("tag", "7")


def every_round(log: Path) -> list[Load]:
    """Return the open round if everything finished is published, too."""
    return open_round(log)


def texts(path: Path) -> list[str | None]:
    """Return the records of a segment, as stored."""
    column: list[str | None] = pq.read_table(path, columns=["record"]).column(0).to_pylist()
    return column


def only_segment(log: LogBuilder) -> Path:
    (load_id,) = load_ids(log.folder.log)
    (path,) = segment_files(log.folder.log, load_id)
    return path


# -- segments


OWN_TEXTS = [
    '{"id":1,"total":12345678901234.5678}',
    '{"id":1,"total":1e3}',
    '{"id":1,"total":19.990000000000002,"more":123456789012345678901234567890}',
    '{"id":1,"total":1e400}',
    '{ "id" : 1 ,\t"name" :\n"spaces" }',
    '{"id":1,"name":"Nu\\u0000l \\u00e9 \\ud83d\\ude00 \\/"}',
    '{"id":1,"name":"Zoë 🚀 نور"}',
    '{"id":1,"id":2,"":"empty key"}',
]


@pytest.mark.parametrize("text", OWN_TEXTS)
def test_record_keeps_its_own_text_byte_for_byte(log: LogBuilder, text: str) -> None:
    log.write(PURCHASES, 0, [Record("1", text.encode())])
    assert texts(only_segment(log)) == [text]


def test_rows_say_where_and_when_they_were_seen(log: LogBuilder) -> None:
    page = Page(
        Request(TAG, "tags/7/subscriptions", {}, 3), at(1), at(2), None, (), (Record("5", b"{}"), Record(None, b"[]"))
    )
    writer = log.begin().writer
    writer.add(page, Checkpoint(TAG, at(0), at(0)))
    writer.flush()
    assert pq.read_table(only_segment(log)).to_pylist() == [
        {
            "stream": "subscriptions",
            "slice": "subscriptions/tag/7",
            "page": 3,
            "position": place,
            "key": key,
            "observed_at": at(1),
            "received_at": at(2),
            "record": text,
        }
        for place, (key, text) in enumerate((("5", "{}"), (None, "[]")), 1)
    ]


def test_tombstone_is_a_row_without_a_record(log: LogBuilder) -> None:
    log.write(ACTIVE, 0, [Record("5", None)])
    assert texts(only_segment(log)) == [None]


def test_requests_made_are_rows_of_the_log_too(log: LogBuilder) -> None:
    attempt = Attempt(at(0), "tags", "page=1", 500, 12, None, "500 from api.example", "tags", "tags")
    writer = log.begin().writer
    writer.add_attempts([attempt])
    writer.flush()
    (text,) = texts(only_segment(log))
    stored = json.loads(text or "")
    stored.pop("requested_at", None)  # the row's own time
    assert stored == {
        "endpoint": "tags",
        "params": "page=1",
        "status": 500,
        "milliseconds": 12,
        "rows": None,
        "problem": "500 from api.example",
        "stream": "tags",
        "slice": "tags",
    }
    assert read_load(log.folder.log, log.ids[0]).segments[0].streams == (REQUESTS,)


def test_records_and_the_checkpoint_they_make_true_are_in_one_file(log: LogBuilder) -> None:
    load = log.begin()
    load.page(TAG, 0, [{"id": 1}], number=1)
    load.page(TAG, 1, [{"id": 2}], number=2, read_from=0)
    load.store()
    stored = read_load(log.folder.log, log.ids[0])
    assert len(texts(only_segment(log))) == 2
    assert [(c.slice, c.next_page, c.read_from) for c in stored.segments[0].checkpoints] == [(TAG, 3, at(0))]


def test_segment_is_stored_when_enough_pages_have_come(log: LogBuilder) -> None:
    writer = Writer(log.folder.log, "load", Start(at(0), ""), flush_pages=3, ticks=lambda: 0.0)
    load = LoadBuilder(writer)
    for number in range(1, 10):
        load.page(TAG, number, [{"id": number}], number=number)
        assert writer.segments == number // 3
    assert sum(len(texts(path)) for path in segment_files(log.folder.log, "load")) == 9


def test_segment_is_stored_when_a_second_has_passed_since_the_last(log: LogBuilder) -> None:
    ticks = iter([100.0, 100.5, 101.0, 101.0, 101.999, 102.5, 102.5])  # begins, checks, checks and stores ...
    writer = Writer(log.folder.log, "load", Start(at(0), ""), flush_pages=100, ticks=lambda: next(ticks))
    stored = []
    for number in range(1, 5):
        LoadBuilder(writer).page(TAG, number, [{"id": number}], number=number)
        stored.append(writer.segments)
    assert stored == [0, 1, 1, 2]


def test_nothing_new_writes_no_segment(log: LogBuilder) -> None:
    writer = log.begin().writer
    writer.flush()
    assert (writer.segments, load_ids(log.folder.log)) == (0, [])


def test_checkpoint_without_a_page_is_stored_as_well(log: LogBuilder) -> None:
    writer = log.begin().writer
    writer.mark([Checkpoint(TAG, at(0), at(0), is_done=True)])
    writer.flush()
    assert read_load(log.folder.log, log.ids[0]).checkpoints[TAG.name].is_done


def test_kill_while_a_segment_is_written_leaves_the_log_as_it_was(log: LogBuilder) -> None:
    """A file that was not renamed yet does not exist."""
    log.write(TAG, 0, [{"id": 1}])
    whole_file = only_segment(log)
    (whole_file.parent / ".000002.parquet.new").write_bytes(whole_file.read_bytes()[:100])
    unborn = log.folder.log / "20990101T000000.000000Z"
    unborn.mkdir()
    (unborn / ".000001.parquet.new").write_bytes(b"PAR1")
    assert load_ids(log.folder.log) == log.ids
    assert [segment.number for segment in read_load(log.folder.log, log.ids[0]).segments] == [1]
    assert newest_observation(log.folder.log) == at(0)


def test_segments_are_stored_under_a_temporary_name_that_is_gone_after(log: LogBuilder) -> None:
    log.write(TAG, 0, [{"id": 1}])
    assert os.listdir(log.folder.log / log.ids[0]) == ["000001.parquet"]


def test_log_is_for_its_owner_alone_whatever_the_umask(log: LogBuilder) -> None:
    before = os.umask(0)
    try:
        log.write(TAG, 0, [{"id": 1}])
    finally:
        os.umask(before)
    path = only_segment(log)
    assert [stat.S_IMODE(p.stat().st_mode) for p in (path, path.parent, log.folder.log)] == [0o600, 0o700, 0o700]


def test_log_that_cannot_be_written_is_one_clear_sentence(log: LogBuilder) -> None:
    load = log.begin()
    log.folder.log.rmdir()
    log.folder.log.write_text("a file where a folder should be")
    load.page(TAG, 0, [{"id": 1}])
    with pytest.raises(Failed, match=rf"^log: .*{log.ids[0]} cannot be written: Not a directory$"):
        load.store()


def test_segment_that_was_not_stored_is_stored_by_the_next_try(log: LogBuilder) -> None:
    load = log.begin()
    log.folder.log.rename(away := log.folder.root / "away")
    load.page(TAG, 0, [{"id": 1}])
    with pytest.raises(Failed):
        load.store()
    away.rename(log.folder.log)
    load.store()
    assert texts(only_segment(log)) == ['{"id": 1}']


# -- a damaged log


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def overwritten(path: Path) -> None:
    path.write_text("not a Parquet file")


def of_somebody_else(path: Path) -> None:
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)


def of_another_shape(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"cksync": json.dumps({"format": 1, "load_id": 5})}), path)


def of_no_json(path: Path) -> None:
    pq.write_table(pq.read_table(path).replace_schema_metadata({"cksync": "{"}), path)


DAMAGES = [cut_off, emptied, overwritten, of_somebody_else, of_another_shape, of_no_json]
Damage = Callable[[Path], None]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damaged_segment_is_named_in_one_sentence(log: LogBuilder, damage: Damage) -> None:
    log.write(TAG, 0, [{"id": 1}])
    damage(path := only_segment(log))
    for read in (lambda folder: read_load(folder, log.ids[0]), every_round, pinned_account, was_ever_finished):
        with pytest.raises(Failed, match=rf"^log: {path} is damaged \(\w+\); restore it from a backup, .*") as caught:
            read(log.folder.log)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", [cut_off, emptied, overwritten], ids=lambda damage: damage.__name__)
def test_segment_without_readable_rows_is_named_too(log: LogBuilder, damage: Damage) -> None:
    """A pull reads the newest time first, before any metadata."""
    log.write(TAG, 0, [{"id": 1}])
    load = read_load(log.folder.log, log.ids[0])
    damage(path := only_segment(log))
    with pytest.raises(Failed, match=rf"^log: {path} is damaged"):
        newest_observation(log.folder.log)
    with pytest.raises(Failed, match=rf"^log: {path} is damaged"):
        keys_by_slice([load], load.checkpoints)


def test_segment_damaged_in_its_middle_is_named(log: LogBuilder) -> None:
    log.write(TAG, 0, [{"id": n, "state": f"{n * n:x}"} for n in range(20_000)])
    load, path = read_load(log.folder.log, log.ids[0]), only_segment(log)
    data = bytearray(path.read_bytes())
    data[4 : len(data) // 2] = bytes(len(data) // 2 - 4)
    path.write_bytes(bytes(data))
    with pytest.raises(Failed, match=rf"^log: {path} is damaged"):
        keys_by_slice([load], load.checkpoints)


# -- loads and rounds


def test_load_folds_to_the_last_checkpoint_of_each_slice(log: LogBuilder) -> None:
    load = log.begin()
    load.page(TAG, 0, [{"id": 1}], number=1)
    load.page(ACTIVE, 1, [{"id": 2}])
    load.store()
    load.page(TAG, 2, [{"id": 3}], number=2, read_from=0, is_complete=True)
    load.end(3)
    stored = read_load(log.folder.log, log.ids[0])
    assert {name: (c.next_page, c.is_complete) for name, c in stored.checkpoints.items()} == {
        TAG.name: (3, True),
        ACTIVE.name: (2, False),
    }
    assert stored.end == LoadEnd(at(3), 0, "done", True)
    assert (stored.start.account, stored.start.started_at) == ("kai@example.com", at(0))


def test_killed_load_has_no_end(log: LogBuilder) -> None:
    load = log.begin()
    load.page(TAG, 0, [{"id": 1}])
    load.store()
    assert read_load(log.folder.log, log.ids[0]).end is None


def test_end_that_was_taken_back_counts_as_the_last_one_says(log: LogBuilder) -> None:
    """A pull whose publish failed: read to the end, and yet not finished."""
    load = log.begin()
    load.page(TAG, 0, [{"id": 1}])
    load.end(1)
    load.end(2, exit_status=1, is_finished=False)
    assert [load.load_id for load in every_round(log.folder.log)] == log.ids
    assert not was_ever_finished(log.folder.log)


def test_round_is_all_loads_since_the_last_finished_one(log: LogBuilder) -> None:
    assert every_round(log.folder.log) == []
    log.write(TAG, 0, [])
    assert (every_round(log.folder.log), was_ever_finished(log.folder.log)) == ([], True)
    killed = log.begin(1)
    killed.page(TAG, 1, [{"id": 1}])
    killed.store()
    stopped = log.begin(2)
    stopped.page(TAG, 2, [{"id": 1}])
    stopped.end(2, exit_status=130, is_finished=False)
    assert [load.load_id for load in every_round(log.folder.log)] == log.ids[1:3]
    log.write(TAG, 3, [])
    assert every_round(log.folder.log) == []


def test_load_that_was_read_to_its_end_may_not_be_published_yet(log: LogBuilder) -> None:
    """Killed in between: the next pull resumes from what was read."""
    assert is_published(log.folder.log, set())
    log.write(TAG, 0, [])
    log.write(TAG, 1, [])
    log.begin(2).store()
    assert not is_published(log.folder.log, {log.ids[0]})
    assert is_published(log.folder.log, {log.ids[1]})
    assert open_round(log.folder.log) == []


def test_keys_of_a_slice_count_from_its_first_observation_that_counts(log: LogBuilder) -> None:
    """An older read of the same slice, and other slices, do not count."""
    first = log.begin()
    first.page(TAG, 0, [{"id": 1}, {"id": 2}])
    first.page(ACTIVE, 5, [{"id": 9}])
    first.store()
    second = log.begin(10)
    second.page(TAG, 10, [{"id": 2}, {"id": 3}], number=1)
    second.store()
    second.page(TAG, 11, [{"id": 3}, {"id": 4}, Record(None, b"[]")], number=2, read_from=10)
    second.store()
    loads = [read_load(log.folder.log, load_id) for load_id in load_ids(log.folder.log)]
    found = keys_by_slice(loads, {TAG.name: loads[1].checkpoints[TAG.name]})[0]
    assert found == {TAG.name: {"2", "3", "4"}}


def test_keys_include_those_that_the_api_said_are_not_there(log: LogBuilder) -> None:
    """A 404 is a response: it is not requested again."""
    log.write(ACTIVE, 0, [Record("5", None)])
    load = read_load(log.folder.log, log.ids[0])
    assert keys_by_slice([load], load.checkpoints)[0] == {ACTIVE.name: {"5"}}


def test_newest_observation_is_that_of_the_newest_segment_with_rows(log: LogBuilder) -> None:
    assert newest_observation(log.folder.log) is None
    load = log.begin()
    load.page(TAG, 7, [{"id": 1}])
    load.page(ACTIVE, 3, [{"id": 1}])
    load.store()
    load.end(9)
    assert newest_observation(log.folder.log) == at(7)


def test_log_is_pinned_to_the_account_of_the_newest_load_that_knew_it(log: LogBuilder) -> None:
    assert pinned_account(log.folder.log) is None
    for account in ("kai@example.com", "kai@example.org", ""):
        load = log.begin(account=account)
        load.end()
    assert pinned_account(log.folder.log) == "kai@example.org"


def test_folder_without_a_log_has_no_loads(tmp_path: Path) -> None:
    assert load_ids(tmp_path / "nowhere") == []


# -- any segment

TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
SLICES = st.sampled_from([TAG, ACTIVE, CANCELLED, TAGS, Slice("purchases", "purchases/ünd'so\"weiter")])
CHECKPOINTS = st.builds(
    Checkpoint,
    slice=SLICES,
    began_at=TIMES,
    read_from=TIMES,
    next_page=st.integers(1, 2**31),
    mend=st.lists(st.integers(1, 5)).map(tuple),
    rows=st.integers(0, 2**40),
    total=st.none() | st.integers(0, 2**40),
    is_done=st.booleans(),
    is_complete=st.booleans(),
    doubt=st.none() | st.text(),
    is_gone=st.booleans(),
)
RECORDS = st.builds(Record, key=st.none() | st.text(), text=st.none() | st.text().map(str.encode))


@settings(max_examples=examples(20, 60), deadline=None)
@given(
    st.lists(st.tuples(CHECKPOINTS, st.lists(RECORDS, max_size=3), TIMES, TIMES), max_size=4),
    st.none() | st.builds(LoadEnd, TIMES, st.sampled_from([0, 1, 3, 130]), st.text(), st.booleans()),
)
def test_any_load_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    pages: list[tuple[Checkpoint, list[Record], datetime, datetime]],
    end: LoadEnd | None,
) -> None:
    log = LogBuilder(tmp_path_factory.mktemp("data"))
    writer = log.begin().writer
    for checkpoint, records, sent_at, received_at in pages:
        request = Request(checkpoint.slice, "path")
        writer.add(Page(request, sent_at, received_at, None, (), tuple(records)), checkpoint)
    writer.flush(end)
    if not pages and end is None:
        assert load_ids(log.folder.log) == []
        return
    load = read_load(log.folder.log, log.ids[0])
    assert load.end == end
    assert load.checkpoints == {checkpoint.slice.name: checkpoint for checkpoint, *_ in pages}
    stored = [row for path in segment_files(log.folder.log, log.ids[0]) for row in pq.read_table(path).to_pylist()]
    assert [(row["slice"], row["key"], row["record"], row["observed_at"], row["received_at"]) for row in stored] == [
        (checkpoint.slice.name, record.key, None if record.text is None else record.text.decode(), sent_at, received_at)
        for checkpoint, records, sent_at, received_at in pages
        for record in records
    ]


def test_observations_keep_their_microseconds(log: LogBuilder) -> None:
    """The border between two reads is a single observation's time."""
    moment = at(0) + timedelta(microseconds=1)
    writer = log.begin().writer
    page = Page(Request(TAG, "path"), moment, moment, None, (), (Record("1", b"{}"),))
    checkpoint = Checkpoint(TAG, moment, moment)
    writer.add(page, checkpoint)
    writer.flush()
    load = read_load(log.folder.log, log.ids[0])
    later = {TAG.name: replace(checkpoint, read_from=moment + timedelta(microseconds=1))}
    assert keys_by_slice([load], load.checkpoints)[0] == {TAG.name: {"1"}}
    assert keys_by_slice([load], later)[0] == {TAG.name: set()}


# -- snapshots


def fill(log: LogBuilder, loads: int, segments: int) -> None:
    """Write loads of so many segments each, all about one tag."""
    for minute in range(loads):
        load = log.begin(minute)
        for number in range(1, segments + 1):
            load.page(TAG, minute, [{"id": 10 * minute + number}], number=number)
            load.store()


def facts(folder: Path) -> list[tuple[Any, ...]]:
    """Return everything a log says, however it is split into files."""
    found: list[tuple[Any, ...]] = []
    for load in (read_load(folder, load_id) for load_id in load_ids(folder)):
        rows = [row for path in load.files_of(load.segments) for row in pq.read_table(path).to_pylist()]
        found.append((load.load_id, load.start, load.segments, load.checkpoints, load.end, rows))
    return found


def test_compaction_keeps_every_row_and_every_checkpoint_in_one_file_a_load(log: LogBuilder) -> None:
    fill(log, loads=3, segments=4)
    before = facts(log.folder.log)
    compact(log.folder.log, but=log.ids[2])
    assert facts(log.folder.log) == before
    assert [len(segment_files(log.folder.log, load_id)) for load_id in log.ids] == [1, 1, 4]
    assert segment_count(log.folder.log, log.ids[0]) == 4


def test_compaction_that_was_killed_before_it_removed_anything_counts_nothing_twice(log: LogBuilder) -> None:
    fill(log, loads=2, segments=3)
    before = facts(log.folder.log)
    kept = {path: path.read_bytes() for path in segment_files(log.folder.log, log.ids[0])}
    compact(log.folder.log, but=log.ids[1])
    for path, data in kept.items():
        path.write_bytes(data)
    assert facts(log.folder.log) == before
    compact(log.folder.log, but=log.ids[1])
    assert facts(log.folder.log) == before
    assert len(list((log.folder.log / log.ids[0]).glob("*.parquet"))) == 1


def test_snapshot_has_no_more_text_than_is_taken_apart_at_once(log: LogBuilder) -> None:
    load = log.begin(0)
    for number in range(1, 6):
        load.page(TAG, 0, [{"id": number, "name": f"{number}" * (PORTION_BYTES // 2 - 2_000)}], number=number)
        load.store()
    before = facts(log.folder.log)
    compact(log.folder.log, but="")
    files = segment_files(log.folder.log, log.ids[0])
    assert [path.stem for path in files] == ["000001-000002", "000003-000004", "000005-000005"]
    assert facts(log.folder.log) == before
    compact(log.folder.log, but="")
    assert segment_files(log.folder.log, log.ids[0]) == files
