"""An object with a duplicate key: the last one counts, as in every other parser."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cksync.config import Config
from cksync.domain import ACTIVE, PURCHASES, STATS, Record, members
from cksync.load.publish import publish, rebuild
from cksync.load.repeated_keys import last_of_each
from kit_sandbox import Sandbox, World, effects
from tests.conftest import Command
from tests.support.comparison import differences
from tests.support.log_builder import LogBuilder


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"a":null,"a":1.10}', '{"a":1.10}'),
        ('{"b":{"c":1,"c":[{"d":1,"d":12345678901234567890.123}]}}', '{"b":{"c":[{"d":12345678901234567890.123}]}}'),
        ('[{"a":1},{"a":1,"a":2}]', '[{"a":1},{"a":2}]'),
        (r'{"a":"x","\u0061":"y"}', '{"a":"y"}'),
        ('{ "a" : 1 , "a" : 2 }', '{"a":2}'),
    ],
)  # fmt: skip
def test_last_of_equal_keys_is_kept_with_its_digits(text: str, wanted: str) -> None:
    assert last_of_each(text) == wanted


@pytest.mark.parametrize(
    "text", ['{"a":1,"b":{"a":1}}', '[{"a":1},{"a":1}]', r'{"a":"\"a\":1"}', "5", '{"a":', "[" * 9_999]
)
def test_json_without_equal_keys_is_left_alone(text: str) -> None:
    assert last_of_each(text) is None


TREES = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(st.sampled_from('ab":'), inner), max_size=4).map(tuple)
    ),
    max_leaves=12,
)


def spelled(tree: Any) -> str:
    """Return a tree as JSON: a tuple of pairs is an object, in which keys may be equal."""
    if isinstance(tree, tuple):
        return "{" + ",".join(f"{json.dumps(key)}:{spelled(value)}" for key, value in tree) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(map(spelled, tree)) + "]"
    return json.dumps(tree)


@given(TREES)
def test_every_parser_reads_the_same_afterwards(tree: Any) -> None:
    text = spelled(tree)
    fixed = last_of_each(text)
    assert json.loads(text if fixed is None else fixed) == json.loads(text)
    assert fixed is None or last_of_each(fixed) is None


def test_last_of_equal_keys_is_in_the_mirror_wherever_they_stand(log: LogBuilder) -> None:
    def person(number: int) -> str:
        return f'"id":{number},"email_address":"a@example.com","state":"active","created_at":"2024-01-01T00:00:00Z"'

    load = log.begin(0)
    ann = f'{{{person(1)},"fields":{{"k":"old","k":"new"}},"first_name":null,"first_name":"Ann"}}'
    load.page(ACTIVE, 1, [Record("1", ann.encode())])
    inside = f'{{{person(2)},"first_name":"x","first_name":"Bo"}}'
    membership = f'{{"id":5,"state":"inactive","state":"active","subscriber":{inside}}}'
    load.page(members("tag", "7"), 2, [Record("5", membership.encode())])
    order = '{"id":9,"total":1,"total":2.5,"products":[{"name":"a","name":"b","quantity":1}]}'
    load.page(PURCHASES, 3, [Record("9", order.encode())])
    load.page(STATS, 4, [Record("3", b'{"id":3,"stats":{"recipients":1,"recipients":40}}')])
    load.page(ACTIVE, 5, [Record("4", f'{{{person(4)},"new":{{"x":1,"x":2}}}}'.encode())])
    load.end(10)
    for make in (publish, rebuild):
        assert make(log.folder).merged.repeated == 5
        assert log.rows("select first_name, fields ->> 'k' from subscribers order by id") == [
            ("Ann", "new"), ("Bo", None), (None, None)
        ]  # fmt: skip
        assert log.rows("select state from subscriptions") == [("active",)]
        assert log.rows("select total, name from purchases join purchase_products on purchase_id = id") == [(2.5, "b")]
        assert log.rows("select recipients from broadcast_stats") == [(40,)]
        assert log.rows("select _extra ->> '$.new.x' from subscribers where id = 4") == [("2",)]


@pytest.mark.heavy
def test_pull_reads_the_last_of_equal_keys_and_says_so(
    cksync: Command, config: Config, sandbox: Sandbox, world: World
) -> None:
    sandbox.faults.add(effects.repeated_key("first_name"), count=None)
    done = cksync("pull")
    assert "with a repeated key; the last value is used" in done.stderr
    assert differences(config.data_dir / "mirror.duckdb", world) == []
