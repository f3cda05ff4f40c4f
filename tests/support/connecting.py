"""Clients with a test's settings, and a closed port."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

from cksync.api import Api, connect, credentials
from cksync.clock import wall_clock
from cksync.config import Config
from cksync.folder import Folder


def having(config: Config, **settings: object) -> Config:
    """Return a config with other API settings."""
    return replace(config, api=replace(config.api, **settings))  # type: ignore[arg-type]  # names of its fields


@contextlib.contextmanager
def connected(config: Config, stop: threading.Event | None = None) -> Iterator[Api]:
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
