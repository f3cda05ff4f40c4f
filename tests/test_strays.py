"""Only a record that is not JSON is set aside: the rest of its page is read, and everything is published."""

from collections.abc import Mapping

import duckdb
import pytest

from cksync.api.responses import is_json
from cksync.api.salvage import NO_JSON, as_sent, without_strays
from cksync.config import Config
from cksync.folder import Folder
from cksync.pipeline.publishing import rebuild
from cksync.pipeline.pull import pull
from kit_sandbox import Sandbox, World, edits, effects
from tests.conftest import some
from tests.support.comparison import differences
from tests.support.runs import pulled

VALUES: Mapping[str, str] = {
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "levels": "[" * 1_500 + "]" * 1_500,
    "levels of objects": '{"a":' * 5_000 + "1" + "}" * 5_000,
    "leading zero": "007",
    "word": "undefined",
}


@pytest.mark.heavy
@pytest.mark.parametrize("name", some([*VALUES], ["NaN"]))
def test_the_others_are_published_and_its_list_is_incomplete(
    name: str, config: Config, sandbox: Sandbox, world: World
) -> None:
    list(pull(config, environ={}))
    sandbox.faults.add(effects.stray(VALUES[name]), path="/subscribers", params={"page": "2"}, count=None)
    edits.set_first_name(world, min(world.subscribers), "Changed")
    report = pulled(config, environ={}, depth="full")
    assert report.exit_status == 3
    assert {verdict.slice for verdict in report.verdicts if not verdict.is_complete} == {"subscribers/active"}
    rebuilt = rebuild(config, Folder(config.data_dir))
    with duckdb.connect(str(config.data_dir / "mirror.duckdb"), read_only=True) as db:
        ((slice_, key, reason),) = db.execute("select slice, key, reason from _cksync.set_aside").fetchall()
    assert (slice_, int(key) in world.subscribers) == ("subscribers/active", True)
    assert reason == "is not valid JSON for the database"
    assert slice_ in rebuilt.set_aside
    assert differences(config.data_dir / "mirror.duckdb", world) == []
    sandbox.faults.clear()
    report = pulled(config, environ={}, depth="full")
    assert report.exit_status == 0


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("answer", ['{{"tags":[{{"id":1,"state":"a"}},{0},{{"id":3}}],"page":1}}', '{{"tag":{0}}}'])
def test_what_stands_beside_it_is_untouched(answer: str, value: str) -> None:
    record = f'{{"name":"\\"}}{{","nested":{{"id":9}},"id":2,"state":"active","stray":{value}}}'
    body = answer.format(record).encode()
    mended, strays = without_strays(body, is_json)
    assert (strays, is_json(mended)) == (1, True)
    before, after = answer.format("|").encode().split(b"|")
    stand_in = mended.removeprefix(before).removesuffix(after)
    assert stand_in.endswith(b',"id":2,"state":"active"}')
    assert as_sent(stand_in) == NO_JSON + record.encode()


@pytest.mark.parametrize("body", [b"", b"{", b"]]]", b"<html>", b'{"a":"', b"[[[[", b'{"tags":[{"id":1}]}'])
def test_a_body_without_such_a_record_stays_as_it_is(body: bytes) -> None:
    assert without_strays(body, is_json) == (body, 0)
