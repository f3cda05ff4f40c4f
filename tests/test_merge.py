"""Merging: however observations are split into merges, the tables hold the present and the past."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cksync.domain import ACTIVE, BROADCASTS, BY_ID, CANCELLED, DETAILS, PURCHASES, STATS, members, whole
from cksync.load.history import Change
from cksync.load.merge import PART_BYTES
from tests.conftest import examples, some, some_rows
from tests.support.log_builder import LogBuilder, at, gone
from tests.support.memory_mirror import MemoryMirror

TAGS = whole("tags")
TAG, OTHER_TAG, SEQUENCE = members("tag", "7"), members("tag", "8"), members("sequence", "7")

Making = Callable[..., MemoryMirror]


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Making]:
    """Create a mirror of some tables over a log of its own."""
    with ExitStack() as stack:

        def make(*names: str) -> MemoryMirror:
            return stack.enter_context(closing(MemoryMirror(LogBuilder(tmp_path / "data"), *names)))

        yield make


def tag(key: int, name: str | None = "a", **more: Any) -> dict[str, Any]:
    return {"id": key, "name": name, "created_at": "2024-01-01T00:00:00Z", **more}


def person(key: int, first_name: str | None = "a", state: str = "active") -> dict[str, Any]:
    return {"id": key, "email_address": f"p{key}@example.com", "first_name": first_name, "state": state}


def membership(key: int, subscriber: dict[str, Any], state: str | None = "active") -> dict[str, Any]:
    return {"id": key, "state": state, "subscriber": subscriber}


def purchase(key: int, *products: str, **more: Any) -> dict[str, Any]:
    return {"id": key, "email_address": "p1@example.com", "products": [{"name": name} for name in products], **more}


def versions(mirror: MemoryMirror, table: str, columns: str) -> list[tuple[Any, ...]]:
    return mirror.rows(
        f"select {columns}, valid_from, valid_to, change from history.{table}"
        f" order by {columns.split(',')[0]}, valid_from, valid_to nulls last, change"
    )


# -- rows that are added, changed and deleted


def test_row_is_written_with_when_it_was_first_and_last_seen_changing(mirror: Making) -> None:
    tables = mirror("tags")
    for minutes, name in ((1, "a"), (2, "a"), (3, "b"), (4, "b")):
        tables.see(TAGS, minutes, tag(5, name))
        tables.merge()
    assert tables.rows("select id, name, _first_seen_at, _synced_at from tags") == [(5, "b", at(1), at(3))]


def test_every_version_is_kept_with_the_time_it_was_true(mirror: Making) -> None:
    tables = mirror("tags")
    for minutes, name in ((1, "a"), (2, "b"), (3, "a")):
        tables.see(TAGS, minutes, tag(5, name))
    tables.merge()
    assert versions(tables, "tags", "name") == [
        ("a", at(1), at(2), "insert"),
        ("a", at(3), None, "update"),
        ("b", at(2), at(3), "update"),
    ]


def test_deletion_closes_the_open_version_and_adds_a_tombstone(mirror: Making) -> None:
    tables = mirror("tags")
    tables.see(TAGS, 1, tag(5), tag(6), is_complete=True)
    tables.merge()
    tables.see(TAGS, 2, tag(6), is_complete=True)
    assert tables.merge()["tags"] == Change("tags", deleted=1)
    assert tables.rows("select id from tags") == [(6,)]
    assert versions(tables, "tags", "id, name") == [
        (5, "a", at(1), at(2), "insert"),
        (5, "a", at(2), at(2), "delete"),
        (6, "a", at(1), None, "insert"),
    ]


def test_row_that_comes_back_was_first_seen_when_it_was_first_seen_ever(mirror: Making) -> None:
    tables = mirror("tags")
    for minutes, rows in enumerate(([tag(5)], [], [tag(5, "b")]), 1):
        tables.see(TAGS, minutes, *rows, is_complete=True)
        tables.merge()
    assert tables.rows("select name, _first_seen_at, _synced_at from tags") == [("b", at(1), at(3))]
    assert [change for *_, change in versions(tables, "tags", "id")] == ["insert", "delete", "insert"]


def test_unchanged_row_writes_nothing(mirror: Making) -> None:
    tables = mirror("tags", "subscribers", "subscriptions")
    seen = [(TAGS, tag(5)), (ACTIVE, person(1)), (TAG, membership(11, person(1)))]
    for slice_, row in seen:
        tables.see(slice_, 1, row)
    tables.merge()
    before = tables.rows("select * from history.subscribers")
    for slice_, row in seen:
        tables.see(slice_, 2, row, is_complete=True)
    assert [*tables.merge().values()] == [Change(table.name) for table in tables.tables]
    assert tables.rows("select * from history.subscribers") == before


def test_changes_are_counted_by_table(mirror: Making) -> None:
    tables = mirror("tags")
    tables.see(TAGS, 1, tag(1), tag(2), tag(3), is_complete=True)
    assert tables.merge()["tags"] == Change("tags", inserted=3)
    tables.see(TAGS, 2, tag(1), tag(2, "b"), tag(4, created_at="2014-02-29T00:00:00Z"), is_complete=True)
    assert tables.merge()["tags"] == Change("tags", inserted=1, updated=1, deleted=1, unread=1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"first_name": "active", "state": "bounced"}, {"first_name": "bounced", "state": "active"}),
        ({"first_name": None}, {"first_name": ""}),
        ({"first_name": None}, {"first_name": "null"}),
        ({"first_name": "a"}, {"first_name": "a "}),
        ({"first_name": "é"}, {"first_name": "e\u0301"}),
        ({"fields": {"a": None}}, {"fields": {}}),
        ({"fields": {"a": 1}}, {"fields": {"a": "1"}}),
        ({"fields": {"a": 1}}, {"fields": {"a": True}}),
        ({"fields": {"a": "b"}, "more": None}, {"fields": {"b": "a"}, "more": None}),
        ({"more": 1}, {"more": "1"}),
        ({"more": 1}, {"other": 1}),
        ({"more": None}, {}),
        ({"created_at": "2014-02-29T00:00:00Z"}, {"created_at": None}),
        ({"created_at": "2014-02-28T00:00:00Z"}, {"created_at": "2014-02-28T00:00:00.001Z"}),
    ],
)
def test_any_difference_is_a_new_version(mirror: Making, before: dict[str, Any], after: dict[str, Any]) -> None:
    tables = mirror("subscribers")
    tables.see(ACTIVE, 1, {**person(1), **before})
    tables.merge()
    tables.see(ACTIVE, 2, {**person(1), **after})
    assert tables.merge()["subscribers"] == Change("subscribers", updated=1)


def test_order_of_keys_and_precision_of_a_time_are_no_difference(mirror: Making) -> None:
    """`.000Z` was introduced in 2021; nothing in the account changed that day."""
    tables = mirror("tags")
    tables.see(TAGS, 1, '{"id": 5, "name": "a", "created_at": "2024-01-01T00:00:00Z"}')
    tables.merge()
    tables.see(TAGS, 2, '{"created_at": "2024-01-01T00:00:00.000Z", "name": "a", "id": 5}')
    assert tables.merge()["tags"] == Change("tags")


# -- the order of observations


def test_older_observation_merged_later_does_not_overwrite_a_newer_one(mirror: Making) -> None:
    tables = mirror("tags")
    tables.see(TAGS, 5, tag(5, "new"))
    tables.merge()
    tables.see(TAGS, 3, tag(5, "old"))
    assert tables.merge()["tags"] == Change("tags")
    assert tables.rows("select name, _synced_at from tags") == [("new", at(5))]


def test_observations_of_one_merge_count_in_the_order_in_which_they_were_asked_for(mirror: Making) -> None:
    """Not in the order of their segments: a slow response is stored late."""
    tables = mirror("subscribers")
    tables.see(CANCELLED, 2, person(1, state="cancelled"))
    tables.see(ACTIVE, 1, person(1))
    tables.merge()
    assert tables.rows("select state, _first_seen_at, _synced_at from subscribers") == [("cancelled", at(1), at(2))]


def test_person_inside_a_subscription_is_an_observation_like_any_other(mirror: Making) -> None:
    tables = mirror("subscribers", "subscriptions")
    tables.see(ACTIVE, 1, person(1))
    tables.see(TAG, 2, membership(11, person(1, state="bounced")), membership(12, person(2, state="inactive")))
    tables.see(TAG, 3, membership(13, {"id": 3}))  # seen with a public key: only an id
    tables.merge()
    assert tables.rows("select id, state from subscribers order by id") == [(1, "bounced"), (2, "inactive")]
    assert tables.rows("select id, subscriber_id from subscriptions order by id") == [(11, 1), (12, 2), (13, 3)]


def test_more_rows_than_are_merged_at_once_come_out_as_few_do(mirror: Making) -> None:
    tables = mirror("tags")
    others = [tag(10 + number, 900 * f"{number}") for number in range(PART_BYTES // 10_000)]
    for minutes in range(6):
        tables.see(TAGS, minutes, *others, tag(5, f"name {minutes // 2}"))
    tables.merge()
    found = [row for row in versions(tables, "tags", "id, name") if row[0] == 5]
    assert [row[1] for row in found] == ["name 0", "name 1", "name 2"]
    assert [row[3] for row in found[:-1]] == [row[2] for row in found[1:]]
    assert tables.rows("select count(*) from history.tags") == [(len(others) + 3,)]


# -- deletions


def test_row_is_not_gone_because_an_incomplete_reading_does_not_show_it(mirror: Making) -> None:
    tables = mirror("tags")
    tables.see(TAGS, 1, tag(5), tag(6), is_complete=True)
    tables.merge()
    tables.see(TAGS, 2, tag(6))
    assert tables.merge()["tags"] == Change("tags")


def test_reading_counts_from_its_first_page_on_even_if_that_was_merged_before(mirror: Making) -> None:
    tables = mirror("subscribers", "subscriptions")
    tables.see(TAG, 1, *(membership(key, person(key)) for key in (1, 2, 3)), is_complete=True)
    tables.merge()
    tables.see(TAG, 2, membership(1, person(1)))
    tables.merge()
    tables.see(TAG, 3, membership(3, person(3)), is_complete=True, read_from=2)
    tables.merge()
    assert tables.rows("select id from subscriptions order by id") == [(1,), (3,)]


def test_row_gone_from_one_slice_stays_in_another(mirror: Making) -> None:
    tables = mirror("subscribers", "subscriptions")
    for slice_ in (TAG, OTHER_TAG, SEQUENCE):
        tables.see(slice_, 1, membership(11, person(1)), is_complete=True)
    tables.merge()
    tables.see(TAG, 2, is_complete=True)
    tables.merge()
    assert tables.rows("select subscribable_type, subscribable_id from subscriptions order by all") == [
        ("sequence", 7),
        ("tag", 8),
    ]


def test_person_is_not_gone_because_a_complete_list_does_not_show_them(mirror: Making) -> None:
    tables = mirror("subscribers")
    tables.see(ACTIVE, 1, person(1), person(2), is_complete=True)
    tables.merge()
    tables.see(ACTIVE, 2, person(1), is_complete=True)
    assert tables.merge()["subscribers"] == Change("subscribers")


def test_person_of_whom_the_api_says_404_is_gone_with_their_memberships(mirror: Making) -> None:
    tables = mirror("subscribers", "subscriptions")
    tables.see(ACTIVE, 1, person(1), person(2))
    tables.see(TAG, 2, membership(11, person(1)), membership(12, person(2)))
    tables.merge()
    tables.see(BY_ID, 3, gone(1))
    done = tables.merge()
    assert (done["subscribers"].deleted, done["subscriptions"].deleted) == (1, 1)
    assert tables.rows("select id from subscriptions") == [(12,)]
    assert versions(tables, "subscriptions", "id") == [
        (11, at(2), at(3), "insert"),
        (11, at(3), at(3), "delete"),
        (12, at(2), None, "insert"),
    ]


def test_404_about_somebody_whom_nobody_knew_changes_nothing(mirror: Making) -> None:
    tables = mirror("subscribers")
    tables.see(BY_ID, 1, gone(1))
    assert tables.merge()["subscribers"] == Change("subscribers")


@pytest.mark.parametrize("in_one", [True, False])
def test_person_seen_after_a_404_is_there(mirror: Making, in_one: bool) -> None:
    tables = mirror("subscribers", "subscriptions")
    tables.see(ACTIVE, 1, person(1))
    tables.merge()
    tables.see(BY_ID, 2, gone(1))
    if not in_one:
        tables.merge()
    tables.see(TAG, 3, membership(11, person(1)))
    tables.merge()
    assert tables.rows("select id, _first_seen_at from subscribers") == [(1, at(1))]
    assert tables.rows("select id from subscriptions") == [(11,)]


def test_404_asked_for_before_the_person_was_seen_to_change_says_nothing(mirror: Making) -> None:
    tables = mirror("subscribers")
    tables.see(ACTIVE, 3, person(1))
    tables.merge()
    tables.see(BY_ID, 2, gone(1))
    assert tables.merge()["subscribers"] == Change("subscribers")


def test_broadcast_that_left_the_list_takes_its_stats_along(mirror: Making) -> None:
    tables = mirror("broadcasts", "broadcast_stats")
    tables.see(BROADCASTS, 1, {"id": 1}, {"id": 2}, is_complete=True)
    tables.see(DETAILS, 2, {"id": 1, "subject": "one"}, {"id": 2, "subject": "two"})
    tables.see(STATS, 3, {"id": 1, "stats": {"recipients": 5}}, {"id": 2, "stats": {}})
    tables.merge()
    tables.see(BROADCASTS, 4, {"id": 2}, is_complete=True)
    tables.merge()
    assert tables.rows("select id from broadcasts") == [(2,)]
    assert tables.rows("select broadcast_id from broadcast_stats") == [(2,)]
    assert versions(tables, "broadcast_stats", "broadcast_id")[:2] == [
        (1, at(3), at(4), "insert"),
        (1, at(4), at(4), "delete"),
    ]


def test_broadcast_whose_detail_is_404_is_gone(mirror: Making) -> None:
    tables = mirror("broadcasts", "broadcast_stats")
    tables.see(DETAILS, 1, {"id": 1, "subject": "one"})
    tables.see(STATS, 2, {"id": 1, "stats": {}})
    tables.merge()
    tables.see(DETAILS, 3, gone(1))
    tables.merge()
    assert tables.rows("select 1 from broadcasts union all select 1 from broadcast_stats") == []


def test_stats_that_are_404_leave_the_broadcast_alone(mirror: Making) -> None:
    tables = mirror("broadcasts", "broadcast_stats")
    tables.see(DETAILS, 1, {"id": 1, "subject": "one"})
    tables.see(STATS, 2, {"id": 1, "stats": {}})
    tables.merge()
    tables.see(STATS, 3, gone(1))
    tables.merge()
    assert (tables.rows("select id from broadcasts"), tables.rows("select 1 from broadcast_stats")) == ([(1,)], [])


# -- a list with a sudden large loss


@pytest.mark.parametrize(
    ("rows", "lost", "is_believed"),
    [
        (99, 99, True),
        (100, 99, True),
        (100, 100, False),
        (300, 99, True),
        (300, 100, False),
        (400, 120, True),
        (400, 121, False),
        (1_000, 300, True),
        (1_000, 301, False),
        (1_000, 1_000, False),
    ],
)
def test_list_that_lost_over_thirty_percent_and_at_least_a_hundred_rows_is_not_trusted(
    mirror: Making, rows: int, lost: int, is_believed: bool
) -> None:
    tables = mirror("tags")
    tables.see(TAGS, 1, *(tag(key) for key in range(rows)), is_complete=True)
    tables.merge()
    tables.see(TAGS, 2, *(tag(key) for key in range(lost, rows)), is_complete=True)
    merged = tables.ingest()
    assert tables.rows("select count(*) from tags") == [(rows - lost if is_believed else rows,)]
    assert list(merged.doubts) == ([] if is_believed else ["tags"])


def test_list_that_is_not_trusted_keeps_its_old_rows_and_takes_the_new_ones_in(mirror: Making) -> None:
    tables = mirror("tags")
    tables.see(TAGS, 1, *(tag(key) for key in range(200)), is_complete=True)
    tables.merge()
    tables.see(TAGS, 2, tag(0, "changed"), tag(500), is_complete=True)
    merged = tables.ingest()
    assert merged.changes == (Change("tags", inserted=1, updated=1),)
    assert "lost 199 of 201 rows at once" in merged.doubts["tags"]


def test_other_lists_are_trusted_when_one_is_not(mirror: Making) -> None:
    tables = mirror("subscribers", "subscriptions")
    for slice_ in (TAG, OTHER_TAG):
        tables.see(slice_, 1, *(membership(key, person(key)) for key in range(150)), is_complete=True)
    tables.merge()
    tables.see(TAG, 2, is_complete=True)
    tables.see(OTHER_TAG, 2, *(membership(key, person(key)) for key in range(1, 150)), is_complete=True)
    merged = tables.ingest()
    assert list(merged.doubts) == [TAG.name]
    assert tables.rows("select subscribable_id, count(*) from subscriptions group by 1 order by 1") == [
        (7, 150),
        (8, 149),
    ]


def test_list_that_may_lose_any_number_of_rows_is_trusted(mirror: Making) -> None:
    """People finish sequences; a form, sequence or tag is deleted with all its members."""
    tables = mirror("subscribers", "subscriptions")
    tables.see(SEQUENCE, 1, *(membership(key, person(key)) for key in range(150)), is_complete=True)
    tables.merge()
    tables.see(SEQUENCE, 2, is_complete=True, is_exempt=True)
    assert tables.ingest().doubts == {}
    assert tables.rows("select count(*) from subscriptions") == [(0,)]


# -- rows that belong to other rows


@pytest.mark.parametrize("in_one", some([True, False], [True]))
@pytest.mark.parametrize(
    ("before", "after"),
    some_rows(
        [("ab", "a"), ("ab", ""), ("", "ab"), ("ab", "ba"), ("a", "aa"), ("abc", "b"), ("ab", "ab")], [("abc", "b")]
    ),
)
def test_lines_of_a_purchase_are_those_of_its_newest_record(
    mirror: Making, before: str, after: str, in_one: bool
) -> None:
    tables = mirror("subscribers", "purchases", "purchase_products")
    tables.see(PURCHASES, 1, purchase(1, *before), purchase(2, "z"))
    if not in_one:
        tables.merge()
    tables.see(PURCHASES, 2, purchase(1, *after), purchase(2, "z"))
    tables.merge()
    assert tables.rows("select purchase_id, position, name from purchase_products order by all") == [
        *((1, place, name) for place, name in enumerate(after, 1)),
        (2, 1, "z"),
    ]
    gone_lines = [
        (place, name, time, until, change)
        for place, name in enumerate(before, 1)
        if place > len(after)
        for time, until, change in ((at(1), at(2), "insert"), (at(2), at(2), "delete"))
    ]
    found = versions(tables, "purchase_products", "purchase_id, position, name")
    assert sorted(row[1:] for row in found if row[0] == 1 and row[1] > len(after)) == sorted(gone_lines)


def test_lines_that_stay_were_first_seen_when_they_were_however_they_are_merged(mirror: Making) -> None:
    tables = mirror("subscribers", "purchases", "purchase_products")
    tables.see(PURCHASES, 1, purchase(1, "a", "b"))
    tables.see(PURCHASES, 2, purchase(1, "a"))
    tables.merge()
    assert tables.rows("select name, _first_seen_at, _synced_at from purchase_products") == [("a", at(1), at(1))]


def test_purchase_that_is_gone_takes_its_lines_along(mirror: Making) -> None:
    tables = mirror("subscribers", "purchases", "purchase_products")
    tables.see(PURCHASES, 1, purchase(1, "a", "b"), purchase(2, "c"), is_complete=True)
    tables.merge()
    tables.see(PURCHASES, 2, purchase(2, "c"), is_complete=True)
    tables.merge()
    assert tables.rows("select purchase_id, name from purchase_products") == [(2, "c")]


def test_buyer_is_whoever_had_the_address_whatever_its_case(mirror: Making) -> None:
    tables = mirror("subscribers", "purchases", "purchase_products")
    tables.see(ACTIVE, 1, {"id": 9, "email_address": "Kai@Example.COM"}, {"id": 8, "email_address": "b@example.com"})
    tables.see(PURCHASES, 2, purchase(1, email_address="kai@example.com"), purchase(2, email_address="x@example.com"))
    tables.merge()
    assert tables.rows("select id, subscriber_id from purchases order by id") == [(1, 9), (2, None)]


def test_buyer_once_known_stays_although_the_address_moves_on(mirror: Making) -> None:
    tables = mirror("subscribers", "purchases", "purchase_products")
    tables.see(ACTIVE, 1, person(1))
    tables.see(PURCHASES, 1, purchase(1))
    tables.merge()
    tables.see(ACTIVE, 2, {**person(1), "email_address": "new@example.com"})
    tables.see(ACTIVE, 2, {**person(2), "email_address": "p1@example.com"})
    tables.see(PURCHASES, 2, purchase(1, status="refunded"))
    tables.merge()
    assert tables.rows("select status, subscriber_id from purchases") == [("refunded", 1)]


def test_buyer_who_was_not_known_is_found_at_a_later_reading(mirror: Making) -> None:
    tables = mirror("subscribers", "purchases", "purchase_products")
    tables.see(PURCHASES, 1, purchase(1))
    tables.merge()
    tables.see(ACTIVE, 2, person(1))
    tables.see(PURCHASES, 2, purchase(1))
    tables.merge()
    assert tables.rows("select subscriber_id from purchases") == [(1,)]


# -- records that no database can hold


def test_record_that_duckdb_refuses_makes_its_slice_doubtful_and_harms_no_other(mirror: Making) -> None:
    """Half a surrogate pair passes for JSON elsewhere. The existing row stays."""
    tables = mirror("tags")
    tables.see(TAGS, 1, tag(5), tag(6), is_complete=True)
    tables.merge()
    tables.see(TAGS, 2, r'{"id": 5, "name": "\ud800"}', tag(6, "b"), tag(7), is_complete=True)
    merged = tables.ingest()
    assert list(merged.doubts) == ["tags"]
    assert tables.rows("select id, name from tags order by id") == [(5, "a"), (6, "b"), (7, "a")]


# -- any sequence of observations, in any pieces


@dataclass
class Truth:
    """The expected tables in plain Python: the rows, and every version of each."""

    rows: dict[int, str | None] = field(default_factory=dict)
    first_seen: dict[int, int] = field(default_factory=dict)
    synced: dict[int, int] = field(default_factory=dict)
    versions: list[list[Any]] = field(default_factory=list)

    def see(self, key: int, value: str | None, minute: int) -> None:
        self.first_seen.setdefault(key, minute)
        if key in self.rows and self.rows[key] == value:
            return
        change = "update" if key in self.rows else "insert"
        self._close(key, minute)
        self.versions.append([key, value, minute, None, change])
        self.rows[key], self.synced[key] = value, minute

    def lose(self, key: int, minute: int) -> None:
        if key in self.rows:
            self._close(key, minute)
            self.versions.append([key, self.rows.pop(key), minute, minute, "delete"])

    def _close(self, key: int, minute: int) -> None:
        for version in self.versions:
            if version[0] == key and version[3] is None:
                version[3] = minute


def values_of(truth: Truth) -> list[tuple[Any, ...]]:
    return sorted(truth.rows.items())


def rows_of(truth: Truth) -> list[tuple[Any, ...]]:
    return [(key, value, at(truth.first_seen[key]), at(truth.synced[key])) for key, value in values_of(truth)]


def versions_of(truth: Truth) -> list[tuple[Any, ...]]:
    rows = [(key, value, at(n), None if end is None else at(end), how) for key, value, n, end, how in truth.versions]
    return sorted(rows, key=lambda row: (row[0], row[2], row[3] is None, row[3] or 0, row[4]))


def check_history(mirror: MemoryMirror, table: str, key: str, value: str) -> None:
    """Check what must hold for every history."""
    current = mirror.rows(f"select {key}, {value} from main.{table} order by all")
    assert mirror.rows(f"select {key}, {value} from history.{table} where valid_to is null order by all") == current
    assert mirror.rows(f"select 1 from history.{table} where valid_from > valid_to") == []
    lives: dict[int, list[tuple[Any, ...]]] = {}
    for row in versions(mirror, table, key):
        lives.setdefault(row[0], []).append(row[1:])
    for life in lives.values():
        open_until = None
        for valid_from, valid_to, change in life:
            if change == "insert":
                assert open_until is None or open_until <= valid_from
            else:
                assert open_until == valid_from  # contiguous: it continues, or ends, where the one before ended
            open_until = valid_to


KEYS = st.integers(1, 3)
ROWS = st.dictionaries(KEYS, st.sampled_from(["a", "b", None]), max_size=3)
What = Literal["some tags", "all tags", "people", "some members", "all members", "404"]
Event = tuple[What, dict[int, str | None]]


def play(mirror: MemoryMirror, event: Event, minute: int, tags: Truth, people: Truth, members_: Truth) -> None:
    """Apply one event to the log and to the expectation."""
    what, rows = event
    is_complete = what.startswith("all")
    if "tags" in what:
        mirror.see(TAGS, minute, *(tag(key, value) for key, value in rows.items()), is_complete=is_complete)
        _take(tags, rows, minute, is_complete)
    elif "members" in what:
        given = (membership(10 + key, person(key, value), value) for key, value in rows.items())
        mirror.see(TAG, minute, *given, is_complete=is_complete)
        _take(people, rows, minute, False)
        _take(members_, rows, minute, is_complete)
    elif what == "people":
        mirror.see(ACTIVE, minute, *(person(key, value) for key, value in rows.items()))
        _take(people, rows, minute, False)
    else:
        mirror.see(BY_ID, minute, *map(gone, rows))
        for key in rows:
            people.lose(key, minute)
            members_.lose(key, minute)


def _take(truth: Truth, rows: dict[int, str | None], minute: int, is_complete: bool) -> None:
    for key, value in rows.items():
        truth.see(key, value, minute)
    if is_complete:
        for key in truth.rows.keys() - rows.keys():
            truth.lose(key, minute)


TAG_EVENTS = st.lists(st.tuples(st.sampled_from(["some tags", "all tags"]), ROWS), min_size=1, max_size=6)
EVENTS = st.lists(
    st.tuples(st.sampled_from(["people", "some members", "all members", "404"]), ROWS), min_size=1, max_size=6
)


def consistent(events: list[tuple[str, dict[int, str | None]]]) -> list[tuple[str, dict[int, str | None]]]:
    """Return the events without people who return to a list after a 404 before any membership of theirs is seen: ids
    are not reused, and whether such a 404 was trusted, and deleted memberships, depends on where a round is split."""
    lost: set[int] = set()
    found = []
    for what, given_ in events:
        rows = {key: value for key, value in given_.items() if what != "people" or key not in lost}
        lost = lost | rows.keys() if what == "404" else lost - rows.keys()
        found.append((what, rows))
    return found


CONSISTENT = EVENTS.map(consistent)


@pytest.mark.heavy
@settings(max_examples=15, deadline=None)
@given(TAG_EVENTS, st.data())
def test_table_says_what_was_seen_last_however_the_log_is_cut_into_merges(
    events: list[Event], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder, closing(MemoryMirror(LogBuilder(Path(folder)), "tags")) as mirror:
        truth = Truth()
        for minute, event in enumerate(events, 1):
            play(mirror, event, minute, truth, Truth(), Truth())
            if minute == len(events) or data.draw(st.booleans()):
                mirror.merge()
        found = mirror.rows("select id, name, _first_seen_at, _synced_at from tags order by id")
        assert [row[:2] for row in found] == values_of(truth)
        assert [row[2] for row in found] == [row[2] for row in rows_of(truth)]
        check_history(mirror, "tags", "id", "name")


@pytest.mark.heavy
@settings(max_examples=12, deadline=None)
@given(TAG_EVENTS)
def test_history_has_every_version_when_each_page_is_merged_alone(events: list[Event]) -> None:
    with TemporaryDirectory() as folder, closing(MemoryMirror(LogBuilder(Path(folder)), "tags")) as mirror:
        truth = Truth()
        for minute, event in enumerate(events, 1):
            play(mirror, event, minute, truth, Truth(), Truth())
            mirror.merge()
        found = mirror.rows("select id, name, _first_seen_at, _synced_at from tags order by id")
        assert found == rows_of(truth)
        assert versions(mirror, "tags", "id, name") == versions_of(truth)


@settings(max_examples=examples(4, 8), deadline=None)
@given(CONSISTENT, st.data())
def test_people_and_memberships_are_what_was_seen_last_however_the_log_is_cut_into_merges(
    events: list[Event], data: st.DataObject
) -> None:
    with (
        TemporaryDirectory() as folder,
        closing(MemoryMirror(LogBuilder(Path(folder)), "subscribers", "subscriptions")) as mirror,
    ):
        people, memberships = Truth(), Truth()
        for minute, event in enumerate(events, 1):
            play(mirror, event, minute, Truth(), people, memberships)
            if minute == len(events) or data.draw(st.booleans()):
                mirror.merge()
        assert mirror.rows("select id, first_name from subscribers order by id") == values_of(people)
        assert mirror.rows("select id - 10, state from subscriptions order by id") == values_of(memberships)
        check_history(mirror, "subscribers", "id", "first_name")
        check_history(mirror, "subscriptions", "id", "state")


@pytest.mark.heavy
@settings(max_examples=8, deadline=None)
@given(EVENTS)
def test_history_of_people_has_every_version_when_each_page_is_merged_alone(events: list[Event]) -> None:
    with (
        TemporaryDirectory() as folder,
        closing(MemoryMirror(LogBuilder(Path(folder)), "subscribers", "subscriptions")) as mirror,
    ):
        people, memberships = Truth(), Truth()
        for minute, event in enumerate(events, 1):
            play(mirror, event, minute, Truth(), people, memberships)
            mirror.merge()
        assert versions(mirror, "subscribers", "id, first_name") == versions_of(people)
        found = versions(mirror, "subscriptions", "id, state")
        assert [(row[0] - 10, *row[1:]) for row in found] == versions_of(memberships)


@pytest.mark.heavy
@settings(max_examples=8, deadline=None)
@given(CONSISTENT, TAG_EVENTS, st.data())
def test_history_has_every_version_when_rounds_are_merged_together(
    events: list[Event], more: list[Event], data: st.DataObject
) -> None:
    """As if merged one after the other: what was deleted for a round was deleted, with its dependents."""
    names = ("tags", "subscribers", "subscriptions")
    every = data.draw(st.permutations([*events, *more]))
    with TemporaryDirectory() as folder, closing(MemoryMirror(LogBuilder(Path(folder)), *names)) as mirror:
        tags, people, memberships = Truth(), Truth(), Truth()
        for minute, event in enumerate(every, 1):
            play(mirror, event, minute, tags, people, memberships)
            if minute == len(every) or data.draw(st.booleans()):
                mirror.merge()
            else:
                mirror.end_round()
        assert versions(mirror, "tags", "id, name") == versions_of(tags)
        assert versions(mirror, "subscribers", "id, first_name") == versions_of(people)
        found = versions(mirror, "subscriptions", "id, state")
        assert [(row[0] - 10, *row[1:]) for row in found] == versions_of(memberships)
        seen = mirror.rows("select id, name, _first_seen_at, _synced_at from tags order by id")
        assert seen == rows_of(tags)


def test_list_that_is_not_trusted_in_one_round_is_judged_again_in_the_next(mirror: Making) -> None:
    """Each by the rows of its time, also when one merge covers both."""
    tables = mirror("tags")
    tables.see(TAGS, 1, *(tag(key) for key in range(200)), is_complete=True)
    tables.end_round()
    tables.see(TAGS, 2, tag(0), is_complete=True)
    tables.end_round()
    tables.see(TAGS, 3, *(tag(key) for key in range(50, 200)), is_complete=True)
    assert tables.ingest().doubts == {}
    assert tables.rows("select count(*), min(id) from tags") == [(150, 50)]
    assert tables.rows("select distinct valid_from from history.tags where change = 'delete'") == [(at(3),)]


OBSERVATIONS = st.lists(st.tuples(st.sampled_from(["people", "some members"]), ROWS), min_size=2, max_size=6)


@settings(max_examples=examples(4, 8), deadline=None)
@given(OBSERVATIONS, st.data())
def test_observations_give_the_same_rows_and_versions_in_one_merge_as_in_many(
    events: list[Event], data: st.DataObject
) -> None:
    """Without deletions, even the history does not depend on how the log was split."""
    with TemporaryDirectory() as folder, closing(MemoryMirror(LogBuilder(Path(folder)), "subscribers")) as mirror:
        people = Truth()
        for minute, event in enumerate(events, 1):
            play(mirror, event, minute, Truth(), people, Truth())
            if minute == len(events) or data.draw(st.booleans()):
                mirror.merge()
        found = mirror.rows("select id, first_name, _first_seen_at, _synced_at from subscribers order by id")
        assert found == rows_of(people)
        assert versions(mirror, "subscribers", "id, first_name") == versions_of(people)
