"""Endless responses, in time or in size: each request ends within its time-out, and holds little memory."""

import gzip
import itertools
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from cksync.api import Api, Stopped
from cksync.api.v3.catalog import ask_page
from cksync.config import Config
from cksync.domain import ACTIVE, whole
from cksync.errors import CksyncError, EndpointFailed
from kit_sandbox import Answer, Sandbox, effects
from tests.conftest import some
from tests.support.connecting import connected, having

ACCOUNT = ask_page(whole("account"), 1)
GOOD = b'{"primary_email_address": "owner@example.com"}'
Speech = Callable[[], Iterator[bytes]]


class Speaker:
    """A server that sends given pieces to each connection, one every few milliseconds."""

    def __init__(self, *speeches: Speech) -> None:
        self._speeches = iter(speeches)
        self._ends = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._server.getsockname()[1]}/v3"
        self.asked = threading.Event()

    def __enter__(self) -> "Speaker":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ends.set()
        self._server.close()

    def _serve(self) -> None:
        while not self._ends.is_set():
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._speak, args=(connection, next(self._speeches)), daemon=True).start()

    def _speak(self, connection: socket.socket, speech: Speech) -> None:
        with connection:
            connection.recv(1 << 16)
            self.asked.set()
            try:
                for piece in speech():
                    connection.sendall(piece)
                    if self._ends.wait(0.005 if len(piece) == 1 else 0):
                        return
            except OSError:
                return


def head(*lines: str) -> bytes:
    """Return the head of a response."""
    return "\r\n".join(("HTTP/1.1 200 OK", "Content-Type: application/json", *lines, "", "")).encode()


def good() -> Iterator[bytes]:
    yield head(f"Content-Length: {len(GOOD)}") + GOOD


def letters(text: bytes) -> Iterator[bytes]:
    """Yield a text, then its last letter forever, one at a time."""
    for number in itertools.count():
        yield text[number : number + 1] or text[-1:]


DRIPPING: Mapping[str, Speech] = {
    "nothing": lambda: itertools.repeat(b""),
    "status line": lambda: letters(b"HTTP/1.1 200 O"),
    "header": lambda: letters(b"HTTP/1.1 200 OK\r\nX-Endless: a"),
    "body": lambda: letters(head("Content-Length: 1000000000") + b"{ "),
    "body without a length": lambda: letters(head() + b"{ "),
    "chunk's length": lambda: letters(head("Transfer-Encoding: chunked") + b"0"),
}


@pytest.mark.parametrize("name", some([*DRIPPING], ["header", "body"]))
def test_what_drips_is_cut_off_at_the_time_out_and_asked_for_again(name: str, config: Config) -> None:
    with (
        Speaker(DRIPPING[name], good) as server,
        connected(having(config, base_url=server.address, timeout_seconds=0.5)) as api,
    ):
        page = api.fetch(ACCOUNT)
    assert page.records[0].key == "owner@example.com"
    assert "within 0.5 s" in (page.attempts[0].problem or "")


@pytest.mark.parametrize("name", some([*DRIPPING], ["header"]))
def test_what_drips_does_not_outlive_the_run(name: str, config: Config) -> None:
    stop = threading.Event()
    with (
        Speaker(DRIPPING[name]) as server,
        connected(having(config, base_url=server.address, timeout_seconds=600.0), stop) as api,
    ):
        threading.Thread(target=lambda: stop.set() if server.asked.wait() else None, daemon=True).start()
        with pytest.raises(Stopped):
            api.fetch(ACCOUNT)


def endless(piece: bytes) -> Iterator[bytes]:
    """Yield the head of a response without a length, and the same piece forever."""
    yield head()
    yield from itertools.repeat(piece)


def bomb(megabytes: int) -> Answer:
    """Return white space that is a thousand times as large when unpacked."""
    packed = gzip.compress(b" " * (megabytes * 1_000_000))
    return Answer(200, packed, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})


def failure(api: Api) -> CksyncError:
    with pytest.raises(CksyncError) as caught:
        api.fetch(ask_page(ACTIVE, 1))
    return caught.value


def test_an_endless_body_is_left_at_the_limit(config: Config) -> None:
    account: Speech = good
    with (
        Speaker(lambda: endless(b" " * 65_536), account) as server,
        connected(having(config, base_url=server.address, max_answer_mb=1.0)) as api,
    ):
        error = failure(api)
    assert isinstance(error, EndpointFailed)
    assert error.reason == "the response is larger than 1 MB (api.max_answer_mb)"
    assert len(error.attempts) == 1  # no retry makes it smaller, and the API is there


@pytest.mark.parametrize("length", ["known", "packed"])
def test_an_answer_larger_than_the_limit_leaves_its_list_incomplete(
    length: str, config: Config, sandbox: Sandbox
) -> None:
    answer = bomb(20) if length == "packed" else Answer(200, b" " * 2_000_000)
    sandbox.faults.add(effects.answer_with(answer), path="/subscribers")
    with connected(having(config, max_answer_mb=1.0)) as api:
        assert "larger than 1 MB" in str(failure(api))


@pytest.mark.parametrize("name", some([*DRIPPING], ["status line"]))
def test_sigterm_ends_a_pull_whatever_drips(name: str, environ: dict[str, str], tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("[api]\ntimeout_seconds = 600\n")
    with Speaker(DRIPPING[name]) as server:
        command = [sys.executable, "-m", "cksync", "--config", str(settings), "pull"]
        given = {**environ, "CKSYNC_BASE_URL": server.address}
        with subprocess.Popen(command, env=given, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
            assert server.asked.wait(100)
            process.terminate()
            _, errors = process.communicate(timeout=100)
    assert (process.returncode, errors.count("stopped")) == (130, 1)


LONG_STATEMENT = """
import duckdb
from cksync.cli.signals import stop_on_signals
stop_on_signals()
print("begun", flush=True)
duckdb.execute("select count(*) from range(100_000_000_000) as a, range(1_000) as b").fetchall()
"""


@pytest.mark.heavy
def test_sigterm_ends_what_no_handler_can_interrupt() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LONG_STATEMENT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        _, errors = process.communicate(timeout=100)
    assert (process.returncode, errors) == (
        130,
        "\ncksync: stopped; nothing is lost, run the same command again to continue\n",
    )
