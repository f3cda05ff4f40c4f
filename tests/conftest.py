"""Shared fixtures: a small account on a real server, a configuration for it, and the real command as a process."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from cksync.config import ApiConfig, Config, ModelsConfig
from cksync.secrets import SecretRef
from kit_sandbox import Sandbox, World, generate, serve
from tests.support.log_builder import LogBuilder

# A busy machine is not an error: examples may take any time, until the test's own time-out.
settings.register_profile("few", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("many", settings.get_profile("few"))

Command = Callable[..., subprocess.CompletedProcess[str]]

# Tests of the mirror's own tables pull often, and need no models.
BARE = ModelsConfig(build=False)
RATE_LIMIT, RATE_PERIOD_SECONDS = 100_000, 1.0


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("few" if config.getoption("markexpr") == "not heavy" else "many")


def examples(few: int, many: int) -> int:
    """Return how many examples Hypothesis makes: few for `make test`, many for `make test-all`."""
    return many if settings.get_current_profile_name() == "many" else few


def some(values: Sequence[Any], few: Sequence[Any]) -> list[Any]:
    """Return a few of the values for `make test`, all of them for `make test-all`."""
    return [value if value in few else pytest.param(value, marks=pytest.mark.heavy) for value in values]


def some_rows(rows: Sequence[tuple[Any, ...]], few: Sequence[tuple[Any, ...]]) -> list[Any]:
    """A few of the rows of a table of parameters for every day, the others for `make test-all`."""
    return [row if row in few else pytest.param(*row, marks=pytest.mark.heavy) for row in rows]


@pytest.fixture
def world() -> World:
    """An account of 300 people with every edge case, private to a test and editable."""
    return generate(300, 7, broadcasts=20)


@pytest.fixture
def sandbox(world: World) -> Iterator[Sandbox]:
    """The world on a real HTTP server without a rate limit."""
    with serve(world, rate_limit=None) as running:
        yield running


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> Config:
    """A Config for the sandbox: data in tmp_path/"data", waits of a fraction of a second, and no models."""
    return Config(
        data_dir=tmp_path / "data",
        source="the test",
        api=ApiConfig(
            base_url=sandbox.url,
            api_secret=SecretRef(sandbox.api_secret, "api.api_secret", tmp_path),
            rate_limit=RATE_LIMIT,
            rate_period_seconds=RATE_PERIOD_SECONDS,
            timeout_seconds=5.0,
        ),
        models=BARE,
    )


@pytest.fixture
def log(tmp_path: Path) -> LogBuilder:
    """An empty log in tmp_path/"data"."""
    return LogBuilder(tmp_path / "data")


@pytest.fixture
def environ(sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    """The complete environment of a process that uses the sandbox, with the same settings as `config`, and BARE.

    The secret, the address and the folder come from variables, the rest from tmp_path/"settings.toml".
    """
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f"[api]\nrate_limit = {RATE_LIMIT}\nrate_period_seconds = {RATE_PERIOD_SECONDS}\ntimeout_seconds = 5\n"
        "[models]\nbuild = false\n"
    )
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}  # by `make cover`
    return {
        **measured,
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "CKSYNC_CONFIG": str(settings),
        "CKSYNC_BASE_URL": sandbox.url,
        "CKSYNC_API_SECRET": sandbox.api_secret,
        "CKSYNC_DATA_DIR": str(tmp_path / "data"),
    }


@pytest.fixture
def cksync(environ: dict[str, str], tmp_path: Path) -> Command:
    """Run the real command in tmp_path: `cksync("sql", "select 1", env={...}, ok=False)`.

    `env` adds variables, or removes one with None; `ok` expects exit status 0; `stdin` is its input.
    """

    def run(
        *arguments: str, env: Mapping[str, str | None] | None = None, ok: bool = True, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        merged = {**environ, **(env or {})}
        done = subprocess.run(
            [sys.executable, "-m", "cksync", *arguments],
            cwd=tmp_path,
            env={name: value for name, value in merged.items() if value is not None},
            input=stdin,
            capture_output=True,
            text=True,
        )
        assert not ok or done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run
