"""Renamed, deleted and added custom fields: the `fields` of all people follow without a request."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cksync.domain import ACTIVE, BY_ID, whole
from cksync.load.history import Change
from cksync.load.publish import publish, rebuild
from cksync.load.renamed_fields import ROWS_AT_ONCE, Rekeying, compare
from tests.conftest import some_rows
from tests.support.log_builder import LogBuilder, at, gone
from tests.support.memory_mirror import MemoryMirror

FIELDS = whole("custom_fields")
Making = Callable[[], MemoryMirror]


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Making]:
    """Create a mirror of people and their fields, over a log of its own."""
    with ExitStack() as stack:

        def make() -> MemoryMirror:
            log = LogBuilder(tmp_path / "data")
            return stack.enter_context(closing(MemoryMirror(log, "custom_fields", "subscribers")))

        yield make


def listed(keys: str | list[str | None]) -> list[dict[str, Any]]:
    """Return the field list in which field 1 has the first key, field 2 the second; `-` and None: no such field."""
    return [
        {"id": id_, "key": key, "label": key, "name": f"ck_field_{id_}"}
        for id_, key in enumerate(keys, 1)
        if key not in ("-", None)
    ]


def person(key: int, given: str | dict[str, Any] | None) -> str:
    """Return a person's record; `given` may be the text of `fields`."""
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    return f'{{"id": {key}, "email_address": "p{key}@example.com", "state": "active", "fields": {text}}}'


def fields_of(mirror: MemoryMirror) -> list[str | None]:
    return [row[0] for row in mirror.rows("select fields from subscribers order by id")]


RENAMED = [
    ("ab", "xb", '{"a":1,"b":2}', '{"x":1,"b":2}'),
    ("ab", "-b", '{"a":1,"b":2}', '{"b":2}'),
    ("ab", "--", '{"a":1,"b":2}', "{}"),
    ("ab", "abn", '{"a":1,"b":2}', '{"a":1,"b":2,"n":null}'),
    ("ab", "abnm", '{"a":1,"b":2,"m":3}', '{"a":1,"b":2,"m":3,"n":null}'),
    ("ab", "ba", '{"a":1,"b":2}', '{"b":1,"a":2}'),
    ("abc", "bca", '{"c":3,"a":1,"b":2}', '{"a":3,"b":1,"c":2}'),
    ("ab", "bc", '{"a":1,"b":2}', '{"b":1,"c":2}'),
    ("ab", "bc", '{"b":1,"c":2}', '{"b":1,"c":2}'),  # brought after the change, before the list was read
    ("ab", "b-", '{"a":1,"b":2}', '{"b":1}'),
    ("ab", "-ba", '{"a":1,"b":2}', '{"b":2,"a":null}'),  # another field with the same key: nobody has a value
    ("ab", "x-n", '{"a":1,"b":2}', '{"x":1,"n":null}'),
    ("ab", "xb", '{"a":1,"b":2,"x":3}', '{"x":1,"b":2}'),  # x was no field any more
    ("ab", "xb", '{"b":2,"z":1}', '{"b":2,"z":1}'),
    ("a", "b", '{"A":0,"a":1}', '{"A":0,"b":1}'),
    ("a", "b", "null", None),
    ("a", "b", "[]", "[]"),
    ("-", "n", "{}", '{"n":null}'),
]


@pytest.mark.parametrize(("before", "after", "brought", "found"), some_rows(RENAMED, RENAMED[::8]))
def test_fields_have_the_keys_of_the_list(
    mirror: Making, before: str, after: str, brought: str, found: str | None
) -> None:
    tables = mirror()
    tables.see(FIELDS, 1, *listed(before), is_complete=True)
    tables.see(ACTIVE, 2, person(1, brought))
    tables.merge()
    tables.see(FIELDS, 3, *listed(after), is_complete=True)
    changed = tables.merge()["subscribers"].updated
    assert fields_of(tables) == [found]
    assert changed == (brought != (found or "null"))


def test_row_with_other_keys_is_a_new_version_of_when_the_list_was_asked_for(mirror: Making) -> None:
    tables = mirror()
    tables.see(FIELDS, 1, *listed("a"), is_complete=True)
    tables.see(ACTIVE, 2, person(1, {"a": 1}))
    tables.merge()
    tables.see(FIELDS, 5, *listed("b"), is_complete=True)
    assert tables.merge()["subscribers"] == Change("subscribers", updated=1)
    columns = "fields, _first_seen_at, _synced_at, valid_from, valid_to, change"
    assert tables.rows(f"select {columns} from history.subscribers order by valid_from") == [
        ('{"a":1}', at(2), at(2), at(2), at(5), "insert"),
        ('{"b":1}', at(2), at(5), at(5), None, "update"),
    ]
    assert tables.rows("select fields, _first_seen_at, _synced_at from subscribers") == [('{"b":1}', at(2), at(5))]
    assert tables.rows(f"select fields from as_of.subscribers('{at(4)}')") == [('{"a":1}',)]


def test_people_without_fields_stay_as_they_are(mirror: Making) -> None:
    tables = mirror()
    tables.see(ACTIVE, 1, {"id": 1, "email_address": "p1@example.com"})
    tables.merge()
    tables.see(FIELDS, 2, *listed("a"), is_complete=True)
    assert tables.merge()["subscribers"] == Change("subscribers")
    assert fields_of(tables) == [None]


def test_list_that_did_not_change_changes_nobody(mirror: Making) -> None:
    tables = mirror()
    tables.see(FIELDS, 1, *listed("a"), is_complete=True)
    tables.see(ACTIVE, 2, person(1, {"odd": 1}))
    tables.merge()
    relabelled = [{**field, "label": "new"} for field in listed("a")]
    tables.see(FIELDS, 3, *relabelled, is_complete=True)
    done = tables.merge()
    assert (done["custom_fields"].updated, done["subscribers"].updated) == (1, 0)


@pytest.mark.parametrize("in_one", [True, False])
def test_everybody_keeps_what_they_brought_since(mirror: Making, in_one: bool) -> None:
    """Seen before, at, and after the time of the list; merged with it or separately."""
    tables = mirror()
    seen: list[Callable[[], None]] = [
        lambda: tables.see(FIELDS, 1, *listed("ab"), is_complete=True),
        lambda: tables.see(ACTIVE, 2, *(person(key, {"a": 0, "b": 0}) for key in (1, 2, 3))),
        lambda: tables.see(ACTIVE, 3, person(1, {"a": 1, "b": 1})),
        lambda: tables.see(FIELDS, 4, *listed("ba"), is_complete=True),
        lambda: tables.see(ACTIVE, 4, person(2, {"b": 2, "a": 2})),
        lambda: tables.see(ACTIVE, 5, person(3, {"b": 0, "a": 3})),
    ]
    for see in seen:
        see()
        if not in_one:
            tables.merge()
    tables.merge()
    assert fields_of(tables) == ['{"b":1,"a":1}', '{"b":2,"a":2}', '{"b":0,"a":3}']
    lives = tables.rows(
        "select id, list(valid_from order by valid_from) from history.subscribers group by 1 order by 1"
    )
    assert lives[0] == (1, [at(2), at(3), at(4)])
    assert lives[2] == (3, [at(2), at(4), at(5)])


def test_somebody_who_was_gone_before_stays_gone(mirror: Making) -> None:
    tables = mirror()
    tables.see(FIELDS, 1, *listed("a"), is_complete=True)
    tables.see(ACTIVE, 1, person(1, {"a": 1}), person(2, {"a": 2}))
    tables.merge()
    tables.see(BY_ID, 2, gone(1))
    tables.see(FIELDS, 3, *listed("b"), is_complete=True)
    tables.see(BY_ID, 4, gone(2))
    assert tables.merge()["subscribers"] == Change("subscribers", updated=1, deleted=2)
    assert tables.rows(
        "select id, fields, valid_from from history.subscribers where change = 'delete' order by id"
    ) == [
        (1, '{"a":1}', at(2)),
        (2, '{"b":2}', at(4)),
    ]


def test_two_changes_of_one_merge_come_one_after_the_other(mirror: Making) -> None:
    tables = mirror()
    tables.see(FIELDS, 1, *listed("ab"), is_complete=True)
    tables.see(ACTIVE, 2, person(1, {"a": 1, "b": 2}))
    tables.merge()
    tables.see(FIELDS, 3, *listed("ba"))
    tables.see(FIELDS, 4, *listed("xa"))
    tables.merge()
    assert tables.rows("select fields, valid_from from history.subscribers order by valid_from") == [
        ('{"a":1,"b":2}', at(2)),
        ('{"b":1,"a":2}', at(3)),
        ('{"x":1,"a":2}', at(4)),
    ]


def test_more_people_than_are_written_at_once(mirror: Making) -> None:
    people = range(-2, ROWS_AT_ONCE + 2)
    tables = mirror()
    tables.see(FIELDS, 1, *listed("a"), is_complete=True)
    tables.see(ACTIVE, 2, *(person(key, {"a": key}) for key in people))
    tables.merge()
    tables.see(FIELDS, 3, *listed("b"), is_complete=True)
    assert tables.merge()["subscribers"].updated == len(people)
    assert fields_of(tables) == [f'{{"b":{key}}}' for key in people]


def test_a_key_that_cannot_be_read_is_no_deletion() -> None:
    assert compare("fields", at(1), {1: "a", 2: "b"}, {1: None, 2: "c"}) == Rekeying(
        "fields", at(1), {"b": "c"}, (), ("a", "b"), ("c",)
    )


KEYS = st.one_of(
    st.sampled_from(["a", "A", "last-name", "a.b", "it's", 'say "hi"', "a/b", "a~1", "0", "ü", "$", "[0]", "\\", "\n"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3),
)
VALUES = st.sampled_from(
    ["null", '"x"', '"\\u00fc"', "1", "1.5", "12345678901234567890", "true", '{"a":[1,null]}', '""']
)
LISTS = st.lists(st.one_of(st.none(), KEYS), max_size=5, unique_by=lambda key: object() if key is None else key)


def expected(record: dict[str, Any], before: list[str | None], after: list[str | None]) -> dict[str, Any]:
    """Return the expected row with all the keys of `before`, in plain Python."""
    became = {key: after[place] if place < len(after) else None for place, key in enumerate(before) if key is not None}
    row = {new: value for key, value in record.items() if (new := became[key]) is not None}
    return row | {key: None for key in after if key is not None and key not in row}


@pytest.mark.heavy
@settings(max_examples=10, deadline=None)
@given(st.data(), LISTS, LISTS)
def test_values_survive_any_change_of_any_keys(
    data: st.DataObject, before: list[str | None], after: list[str | None]
) -> None:
    """And when the API sends the same row again, nothing has changed."""
    keys = data.draw(st.permutations([key for key in before if key is not None]))
    text = "{" + ",".join(f"{json.dumps(key)}:{data.draw(VALUES)}" for key in keys) + "}"
    with (
        TemporaryDirectory() as folder,
        closing(MemoryMirror(LogBuilder(Path(folder)), "custom_fields", "subscribers")) as tables,
    ):
        tables.see(FIELDS, 1, *listed(before), is_complete=True)
        tables.see(ACTIVE, 2, person(1, text))
        tables.merge()
        tables.see(FIELDS, 3, *listed(after), is_complete=True)
        tables.merge()
        want = expected(json.loads(text), before, after)
        (found,) = fields_of(tables)
        assert list(json.loads(found or "").items()) == list(want.items())
        tables.see(ACTIVE, 4, person(1, want))
        assert tables.merge()["subscribers"] == Change("subscribers")


@pytest.mark.heavy
def test_log_merged_in_one_go_gives_the_same_people_as_night_by_night(tmp_path: Path) -> None:
    """A field list in the first part of a pull, people in the others, and a list read again in the same round."""
    log = LogBuilder(tmp_path / "data")
    first = log.begin(0)
    first.page(FIELDS, 0, listed("ab"), is_complete=True)
    first.store()
    publish(log.folder)
    first.page(ACTIVE, 1, [person(key, {"a": key, "b": 0}) for key in range(1, 6)])
    first.store()
    publish(log.folder)
    second = log.begin(3_000)
    second.page(FIELDS, 3_000, listed("bxn"), is_complete=True)
    second.store()
    publish(log.folder)
    second.page(ACTIVE, 3_001, [person(1, {"b": 1, "x": 5, "n": None})])
    second.end(3_001)
    publish(log.folder)
    for night, keys in ((5_000, "xb-"), (6_000, "x")):
        load = log.begin(night)
        load.page(FIELDS, night, listed(keys), is_complete=True)
        load.page(ACTIVE, night + 1, [person(2, {key: night for key in keys if key != "-"})])
        load.end(night + 1)
        publish(log.folder)
    queries = [f"select * from {schema}.subscribers order by all" for schema in ("main", "history")]
    before = [log.rows(query) for query in queries]
    assert len(before[1]) > 15
    rebuild(log.folder)
    assert [log.rows(query) for query in queries] == before


def test_parquet_follows_the_new_keys(tmp_path: Path) -> None:
    log = LogBuilder(tmp_path / "data")
    log.write(FIELDS, 1, listed("a"), is_complete=True)
    log.write(ACTIVE, 2, [person(1, {"a": 1})])
    publish(log.folder)
    log.write(FIELDS, 3, listed("b"), is_complete=True)
    publish(log.folder)
    assert log.rows(f"select fields from '{log.folder.parquet}/subscribers/part-0.parquet'") == [('{"b":1}',)]
