"""The command that starts each tool."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.sandbox import SECRET, Sandbox

PEERS = Path(__file__).parent / "peers"
# So high that it never matters.
NO_LIMIT = 100_000

# Returns a command line that reads an account into an empty folder.
Command = Callable[[Sandbox, Path], Sequence[str]]


def cksync_pull(streams: Sequence[str], rate_limit: int = NO_LIMIT) -> Command:
    """Return `cksync pull` as a user starts it; its mirror is `data/mirror.duckdb`."""

    def command(server: Sandbox, folder: Path) -> Sequence[str]:
        config = write_config(server, folder, rate_limit=rate_limit)
        return [sys.executable, "-m", "cksync", "--config", str(config), "--quiet", "pull", *streams]

    return command


def write_config(server: Sandbox, folder: Path, **settings: float) -> Path:
    """Write a config file for the sandbox; `settings` are those of its [api] that are not text."""
    lines = ["[api]", f'base_url = "{server.url}"', f'api_secret = "{SECRET}"']
    path = folder / "config.toml"
    path.write_text("\n".join([*lines, *(f"{name} = {value}" for name, value in settings.items()), ""]))
    return path


def peer(script: str, python: str) -> Command:
    """Return a program of bench/peers in the peers' environment; its database is `mirror.duckdb`."""
    return lambda server, folder: [python, str(PEERS / script), server.url, SECRET, str(folder)]
