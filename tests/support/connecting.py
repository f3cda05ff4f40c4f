"""Clients with a test's settings, and a closed port."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cksync.api import WritingApi, connect, credentials, http_client
from cksync.api.http import ATTEMPTS, HttpClient
from cksync.clock import wall_clock
from cksync.config import Config, with_version
from cksync.folder import Folder
from cksync.secrets import SecretRef
from kit_sandbox import Sandbox


def having(config: Config, **settings: object) -> Config:
    """Return a config with other API settings."""
    return replace(config, api=replace(config.api, **settings))  # type: ignore[arg-type]  # names of its fields


@contextlib.contextmanager
def connected(config: Config, stop: threading.Event | None = None) -> Iterator[WritingApi]:
    """Yield an Api for a config."""
    Folder(config.data_dir).prepare()
    given, redactor = credentials(config, {})
    with connect(config, given, redactor, wall_clock, stop or threading.Event()) as api:
        yield api


def closed_port() -> int:
    """Return a port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def with_key(config: Config, sandbox: Sandbox) -> Config:
    """Return a config for API v4 with the sandbox's key."""
    key = SecretRef(sandbox.v4_key, "api.api_key", config.data_dir)
    return having(config, base_url=sandbox.url_v4, api_key=key, api_secret=None)


def with_oauth(config: Config, sandbox: Sandbox, **values: object) -> Config:
    """Return a config for API v4 with OAuth, and write the tokens of a login beside the data folder."""
    path = config.data_dir.parent / "oauth.json"
    write_tokens(path, {**sandbox.oauth.grant(), **values})
    return having(config, base_url=sandbox.url_v4, oauth=path, api_secret=None)


def write_tokens(path: Path, values: dict[str, object]) -> None:
    """Write a token file, private to its owner."""
    path.touch(0o600)
    path.write_text(json.dumps(values))


@contextlib.contextmanager
def http(config: Config) -> Iterator[HttpClient]:
    """Yield the HTTP client below an Api."""
    Folder(config.data_dir).prepare()
    given, redactor = credentials(config, {})
    config = with_version(config, given.version)
    with http_client(config, given, redactor, wall_clock, threading.Event(), ATTEMPTS) as client:
        yield client


def read(client: HttpClient, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Return the decoded answer of a read, None for a 404."""
    return client.get(path, {}, lambda text: (json.loads(text), 1), stream="test", body=body).content
