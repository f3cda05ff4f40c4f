"""A recognisable secret never appears, whatever fails and however verbose the output."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kit_sandbox import Answer, Effect, Sandbox, effects, generate, serve
from kit_sandbox.messages import Handler, Request
from tests.conftest import some
from tests.support.connecting import closed_port

# Letters and digits are the same in every encoding, so these parts reveal any of them.
MARKS = (b"CANARY", b"s3cr", b"YRANAC")
SECRET = "CANARY-s3cr+t/äöü=~%&<\\YRANAC"
KEY = "CANARY-k3y+/=%YRANAC"
PLAIN = "CANARYs3crYRANAC0123456789"


@dataclass(frozen=True)
class Case:
    """A failure: faults of the server with their paths, or another environment."""

    faults: tuple[tuple[Effect, str], ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


def always(effect: Effect, path: str = "/(account|forms)") -> Case:
    return Case(((effect, path),))


def echo(status: int, spell: Callable[[str], str]) -> Effect:
    """An API that repeats the secret in an error message."""

    def effect(request: Request, handle: Handler) -> Answer:
        message = f"bad query: api_secret={spell(request.params['api_secret'])}"
        return Answer(status, json.dumps({"error": "Bad", "message": message}).encode())

    return effect


def in_a_record(spell: Callable[[str], str]) -> Effect:
    """An API that repeats the secret in the name of the first record."""

    def effect(request: Request, handle: Handler) -> Answer:
        return effects.set_key("name", f"x {spell(request.params['api_secret'])} y")(request, handle)

    return effect


def in_a_redirect(request: Request, handle: Handler) -> Answer:
    secret = quote(request.params["api_secret"])
    return effects.redirect(f"http://{secret}.example/?api_secret={secret}")(request, handle)


def beside_bytes_that_are_no_text(request: Request, handle: Handler) -> Answer:
    return Answer(200, b'{"error": "\xff' + request.params["api_secret"].encode() + b'"}')


PASSING = (
    effects.retry_later(),
    effects.status(500),
    effects.status(502),
    effects.status(503),
    effects.truncated(),
    effects.bad_gzip(),
    effects.garbage(),
    effects.html(),
    effects.reset(),
    effects.hang(),
    effects.drip(),
    beside_bytes_that_are_no_text,
)
"""Faults that another try mends."""

CASES: Mapping[str, Case] = {
    "no end of 502": always(effects.status(502)),
    "refused": Case(env={"CKSYNC_BASE_URL": f"http://127.0.0.1:{closed_port()}/v3"}),
    "unresolvable": Case(env={"CKSYNC_BASE_URL": "http://nope.invalid/v3"}),
    "no TLS": Case(env={"CKSYNC_BASE_URL": "https://{host}/v3"}),
    "dead proxy": Case(env={"http_proxy": f"http://me:{PLAIN}@127.0.0.1:{closed_port()}"}),
    "no Unicode": Case(((effects.invalid_utf8(), "/forms"), (effects.lone_surrogate(), "/tags"))),
    "in records": Case(((in_a_record(str), "/forms"), (in_a_record(quote), "/tags"))),
    "in the account": always(in_a_record(lambda secret: secret), "/account"),
    "redirect": always(effects.redirect("http://elsewhere.example/")),
    "in a redirect": always(in_a_redirect, "/forms"),
    "401 absent": always(effects.status(401, '{"message": "API Key not present"}')),
    "401 wrong": always(effects.status(401, '{"message": "API Key not valid"}')),
    "401 public": always(effects.status(401, '{"message": "You do not have sufficient permissions"}'), "/forms"),
    "in a 403": always(echo(403, lambda secret: json.dumps(secret)[1:-1])),
    "410": always(effects.status(410), "/forms"),
    "in a 422": always(echo(422, str), "/forms"),
    "in a 400": always(echo(400, quote)),
    "404": always(effects.status(404, '{"error": "Not Found"}')),
    "no address": Case(env={"CKSYNC_BASE_URL": f"api.convertkit.com/v3?api_secret={PLAIN}"}),
    "no proxy": Case(env={"http_proxy": f"http://[{PLAIN}"}),
    "unwritable folder": Case(env={"CKSYNC_DATA_DIR": "/dev/null/data"}),
    "garbled file": Case(arguments=("--config", "garbled.toml")),
    "wrong types": Case(arguments=("--config", "types.toml")),
    "literal in the file": Case(env={"CKSYNC_API_SECRET": ""}, arguments=("--config", "literal.toml")),
    "failing command": Case(env={"CKSYNC_API_SECRET": f"cmd:sh -c 'echo {PLAIN}; echo {PLAIN} >&2; exit 1'"}),
    "command that names it": Case(env={"CKSYNC_API_SECRET": f"cmd:echo {PLAIN}"}),
    "two lines": Case(env={"CKSYNC_API_SECRET": f"{PLAIN}\n{PLAIN}"}),
}

FILES = {
    "settings.toml": "[api]\nrate_limit = 100000\nrate_period_seconds = 0.5\ntimeout_seconds = 1\n",
    "garbled.toml": f'[api]\napi_secret = "{PLAIN}\n',
    "types.toml": f'[api]\nrate_limit = "x"\napi_key = ["{PLAIN}"]\napi_secret = {{ "{PLAIN}" = 1 }}\n',
    "literal.toml": f"[api]\napi_secret = '{SECRET}'\nrate_limit = 100000\n",
}


def spoken(place: Path, sandbox: Sandbox, case: Case, *command: str) -> bytes:
    """Return everything that a command prints."""
    place.mkdir()
    for name, text in FILES.items():
        (place / name).write_text(text)
    sandbox.world.api_secret, sandbox.world.api_key = SECRET, KEY
    for effect, path in case.faults:
        sandbox.faults.add(effect, path=path, count=None)
    host = sandbox.url.removeprefix("http://").removesuffix("/v3")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(place),
        "LANG": "C.UTF-8",
        "CKSYNC_CONFIG": "settings.toml",
        "CKSYNC_BASE_URL": sandbox.url,
        "CKSYNC_API_SECRET": SECRET,
        "CKSYNC_API_KEY": KEY,
        "CKSYNC_DATA_DIR": str(place / "data"),
        **{name: value.replace("{host}", host) for name, value in case.env.items()},
    }
    done = subprocess.run(
        [sys.executable, "-m", "cksync", *command, *case.arguments],
        env=environ,
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=90,
    )
    return done.stdout


def stored(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every byte below a data folder, raw and decoded."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield str(path), path.read_bytes()
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            yield f"{path} decoded", repr((table.to_pylist(), table.schema.metadata)).encode()
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as db:
                for schema, name in db.execute("select schema_name, table_name from duckdb_tables()").fetchall():
                    rows = db.execute(f'select * from "{schema}"."{name}"').fetchall()
                    yield f"{path} {schema}.{name}", repr(rows).encode()


def betrayals(parts: Iterable[tuple[str, bytes]]) -> list[str]:
    """Return where a part of the secret is found, with its surroundings."""
    return [
        f"{where}: …{data[max(0, data.index(mark) - 60) : data.index(mark) + 60]!r}…"
        for where, data in parts
        for mark in MARKS
        if mark in data
    ]


@pytest.mark.parametrize("cases", some([[*CASES][::4], [*CASES]], [[*CASES][::4]]), ids=["some", "all"])
@pytest.mark.parametrize(
    "command",
    [pytest.param(("-v", "check"), marks=pytest.mark.heavy), ("-v", "-v", "pull", "forms", "tags")],
    ids=" ".join,
)
def test_no_error_betrays_the_secret(command: tuple[str, ...], cases: list[str], tmp_path: Path) -> None:
    """Several cases in parallel: the first ones wait for further tries, seven in all."""
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        sandboxes = {name: stack.enter_context(serve(generate(2, 7), rate_limit=None)) for name in cases}
        places = [tmp_path / str(number) for number in range(len(cases))]
        said = list(
            pool.map(lambda *each: spoken(*each, *command), places, sandboxes.values(), map(CASES.__getitem__, cases))
        )
    assert all(said)
    assert [text for text in said if b"mistake of cksync" in text] == []
    assert betrayals(zip(cases, said, strict=True)) == []
    assert betrayals(part for place in places for part in stored(place / "data")) == []


@pytest.mark.heavy
def test_a_pull_past_every_fault_that_says_all_it_can_betrays_nothing(tmp_path: Path) -> None:
    with serve(generate(20, 7), rate_limit=None) as sandbox:
        rules = [sandbox.faults.add(effect, nth=1 + 3 * number) for number, effect in enumerate(PASSING)]
        said = spoken(tmp_path / "0", sandbox, Case(), "-vv", "pull")
    assert [rule.fired for rule in rules] == [1] * len(PASSING)
    assert b"GET /v3/account" in said
    assert b" is complete: " in said
    assert betrayals([("said", said)]) == []
    assert betrayals(stored(tmp_path / "0" / "data")) == []


@pytest.mark.heavy
@pytest.mark.parametrize(
    "spell", some([str, quote, lambda text: json.dumps(text)[1:-1]], [quote]), ids=["plain", "query", "JSON"]
)
def test_a_legacy_form_that_carries_the_key_is_masked_in_log_and_mirror(
    spell: Callable[[str], str], sandbox: Sandbox, tmp_path: Path
) -> None:
    address = "https://api.convertkit.com/v3/forms/1.js?api_key={}&v=6"
    spoken(tmp_path / "0", sandbox, always(effects.set_key("embed_js", address.format(spell(KEY)))), "pull", "forms")
    folder = tmp_path / "0" / "data"
    with duckdb.connect(str(folder / "mirror.duckdb"), read_only=True) as db:
        assert (address.format("***"),) in db.execute("select embed_js from forms").fetchall()
    # The world has a legacy form of its own, made before the key changed.
    assert betrayals(stored(folder)) == []


def test_what_looks_for_the_secret_finds_it(tmp_path: Path) -> None:
    pq.write_table(pa.table({"name": [PLAIN] * 100}), tmp_path / "a.parquet", compression="zstd")
    with duckdb.connect(str(tmp_path / "b.duckdb")) as db:
        db.execute(f"create schema s; create table s.t as select '{PLAIN}' as name")
    (tmp_path / "c").write_text(quote(SECRET))
    found = "\n".join(betrayals(stored(tmp_path)))
    assert all(name in found for name in ("a.parquet decoded", "b.duckdb s.t", f"{tmp_path / 'c'}: "))
