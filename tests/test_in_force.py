"""`cksync config`: the settings in force, where each comes from, and the example."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from cksync.config import load_config
from cksync.in_force import VARIABLES, Setting, in_force
from tests.conftest import Command

TOP = Path(__file__).parent.parent


def found(path: Path, environ: dict[str, str]) -> dict[str, Setting]:
    config = load_config(path, environ)
    return {each.key: each for each in in_force(config, path, environ)}


def test_each_value_has_its_origin(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[api]\nrate_limit = 60\napi_secret = "env:X"\n[status]\nmax_age = "26h"\n')
    settings = found(path, {"CKSYNC_DATA_DIR": "/tmp/there"})
    assert settings["data_dir"] == Setting("data_dir", "/tmp/there", "$CKSYNC_DATA_DIR")
    assert settings["api.rate_limit"] == Setting("api.rate_limit", 60, "the file")
    assert settings["api.concurrency"] == Setting("api.concurrency", 4, "default")
    assert settings["api.api_key"] == Setting("api.api_key", None, "not set")
    assert settings["api.api_secret"].value == "env:X (this variable is not set)"
    assert settings["status.max_age"] == Setting("status.max_age", "26h", "the file")
    assert settings["api.base_url"] == Setting("api.base_url", "https://api.convertkit.com/v3", "default")


def test_a_key_decides_the_version_and_its_address(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[api]\napi_key = "env:K"\n')
    settings = found(path, {"K": "kit_0123456789abcdef"})
    assert (settings["api.version"].value, settings["api.base_url"].value) == ("v4", "https://api.kit.com/v4")


@pytest.mark.parametrize("secret", ["CANARY-0123456789", "kit_CANARY-0123456789"])
@pytest.mark.parametrize("form", ["table", "json"])
def test_no_secret_is_shown(secret: str, form: str, cksync: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(f'[api]\napi_secret = "{secret}"\napi_key = "{secret}"\n')
    env = {"CKSYNC_API_SECRET": None, "CKSYNC_CONFIG": "mine.toml"}
    done = cksync("config", "--format", form, env=env)
    assert "CANARY" not in done.stdout + done.stderr
    done = cksync("config", "--format", form, env={"CKSYNC_API_KEY": secret, "CKSYNC_API_SECRET": secret})
    assert "CANARY" not in done.stdout + done.stderr


def test_every_variable_is_one_of_the_configuration() -> None:
    source = (TOP / "cksync" / "config.py").read_text()
    assert {"CKSYNC_CONFIG", *VARIABLES.values()} >= set(re.findall(r"CKSYNC_[A-Z0-9_]+[A-Z]", source)) - {"CKSYNC_"}


def test_in_json_it_is_one_object(cksync: Command, environ: dict[str, str]) -> None:
    told = json.loads(cksync("config", "--format", "json").stdout)
    assert told["file"] == environ["CKSYNC_CONFIG"]
    assert {each["key"] for each in told["settings"]} >= {"data_dir", "api.rate_limit", "status.max_age"}


def test_the_example_is_a_config_file(cksync: Command, tmp_path: Path) -> None:
    text = cksync("config", "--example").stdout
    assert text == (TOP / "config.example.toml").read_text()
    assert tomllib.loads(text)["data_dir"] == "data"


def test_a_wheel_has_the_example() -> None:
    settings = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert settings["force-include"]["config.example.toml"] == "cksync/config.example.toml"
