"""Publishing: the mirror is replaced as a whole or not at all, and the log alone rebuilds it."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cksync.domain import (
    ACTIVE,
    BROADCASTS,
    BY_ID,
    CANCELLED,
    DETAILS,
    PURCHASES,
    STATS,
    Attempt,
    Checkpoint,
    members,
    whole,
)
from cksync.errors import CksyncError, Failed
from cksync.load.compact import compact
from cksync.load.publish import publish, rebuild
from cksync.load.tables import tables
from tests.conftest import some
from tests.support.log_builder import LogBuilder, at, gone

TAGS, TAG, SEQUENCE = whole("tags"), members("tag", "7"), members("sequence", "7")


def tag(key: int, name: str = "a") -> dict[str, Any]:
    return {"id": key, "name": name, "created_at": "2024-01-01T00:00:00Z"}


def person(key: int, state: str = "active") -> dict[str, Any]:
    return {"id": key, "email_address": f"p{key}@example.com", "first_name": None, "state": state, "fields": {"a": "b"}}


def membership(key: int) -> dict[str, Any]:
    return {"id": 100 + key, "state": "active", "subscriber": person(key)}


def content(log: LogBuilder) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the mirror, except what its merges did to it and when."""
    names = [f'{schema}."{table.name}"' for schema in ("main", "history") for table in tables()]
    found = {name: log.rows(f"select * from {name} order by all") for name in names}
    found["slices"] = log.rows("select * from _cksync.slices order by all")
    found["requests"] = log.rows("select * from _cksync.requests order by all")
    found["loads"] = log.rows("select * exclude (inserted, updated, deleted, unread) from _cksync.loads order by all")
    return found


# -- the file


def test_mirror_is_replaced_not_written_in_place(log: LogBuilder) -> None:
    """A reader with the old file open keeps every byte of it."""
    log.write(TAGS, 1, [tag(1)], is_complete=True)
    publish(log.folder)
    before = log.folder.mirror.read_bytes()
    with open(log.folder.mirror, "rb") as held:
        log.write(TAGS, 2, [tag(1), tag(2)], is_complete=True)
        publish(log.folder)
        assert held.read() == before
    assert log.rows("select id from tags order by id") == [(1,), (2,)]


def test_mirror_has_the_storage_format_that_old_drivers_read(log: LogBuilder) -> None:
    publish(log.folder)
    ((tags,),) = log.rows("select tags from duckdb_databases() where not internal")
    assert tags["storage_version"].startswith("v1.2.0")


def test_mirror_of_an_empty_log_has_every_table_and_no_row(log: LogBuilder) -> None:
    published = publish(log.folder)
    assert published.rows == {table.name: 0 for table in tables()}
    assert log.rows("select sum(estimated_size) from duckdb_tables() where schema_name = 'main'") == [(0,)]


def test_everything_published_is_for_its_owner_alone_whatever_the_umask(log: LogBuilder) -> None:
    before = os.umask(0)
    try:
        log.write(TAGS, 1, [tag(1)])
        publish(log.folder)
    finally:
        os.umask(before)
    modes = {
        str(path.relative_to(log.folder.root)): stat.S_IMODE(path.stat().st_mode)
        for path in [*log.folder.root.glob("*"), *log.folder.parquet.rglob("*")]
    }
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}


@pytest.mark.parametrize(
    "name",
    some(
        ["it's here", "[my] data", "a*b", "50% ü", "{a,b}", "stream=x", "key=5", "observed_at=3"],
        ["stream=x"],
    ),
)
def test_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    """DuckDB takes `*` for a pattern and `stream=x` for a column by default."""
    log = LogBuilder(tmp_path / name)
    writer = log.begin().writer
    writer.add_attempts([Attempt(at(0), "tags", "", 200, 5, 1, None)])
    writer.flush()
    log.write(TAGS, 1, [tag(1)], is_complete=True)
    assert publish(log.folder).rows["tags"] == 1
    assert log.rows("select count(*) from _cksync.requests") == [(1,)]


def test_every_table_and_column_of_main_says_what_it_is(log: LogBuilder) -> None:
    publish(log.folder)
    silent = log.rows(
        """
        select table_name from duckdb_tables() where schema_name = 'main' and coalesce(comment, '') = ''
        union all
        select view_name from duckdb_views() where schema_name = 'main' and not internal and coalesce(comment, '') = ''
        union all
        select table_name || '.' || column_name from duckdb_columns()
        where schema_name in ('main', 'history') and database_name = current_database() and not internal
            and coalesce(comment, '') = ''
        """
    )
    assert silent == []
    described = log.rows("select count(distinct table_name) from duckdb_columns() where schema_name = 'main'")
    assert described[0][0] >= len(tables())


# -- as of


def a_week(log: LogBuilder) -> None:
    """Tag 1 is renamed at 2, deleted at 3 and back at 4; tag 2 is created at 2 and stays."""
    for minutes, rows in ((1, [tag(1)]), (2, [tag(1, "b"), tag(2)]), (3, [tag(2)]), (4, [tag(1, "c"), tag(2)])):
        log.write(TAGS, minutes, rows, is_complete=True)
    publish(log.folder)


AS_OF: list[tuple[float, list[tuple[int, str]]]] = [
    (0.9, []),
    (1, [(1, "a")]),
    (1.9, [(1, "a")]),
    (2, [(1, "b"), (2, "a")]),
    (3, [(2, "a")]),
    (3.9, [(2, "a")]),
    (4, [(1, "c"), (2, "a")]),
    (100, [(1, "c"), (2, "a")]),
]


def test_table_as_of_a_time_has_the_rows_of_then(log: LogBuilder) -> None:
    a_week(log)
    found = [
        (minutes, log.rows(f"select id, name from as_of.tags('{at(minutes)}') order by id")) for minutes, _ in AS_OF
    ]
    assert found == AS_OF


@pytest.mark.parametrize("kind", some(["varchar", "timestamptz", "timestamp"], ["varchar"]))
def test_table_as_of_takes_times_and_their_text(log: LogBuilder, kind: str) -> None:
    a_week(log)
    assert log.rows(f"select id from as_of.tags(cast('2026-03-01 09:01:30' as {kind}))") == [(1,)]


@pytest.mark.heavy
def test_every_table_is_as_of_now_what_it_is(log: LogBuilder) -> None:
    one_year(log, lambda: publish(log.folder))
    for table in tables():
        query = f"from as_of.{table.name}('2100-01-01')"
        assert log.rows(f"select * {query} order by all") == log.rows(f"select * from main.{table.name} order by all")
        assert log.rows(f"describe {query}") == log.rows(f"describe main.{table.name}")


def test_tables_as_of_are_there_after_use(log: LogBuilder) -> None:
    a_week(log)
    with duckdb.connect() as db:
        db.execute(f"attach '{log.folder.mirror}' as other (read_only)")
        db.execute("use other")
        assert db.execute("select count(*) from as_of.tags('2100-01-01')").fetchall() == [(2,)]


def test_tables_as_of_say_what_they_are(log: LogBuilder) -> None:
    publish(log.folder)
    assert len(log.rows("select 1 from duckdb_functions() where schema_name = 'as_of' and comment <> ''")) == len(
        tables()
    )


def test_mirror_without_them_gets_its_tables_as_of(log: LogBuilder) -> None:
    """It was built by an older cksync."""
    a_week(log)
    with duckdb.connect(str(log.folder.mirror)) as db:
        db.execute("drop schema as_of cascade")
    publish(log.folder)
    assert log.rows("select count(*) from as_of.tags('2100-01-01')") == [(2,)]


# -- failures


def test_mirror_that_is_not_a_database_is_reported_and_stays_as_it_is(log: LogBuilder) -> None:
    log.write(TAGS, 1, [tag(1)])
    log.folder.mirror.write_text("not a database " * 1_000)
    before = log.folder.mirror.read_bytes()
    with pytest.raises(Failed, match=r"mirror\.duckdb is not a DuckDB database; `cksync rebuild` restores it"):
        publish(log.folder)
    assert log.folder.mirror.read_bytes() == before
    assert rebuild(log.folder).rows["tags"] == 1


def test_what_a_killed_publish_left_behind_is_in_nobodys_way(log: LogBuilder) -> None:
    log.write(TAGS, 1, [tag(1)])
    for name in (".mirror.duckdb.new", ".mirror.duckdb.new.wal"):
        (log.folder.root / name).write_bytes(b"half a file")
    publish(log.folder)
    assert log.rows("select id from tags") == [(1,)]
    assert [path.name for path in log.folder.root.glob(".*.new*")] == []


# Publishes with a limit on the size of files, which simulates a full disk.
ON_A_SMALL_DISK = """
import resource, sys
from pathlib import Path
from cksync.errors import CksyncError
from cksync.folder import Folder
from cksync.load.publish import publish, rebuild
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    publish(Folder(Path(sys.argv[1])))
except CksyncError as error:
    print(error.exit_status, error)
"""


@pytest.mark.parametrize("room", some([-1, 0, 100_000], [100_000]), ids=["copy", "merge", "write"])
def test_full_disk_is_one_sentence_and_leaves_the_mirror_and_no_rubbish(log: LogBuilder, room: int) -> None:
    log.write(TAGS, 1, [tag(1)], is_complete=True)
    publish(log.folder)
    log.write(ACTIVE, 2, [{**person(n), "first_name": f"{n * n * 77_777:x}"} for n in range(20_000)])
    before = {path: path.read_bytes() for path in sorted(log.folder.root.rglob("*")) if path.is_file()}
    limit = log.folder.mirror.stat().st_size + room
    command = [sys.executable, "-c", ON_A_SMALL_DISK, str(log.folder.root), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.stdout, done.stderr, done.returncode) == (
        f"1 the disk is full: {log.folder.mirror} is unchanged, and everything read is kept in the log;"
        " free some space and run `cksync pull` again\n",
        "",
        0,
    )
    assert {path: path.read_bytes() for path in sorted(log.folder.root.rglob("*")) if path.is_file()} == before
    publish(log.folder)
    assert log.rows("select count(*) from subscribers") == [(20_000,)]


def test_damaged_segment_fails_the_publish_and_leaves_the_mirror(log: LogBuilder) -> None:
    log.write(TAGS, 1, [tag(1)], is_complete=True)
    publish(log.folder)
    before = log.folder.mirror.read_bytes()
    log.write(TAGS, 2, [tag(n, f"{n * n:x}") for n in range(5_000)])
    path = log.folder.log / log.ids[1] / "000001.parquet"
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(len(data) - 10_000) + data[len(data) - 9_996 :])
    with pytest.raises(Failed) as caught:
        publish(log.folder)
    assert "is not a DuckDB database" not in str(caught.value)
    assert log.folder.mirror.read_bytes() == before


def test_rebuild_without_a_log_is_refused(log: LogBuilder) -> None:
    with pytest.raises(Failed, match="there is no log"):
        rebuild(log.folder)
    assert not log.folder.mirror.exists()


# -- Parquet beside it


def test_parquet_files_equal_the_tables(log: LogBuilder) -> None:
    log.write(TAGS, 1, [tag(1), {**tag(2), "more": {"x": 1}}])
    log.write(ACTIVE, 1, [person(1)])
    log.write(PURCHASES, 1, ['{"id": 1, "total": 12345678901234.5678, "products": [{"name": "x"}]}'])
    publish(log.folder)
    for table in tables():
        path = log.folder.parquet / table.name / "part-0.parquet"
        with duckdb.connect() as db:
            db.execute("set TimeZone = 'UTC'")
            stored = db.execute("select * from read_parquet(?) order by all", [str(path)]).fetchall()
            types = [row[:2] for row in db.execute("describe from read_parquet(?)", [str(path)]).fetchall()]
        assert stored == log.rows(f"select * from {table.name} order by all")
        assert types == [row[:2] for row in log.rows(f"describe {table.name}")]


def written(log: LogBuilder) -> dict[str, int]:
    return {path.parent.name: path.stat().st_ino for path in log.folder.parquet.glob("*/part-0.parquet")}


def test_parquet_file_is_written_again_only_when_its_table_changed(log: LogBuilder) -> None:
    log.write(TAGS, 1, [tag(1)], is_complete=True)
    publish(log.folder)
    before = written(log)
    log.write(TAGS, 2, [tag(1)], is_complete=True)
    log.write(ACTIVE, 2, [person(1)])
    publish(log.folder)
    after = written(log)
    assert before.keys() == after.keys() == {table.name for table in tables()}
    assert {name for name in after if after[name] != before[name]} == {"subscribers"}


def test_parquet_file_that_is_missing_is_made_again(log: LogBuilder) -> None:
    log.write(TAGS, 1, [tag(1)])
    publish(log.folder)
    path = log.folder.parquet / "tags" / "part-0.parquet"
    path.unlink()
    publish(log.folder)
    assert path.exists()


def test_parquet_file_of_a_table_that_lost_its_last_row_is_empty(log: LogBuilder) -> None:
    for minutes, rows in ((1, [tag(1)]), (2, [])):
        log.write(TAGS, minutes, rows, is_complete=True)
        publish(log.folder)
    with duckdb.connect() as db:
        path = str(log.folder.parquet / "tags" / "part-0.parquet")
        assert db.execute("select count(*) from read_parquet(?)", [path]).fetchall() == [(0,)]


# -- what is new, round by round


@pytest.mark.heavy
def test_published_segments_are_not_merged_again(log: LogBuilder) -> None:
    log.write(TAGS, 1, [tag(1)], is_complete=True)
    publish(log.folder)
    before = content(log)
    published = publish(log.folder)
    assert {(c.inserted, c.updated, c.deleted, c.unread) for c in published.changes} == {(0, 0, 0, 0)}
    assert content(log) == before


def test_segments_stored_since_are_merged_while_their_load_still_runs(log: LogBuilder) -> None:
    load = log.begin()
    load.page(TAGS, 1, [tag(1)])
    load.store()
    publish(log.folder)
    load.page(TAGS, 2, [tag(2)])
    load.store()
    load.page(TAGS, 3, [tag(3)])
    load.end(3)
    publish(log.folder)
    assert log.rows("select id, _synced_at from tags order by id") == [(1, at(1)), (2, at(2)), (3, at(3))]
    assert log.rows("select segments, is_finished from _cksync.loads") == [(3, True)]


@pytest.mark.heavy
def test_reading_that_two_loads_of_a_round_made_is_one_reading(log: LogBuilder) -> None:
    """The first was killed after a page, and published; the second read the rest."""
    log.write(TAG, 1, [membership(n) for n in (1, 2, 3)], is_complete=True)
    publish(log.folder)
    killed = log.begin(2)
    killed.page(TAG, 2, [membership(1)])
    killed.store()
    publish(log.folder)
    log.write(TAG, 3, [membership(3)], number=2, is_complete=True, read_from=2)
    publish(log.folder)
    assert log.rows("select id from subscriptions order by id") == [(101,), (103,)]


@pytest.mark.parametrize("in_one", some([True, False], [True]))
def test_complete_reading_is_not_judged_by_one_that_was_begun_after_it(log: LogBuilder, in_one: bool) -> None:
    """Read in full, then restarted a day later and stopped after a page: the other pages are not deleted."""
    first = log.begin(0)
    first.page(TAG, 1, [membership(n) for n in (1, 2, 3)], is_complete=True)
    first.store()
    if not in_one:
        publish(log.folder)
    second = log.begin(1_500)
    second.page(TAG, 1_500, [membership(1)])
    second.end(1_500, exit_status=3, is_finished=False)
    publish(log.folder)
    assert log.rows("select id from subscriptions order by id") == [(101,), (102,), (103,)]


@pytest.mark.heavy
def test_list_of_a_parent_that_is_gone_loses_all_its_rows(log: LogBuilder) -> None:
    """However many: its checkpoint says that the tag is deleted."""
    log.write(TAG, 1, [membership(n) for n in range(150)], is_complete=True)
    publish(log.folder)
    load = log.begin(2)
    load.writer.mark([Checkpoint(TAG, at(2), at(2), is_done=True, is_complete=True, is_gone=True, proof="content")])
    load.end(2)
    publish(log.folder)
    assert log.rows("select count(*) from subscriptions") == [(0,)]
    assert log.rows("select count(*) from _cksync.slices") == [(0,)]
    assert log.rows("select distinct valid_from, valid_to from history.subscriptions where change = 'delete'") == [
        (at(2), at(2))
    ]


@pytest.mark.parametrize("in_one", some([True, False], [True]))
def test_vanished_list_is_trusted_once_the_user_allows_it(log: LogBuilder, in_one: bool) -> None:
    log.write(TAGS, 1, [tag(n) for n in range(150)], is_complete=True)
    log.write(TAGS, 2, [tag(0)], is_complete=True)
    if not in_one:
        doubts = publish(log.folder).merged.doubts
        assert "lost 149 of 150 rows at once" in doubts["tags"]
        assert log.rows("select exit_status, message from _cksync.loads order by load_id desc limit 1") == [
            (3, f"incomplete: tags: {doubts['tags']}")
        ]
        assert log.rows("select is_complete, cursor_at, checked_at from _cksync.slices") == [(False, at(1), at(1))]
    allowed = log.begin(3, allowed=("vanish",))
    allowed.page(TAGS, 3, [tag(0)], is_complete=True)
    allowed.end(3)
    publish(log.folder)
    assert log.rows("select id from tags") == [(0,)]
    assert log.rows("select is_complete from _cksync.slices") == [(True,)]


def test_sequence_may_lose_all_its_people_at_once(log: LogBuilder) -> None:
    log.write(SEQUENCE, 1, [membership(n) for n in range(150)], is_complete=True)
    log.write(SEQUENCE, 2, [], is_complete=True)
    assert publish(log.folder).merged.doubts == {}
    assert log.rows("select count(*) from subscriptions") == [(0,)]


# -- notes beside the data


def test_slices_say_how_far_and_how_well_they_were_read(log: LogBuilder) -> None:
    log.write(TAGS, 1, [tag(1)], is_complete=True)
    publish(log.folder)
    load = log.begin(5)
    load.page(TAGS, 5, [tag(1)])
    load.page(ACTIVE, 6, [person(1)], is_complete=True)
    load.store()
    publish(log.folder)
    columns = "slice, load_id, is_complete, rows, cursor_at, read_at, checked_at"
    assert log.rows(f"select {columns} from _cksync.slices order by slice") == [
        (ACTIVE.name, log.ids[1], True, 1, at(6), at(6), at(6)),
        ("tags", log.ids[1], False, 1, at(1), at(5), at(1)),
    ]


def test_loads_say_what_they_did(log: LogBuilder) -> None:
    log.write(TAGS, 1, [tag(1), tag(2)], is_complete=True)
    log.write(TAGS, 2, [tag(2, "b"), {**tag(3), "created_at": "no time"}], is_complete=True)
    publish(log.folder)
    columns = "load_id, account, exit_status, is_finished, inserted, updated, deleted, unread"
    assert log.rows(f"select {columns} from _cksync.loads order by load_id") == [
        (log.ids[0], "kai@example.com", 0, True, 2, 0, 0, 0),
        (log.ids[1], "kai@example.com", 0, True, 1, 1, 1, 1),
    ]


def test_requests_are_rows_with_their_results(log: LogBuilder) -> None:
    writer = log.begin().writer
    writer.add_attempts([Attempt(at(0), "tags", "page=1", None, 30_000, None, "no answer within 30 s", "tags")])
    writer.add_attempts([Attempt(at(1), "tags", "page=1", 200, 51, 50, None, "tags", "tags")])
    writer.flush()
    publish(log.folder)
    assert log.rows("select * from _cksync.requests order by requested_at") == [
        (log.ids[0], at(0), "tags", None, "tags", "page=1", None, 30_000, None, "no answer within 30 s"),
        (log.ids[0], at(1), "tags", "tags", "tags", "page=1", 200, 51, 50, None),
    ]


# -- the log alone


def one_year(log: LogBuilder, after_each: Callable[[], object]) -> None:
    """Log three rounds with everything that can happen to a row, published in between or not."""
    first = log.begin(0)
    first.page(TAGS, 1, [tag(1), tag(2), tag(3)], is_complete=True)
    first.page(ACTIVE, 2, [person(n) for n in range(1, 9)])
    first.store()
    after_each()
    first.page(CANCELLED, 3, [person(9, "cancelled")], is_complete=True)
    first.page(TAG, 4, [membership(n) for n in range(1, 5)], is_complete=True)
    first.store()
    second = log.begin(5)
    second.page(BROADCASTS, 5, [{"id": 1}, {"id": 2}], is_complete=True)
    second.page(DETAILS, 6, [{"id": 1, "subject": "one"}, {"id": 2, "subject": None}], is_complete=True)
    second.page(STATS, 7, [{"id": 1, "stats": {"recipients": 5}}, {"id": 2}], is_complete=True)
    lines = [{"name": "x", "unit_price": 5}, {"name": "y"}]
    second.page(PURCHASES, 8, [{"id": 1, "email_address": "P1@example.com", "total": 19.99, "products": lines}])
    second.end(8)
    after_each()
    third = log.begin(10)
    third.page(TAGS, 10, [tag(1, "renamed"), tag(3), tag(4)], is_complete=True)
    third.page(TAG, 11, [membership(1), {**membership(2), "state": "inactive"}], is_complete=True)
    third.page(BROADCASTS, 12, [{"id": 2}], is_complete=True)
    third.page(PURCHASES, 13, [{"id": 1, "email_address": "p1@example.com", "total": 19.99, "products": lines[:1]}])
    third.page(BY_ID, 14, [gone(1), person(4, "bounced")], is_complete=True)
    third.end(14)
    after_each()
    log.write(TAGS, 15, [tag(1, "renamed"), tag(2, "is back"), tag(3)], is_complete=True)
    after_each()


@pytest.mark.heavy
def test_log_merged_in_one_go_makes_the_same_mirror_as_night_by_night(log: LogBuilder) -> None:
    one_year(log, lambda: publish(log.folder))
    before = content(log)
    rebuild(log.folder)
    assert content(log) == before
    empty = {name for name, rows in before.items() if not rows}
    assert {name.split('"')[1] for name in empty if '"' in name} == {"account", "custom_fields", "forms", "sequences"}


@pytest.mark.heavy
def test_people_with_all_their_fields_full_fit_into_memory(log: LogBuilder) -> None:
    """140 fields of 255 letters each. DuckDB holds a text several times for each value that it extracts."""
    fields = {f"field_{number}": "x" * 255 for number in range(140)}
    load = log.begin(0)
    for number in range(12):
        people = [{**person(50 * number + n), "fields": {**fields, "a": n}} for n in range(25)]
        load.page(ACTIVE, number, people, number=2 * number + 1)
        load.page(TAG, number, [{"id": p["id"], "state": "active", "subscriber": p} for p in people], number=number + 1)
    load.end(20)
    publish(log.folder)
    compact(log.folder.log, but="")
    rebuild(log.folder)
    assert log.rows("select count(*), sum(length(fields)) > 10_000_000 from subscribers") == [(300, True)]


def test_publish_that_failed_for_nights_catches_up_round_by_round(log: LogBuilder) -> None:
    """Several finished rounds at once are not one long one: what was deleted for a night was deleted."""
    one_year(log, lambda: None)
    publish(log.folder)
    assert log.rows("select id from tags order by id") == [(1,), (2,), (3,)]
    assert log.rows(
        "select valid_from, valid_to, change from history.tags where id = 2 order by valid_from, change desc"
    ) == [(at(1), at(10), "insert"), (at(10), at(10), "delete"), (at(15), None, "insert")]


@pytest.mark.heavy
def test_mirror_that_was_lost_comes_back_with_the_next_publish(log: LogBuilder) -> None:
    log.write(TAGS, 1, [tag(1), tag(2)], is_complete=True)
    log.write(TAGS, 2, [tag(1, "b")], is_complete=True)
    publish(log.folder)
    before = content(log)
    log.folder.mirror.unlink()
    publish(log.folder)
    assert content(log) == before


def test_failure_to_publish_is_one_of_ours(log: LogBuilder) -> None:
    """Whatever DuckDB or the system raised, the caller gets a CksyncError."""
    log.folder.parquet.rmdir()
    log.folder.parquet.write_text("a file where a folder should be")
    with pytest.raises(CksyncError):
        publish(log.folder)
    assert not log.folder.mirror.exists()
