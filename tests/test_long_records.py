"""Records of many megabytes, and purchases of many lines, are published as usual; only what no table can hold is set
aside."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cksync.config import Config
from cksync.domain import ACTIVE, BROADCASTS, DETAILS, PURCHASES, Slice, members, whole
from cksync.load.observations import RECORD_BYTES
from cksync.load.publish import publish, rebuild
from kit_sandbox import World, edits
from tests.conftest import Command
from tests.support.comparison import differences
from tests.support.log_builder import LogBuilder

LINES = 800
PICTURE = "QUJD" * 875_000
AT = "2024-01-01T00:00:00.000Z"
Record = dict[str, Any]


def person(number: int, value: str | None = None) -> Record:
    return {
        "id": number,
        "email_address": f"p{number}@example.com",
        "first_name": None,
        "state": "active",
        "created_at": AT,
        "fields": {"note": value},
    }


def write(log: LogBuilder, *lists: tuple[Slice, Iterable[Record]], minutes: float = 0) -> None:
    """Write a load of complete lists."""
    load = log.begin(minutes)
    for number, (slice_, records) in enumerate(lists):
        load.page(slice_, minutes + number, records, is_complete=True)
    load.end(minutes + len(lists))


def purchase(number: int, lines: int = LINES) -> Record:
    products = [
        {
            "name": f"Book {line}",
            "sku": None,
            "pid": str(line),
            "lid": f"{number}-{line}",
            "unit_price": 1.25,
            "quantity": 1,
        }
        for line in range(lines)
    ]
    return {
        "id": number,
        "transaction_id": "T",
        "status": "paid",
        "currency": "USD",
        "total": 5.5,
        "products": products,
    }


def assert_published(log: LogBuilder, **rows: int) -> None:
    """Publish, and again from the log alone: each table has so many rows, and the same ones."""
    before = None
    for make in (publish, rebuild):
        published = make(log.folder)
        assert published.merged.doubts == {}
        assert {name: published.rows[name] for name in rows} == rows
        found = [log.rows(f"select * from {name} order by all") for name in rows]
        assert before in (None, found)
        before = found


@pytest.mark.heavy
def test_purchases_of_800_lines_are_published(log: LogBuilder) -> None:
    write(log, (PURCHASES, map(purchase, range(1, 6))))
    assert_published(log, purchases=5, purchase_products=5 * LINES)
    assert log.rows("select sum(unit_price), max(position), count(distinct lid) from purchase_products") == [
        (5 * LINES * 1.25, LINES, 5 * LINES)
    ]


@pytest.mark.heavy
def test_mail_with_a_picture_in_it_is_published(log: LogBuilder) -> None:
    listed = [{"id": number, "subject": "s", "created_at": AT} for number in range(1, 4)]
    write(log, (DETAILS, [{**row, "content": PICTURE} for row in listed]), (BROADCASTS, listed))
    assert_published(log, broadcasts=3)
    assert log.rows("select distinct length(content) from broadcasts") == [(len(PICTURE),)]


@pytest.mark.heavy
def test_custom_field_of_four_megabytes_is_published(log: LogBuilder) -> None:
    people = [person(1, "x" * 4_000_000), *(person(number, "short") for number in range(2, 400))]
    tagged = [{"id": row["id"], "state": "active", "created_at": AT, "subscriber": row} for row in people]
    write(log, (whole("custom_fields"), [{"id": 1, "key": "note"}]), (ACTIVE, people), (members("tag", "7"), tagged))
    assert_published(log, subscribers=399, subscriptions=399)
    assert log.rows("select id from subscribers where length(fields ->> 'note') = 4000000") == [(1,)]


def test_long_record_that_changes_makes_a_version(log: LogBuilder) -> None:
    write(log, (ACTIVE, [person(1, "x" * 300_000), person(2)]))
    publish(log.folder)
    write(log, (ACTIVE, [person(1, "y" * 300_000), person(2)]), minutes=10)
    publish(log.folder)
    assert log.rows("select id, change, length(fields ->> 'note') from history.subscribers order by all") == [
        (1, "insert", 300_000),
        (1, "update", 300_000),
        (2, "insert", None),
    ]


@pytest.mark.heavy
def test_hundreds_of_megabytes_of_long_records_are_published(log: LogBuilder) -> None:
    listed = [{"id": number, "subject": "s", "created_at": AT} for number in range(1, 41)]
    people = [person(number, "x" * 1_000_000) for number in range(1, 51)]
    load = log.begin(0)
    for number, row in enumerate(listed, 1):
        load.page(DETAILS, number, [{**row, "content": PICTURE}], number=number)
    load.page(BROADCASTS, 50, listed, is_complete=True)
    load.page(ACTIVE, 51, [*people, person(51, "x" * (RECORD_BYTES - 1_000))], is_complete=True)
    load.end(60)
    assert_published(log, broadcasts=40, subscribers=51)


# -- records that no table can hold


TOO_LONG = person(2, "x" * RECORD_BYTES)


def test_record_that_is_too_long_is_set_aside_alone(log: LogBuilder) -> None:
    write(log, (ACTIVE, [person(1), TOO_LONG, person(3)]), (whole("tags"), [{"id": 7, "name": "a"}]))
    for make in (publish, rebuild):
        published = make(log.folder)
        assert published.rows["subscribers"] == 2
        assert published.rows["tags"] == 1
        assert published.merged.doubts == {ACTIVE.name: "set aside: record 2 is longer than 16 MB"}
        assert dict(published.set_aside) == published.merged.doubts
        assert log.rows("select slice, is_complete, doubt from _cksync.slices order by all") == [
            (ACTIVE.name, False, "set aside: record 2 is longer than 16 MB"),
            ("tags", True, None),
        ]
        assert log.rows("select slice, key from _cksync.set_aside") == [(ACTIVE.name, "2")]


@pytest.mark.heavy
def test_slice_stays_incomplete_until_the_record_that_was_set_aside_is_usable_or_gone(log: LogBuilder) -> None:
    write(log, (ACTIVE, [person(1), person(2, "short")]))
    publish(log.folder)
    write(log, (ACTIVE, [person(1), TOO_LONG]), minutes=10)
    assert list(publish(log.folder).merged.doubts) == [ACTIVE.name]
    assert log.rows("select fields ->> 'note' from subscribers where id = 2") == [("short",)]  # as last known
    load = log.begin(20)
    load.page(ACTIVE, 20, [person(1)], number=2)  # a night without a reason to read the record again
    load.end(21)
    assert list(publish(log.folder).merged.doubts) == [ACTIVE.name]
    write(log, (ACTIVE, [person(1), person(2, "shorter")]), minutes=30)
    assert publish(log.folder).merged.doubts == {}
    write(log, (ACTIVE, [person(1), TOO_LONG]), minutes=40)
    assert list(publish(log.folder).merged.doubts) == [ACTIVE.name]
    write(log, (ACTIVE, [person(1)]), minutes=50)
    published = publish(log.folder)
    assert (published.merged.doubts, published.set_aside) == ({}, {})


@pytest.mark.heavy
def test_pull_says_what_was_set_aside_and_ends_with_3_until_it_is_gone(
    cksync: Command, config: Config, world: World
) -> None:
    victim = next(mail.id for mail in world.broadcasts.values() if mail.status == "draft")
    before = world.broadcasts[victim].details
    edits.edit_broadcast(world, victim, content="x" * RECORD_BYTES)
    done = cksync("pull", ok=False)
    assert done.returncode == 3
    assert f"incomplete: broadcasts/detail: set aside: record {victim} is longer than 16 MB" in done.stderr
    assert cksync("rebuild", ok=False).returncode == 3
    assert f"record {victim} is longer" in cksync("status").stdout
    edits.edit_broadcast(world, victim, content=before["content"])
    assert cksync("pull").returncode == 0
    assert differences(config.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_long_texts_of_an_account_are_pulled(cksync: Command, config: Config, world: World) -> None:
    mails = iter([mail.id for mail in world.broadcasts.values() if mail.status == "draft"])
    field = next(iter(world.custom_fields.values())).key
    for person_id in list(world.subscribers)[:3]:
        edits.set_field(world, person_id, field, "y" * 1_000_000)
    edits.edit_broadcast(world, next(mails), content=f'<img src="data:image/png;base64,{PICTURE}">')
    cksync("pull")
    assert differences(config.data_dir / "mirror.duckdb", world) == []
    cksync("verify")


@pytest.mark.heavy
def test_night_in_which_nothing_is_due_does_not_forget_what_was_set_aside(
    cksync: Command, world: World, tmp_path: Path
) -> None:
    with open(tmp_path / "settings.toml", "a") as settings:
        settings.write("[pull]\nchecks_per_day = 0\n")
    sent = next(mail.id for mail in world.broadcasts.values() if (mail.stats or {}).get("recipients"))
    cksync("pull")
    edits.edit_broadcast(world, sent, content="x" * RECORD_BYTES)
    assert cksync("pull", "--full", ok=False).returncode == 3
    night = cksync("pull", ok=False)
    assert night.returncode == 3
    assert f"incomplete: broadcasts/detail: set aside: record {sent} is longer than 16 MB" in night.stderr
