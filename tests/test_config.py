"""Configuration: file and environment -> Config, or every problem at once with its key and remedy."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from cksync.branding import ReportConfig
from cksync.config import (
    DEFAULT_URL,
    ApiConfig,
    Config,
    ModelsConfig,
    PullConfig,
    StatusConfig,
    find_config,
    load_config,
    user_config,
)
from cksync.errors import BadConfig
from cksync.secrets import SecretRef

TOP = Path(__file__).parent.parent

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a config file in tmp_path/"etc"."""

    def to_file(text: str | bytes) -> Path:
        path = tmp_path / "etc" / "config.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return to_file


def problems_of(path: Path | None = None, **environ: str) -> list[str]:
    """Return the problems of a refused configuration, sorted."""
    with pytest.raises(BadConfig) as caught:
        load_config(path, environ)
    return sorted(caught.value.problems)


# -- sources


def test_without_any_file_everything_has_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_config(environ={}) == Config(tmp_path / "data", "the environment", ApiConfig())


def test_the_environment_alone_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    environ = {
        "CKSYNC_BASE_URL": "http://localhost:1/v3",
        "CKSYNC_API_SECRET": "env:THE_SECRET",
        "CKSYNC_API_KEY": "file:key",
        "CKSYNC_DATA_DIR": "mirror",
    }
    config = load_config(environ=environ)
    assert (config.data_dir, config.api.base_url) == (tmp_path / "mirror", "http://localhost:1/v3")
    assert config.api.api_secret == SecretRef("env:THE_SECRET", "CKSYNC_API_SECRET", tmp_path)
    assert config.api.api_key == SecretRef("file:key", "CKSYNC_API_KEY", tmp_path)


PLACES = ("flag", "environment", "current folder", "user folder")


@pytest.mark.parametrize("first", range(len(PLACES)), ids=PLACES)
def test_the_first_of_the_places_wins(first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    places = [tmp_path / "flag.toml", tmp_path / "environment.toml", Path("config.toml"), user_config()]
    for place in places[first:]:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("")
    flag = places[0] if first == 0 else None
    environ = {"CKSYNC_CONFIG": str(places[1])} if first <= 1 else {}
    assert find_config(flag, environ) == places[first]


@pytest.mark.parametrize("key", ["base_url", "api_secret", "api_key"])
def test_the_environment_beats_the_file(key: str, write: Write) -> None:
    path = write(f'[api]\n{key} = "http://file/v3"\n')
    config = load_config(path, {f"CKSYNC_{key.upper()}": "http://environment/v3"})
    value = getattr(config.api, key)
    assert (value.source if isinstance(value, SecretRef) else value) == "http://environment/v3"


def test_data_dir_is_the_arguments_else_the_environments_else_the_files(write: Write, tmp_path: Path) -> None:
    path, environ = write('data_dir = "/file"'), {"CKSYNC_DATA_DIR": "/environment"}
    assert load_config(path, environ, Path("/flag")).data_dir == Path("/flag")
    assert load_config(path, environ).data_dir == Path("/environment")
    assert load_config(path, {}).data_dir == Path("/file")
    assert load_config(write(""), {}).data_dir == tmp_path / "etc" / "data"


def test_an_empty_variable_counts_as_none(write: Write) -> None:
    path = write('data_dir = "/file"\n[api]\nbase_url = "http://file/v3"\napi_secret = "env:FILE"\n')
    names = ("CKSYNC_DATA_DIR", "CKSYNC_BASE_URL", "CKSYNC_API_SECRET", "CKSYNC_API_KEY", "CKSYNC_CONFIG")
    assert load_config(path, dict.fromkeys(names, "")) == load_config(path, {})


def test_every_key_of_the_file_is_taken(write: Write) -> None:
    path = write(
        'data_dir = "d"\n[api]\nbase_url = "https://example.com/v3/"\napi_secret = "env:S"\napi_key = "cmd:k"\n'
        "rate_limit = 60\nrate_period_seconds = 30\nconcurrency = 2\ntimeout_seconds = 7.5\n"
    )
    here = path.parent
    assert load_config(path, {}) == Config(
        data_dir=here / "d",
        source=str(path),
        api=ApiConfig(
            base_url="https://example.com/v3",
            api_secret=SecretRef("env:S", "api.api_secret", here),
            api_key=SecretRef("cmd:k", "api.api_key", here),
            rate_limit=60,
            rate_period_seconds=30.0,
            concurrency=2,
            timeout_seconds=7.5,
        ),
    )


# -- paths


@pytest.mark.parametrize("given", ["data", "./data", "../etc/data", "/tmp/../{folder}/data"])
def test_a_relative_data_dir_is_relative_to_the_file(
    given: str, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    path = write(f'data_dir = "{given.format(folder=tmp_path / "etc")}"')
    assert load_config(path, {}).data_dir == tmp_path / "etc" / "data"


def test_a_relative_file_is_still_the_place_that_paths_are_relative_to(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write('data_dir = "data"')
    monkeypatch.chdir(tmp_path)
    assert load_config(Path("etc/config.toml"), {}).data_dir == tmp_path / "etc" / "data"


def test_the_home_folder_may_be_meant(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_config(write('data_dir = "~/data"'), {}).data_dir == tmp_path / "data"
    assert load_config(write(""), {"CKSYNC_DATA_DIR": "~/data"}).data_dir == tmp_path / "data"


@pytest.mark.parametrize("path", ['""', "3", "[]", '"~nobody-of-this-name/x"', r'"a\u0000b"'])
def test_a_data_dir_that_is_no_path_is_a_problem(path: str, write: Write) -> None:
    (problem,) = problems_of(write(f"data_dir = {path}"))
    assert problem.startswith('data_dir: must be a path such as "data"')


# -- problems


def test_all_problems_come_at_once_each_with_its_key_and_what_to_do(write: Write) -> None:
    path = write(
        'dat_dir = "x"\ndata_dir = 3\n[api]\nbase_url = "ftp://x"\napi_secret = 1\napi_key = ""\nrate_limt = 1\n'
        'rate_limit = 0\nrate_period_seconds = "60"\nconcurrency = 1.5\ntimeout_seconds = true\n'
    )
    assert problems_of(path) == [
        'api.api_key: must be a string such as "env:CKSYNC_API_KEY"',
        'api.api_secret: must be a string such as "env:CKSYNC_API_SECRET"',
        f"api.base_url: must be an http(s) URL such as {DEFAULT_URL}",
        "api.concurrency: must be a whole number from 1 to 64, not 1.5",
        "api.rate_limit: must be a whole number from 1 to 1e+06, not 0",
        "api.rate_limt: unknown key in " + str(path) + "; did you mean api.rate_limit?",
        "api.rate_period_seconds: must be a number from 0.001 to 1e+09, not '60'",
        "api.timeout_seconds: must be a number from 0.1 to 3600, not True",
        "dat_dir: unknown key in " + str(path) + "; did you mean data_dir?",
        'data_dir: must be a path such as "data", not 3',
    ]


def test_an_unknown_key_like_no_other_is_answered_with_those_that_exist(write: Write) -> None:
    (problem,) = problems_of(write("colour = 1"))
    assert problem.endswith("; known keys: api, data_dir, models, pull, report, status")


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "-1", "0", "1e300", "true", '"4"', "[]", "{}", "2026-01-01"])
@pytest.mark.parametrize("key", ["rate_limit", "rate_period_seconds", "concurrency", "timeout_seconds"])
def test_a_number_that_means_nothing_is_a_problem(key: str, value: str, write: Write) -> None:
    (problem,) = problems_of(write(f"[api]\n{key} = {value}"))
    assert problem.startswith(f"api.{key}: must be a ")


@pytest.mark.parametrize("text", ["api = 3", "[[api]]", 'api = "env:X"'])
def test_a_section_that_is_none_is_a_problem(text: str, write: Write) -> None:
    (problem,) = problems_of(write(text))
    assert problem.startswith("api: must be a table in ")
    assert problem.endswith("; write it as [api]")


@pytest.mark.parametrize(
    "url",
    [
        "api.convertkit.com",
        "ftp://x/v3",
        "https://",
        "http://[::1",
        "http://x:99999",
        "http://x:y",
        "http://a b",
        "http://:80/v3",
        "http://x/v3?a=1",
        "http://x/#a",
        "http://me:word@x/v3",
        "http://x\ty",
        "\x00",
    ],
)
def test_an_address_that_no_request_could_go_to_is_a_problem(url: str, write: Write) -> None:
    (problem,) = problems_of(write(""), CKSYNC_BASE_URL=url)
    assert problem.startswith("api.base_url: must be a")


@pytest.mark.parametrize(
    "url", ["api.convertkit.com/v3?api_secret=CANARY", "https:///?api_secret=CANARY", "me:CANARY@host", "CANARY"]
)
def test_a_secret_in_the_address_is_not_repeated(url: str, write: Write) -> None:
    assert "CANARY" not in "".join(problems_of(write(""), CKSYNC_BASE_URL=url))


@pytest.mark.parametrize(
    "content",
    ["data_dir = ", "[api", "a = 1\na = 2", "rate_limit = " + "9" * 5000, "a = " + "[" * 5000, "a = 1979-99-99"],
    ids=["no value", "no bracket", "twice", "too long", "too deep", "no date"],
)
def test_a_garbled_file_gives_a_message(content: str, write: Write) -> None:
    path = write(content)
    (problem,) = problems_of(path)
    assert problem.startswith(f"{path}: not valid TOML: ")
    assert problem.endswith("; see `cksync config --example`")
    assert "\n" not in problem


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x7fELF\x02\x01\x01\xe4", "data_dir = 'ä'".encode("latin-1")])
def test_a_file_that_is_no_text_gives_a_message(content: bytes, write: Write) -> None:
    path = write(content)
    assert problems_of(path) == [f"{path}: not a UTF-8 text file; see `cksync config --example`"]


def test_a_mark_that_editors_put_at_the_beginning_is_overlooked(write: Write, tmp_path: Path) -> None:
    assert load_config(write("\ufeffdata_dir = 'x'"), {}).data_dir == tmp_path / "etc" / "x"


def test_a_named_file_that_is_not_there_is_reported_by_the_name_of_what_named_it(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    advice = f"{path} does not exist; create it with `cksync init --config {path}`"
    assert problems_of(path) == [f"--config: {advice}"]
    assert problems_of(CKSYNC_CONFIG=str(path)) == [f"CKSYNC_CONFIG: {advice}"]


def test_a_folder_is_no_config_file(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path)
    assert "is a folder; name a file" in problem


# -- secrets in the file


def test_a_secret_in_place_of_a_config_file_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for flag, environ in ((Path("CANARY-0123456789"), {}), (None, {"CKSYNC_CONFIG": "CANARY-0123456789"})):
        with pytest.raises(BadConfig) as caught:
            load_config(flag, environ)
        assert "CANARY" not in str(caught.value)


def test_a_secret_in_a_wrong_place_of_the_file_is_not_shown(write: Write) -> None:
    text = "CANARY-0123456789"
    path = write(f'[api]\nrate_limit = "{text}"\n[models]\nbuild = "{text}"\ntimezone = "{text}"\npath = "~{text}"\n')
    with pytest.raises(BadConfig) as caught:
        load_config(path, {})
    assert len(caught.value.problems) == 4
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o604, 0o644])
def test_a_secret_that_others_can_read_is_warned_about_with_what_mends_it(
    mode: int, write: Write, tmp_path: Path
) -> None:
    is_open = bool(mode & 0o044)
    (tmp_path / "the secret").write_text("CANARY-0123456789")
    (tmp_path / "the secret").chmod(mode)
    config = load_config(write('[api]\napi_secret = "file:../the secret"'), {})
    mend = f"fix it with: chmod 600 '{tmp_path}/etc/../the secret'"
    assert [warning.endswith(mend) for warning in config.warnings] == [True] * is_open
    path = write('[api]\napi_secret = "CANARY-0123456789"')
    path.chmod(mode)
    (warning,) = load_config(path, {}).warnings
    assert warning.endswith(f"fix it with: chmod 600 {path}") == is_open


@pytest.mark.parametrize(
    ("url", "is_warned"),
    [
        ("http://api.example/v3", True),
        ("http://10.0.0.7:8333/v3", True),
        ("https://api.example/v3", False),
        ("http://127.0.0.1:8333/v3", False),
        ("http://localhost/v3", False),
        ("http://[::1]:8333/v3", False),
    ],
)
def test_plain_http_to_another_machine_is_warned_about(url: str, is_warned: bool) -> None:
    mend = f"export CKSYNC_BASE_URL=https{url.removeprefix('http')}"
    warnings = load_config(None, {"CKSYNC_BASE_URL": url, "CKSYNC_CONFIG": ""}).warnings
    assert [warning.endswith(mend) for warning in warnings] == [True] * is_warned


def test_a_config_file_without_an_end_is_refused(write: Write) -> None:
    path = write("# " + "x" * 2_000_000)
    with pytest.raises(BadConfig, match="too large for a config file"):
        load_config(path, {})


def test_a_literal_secret_works_with_a_warning_that_does_not_repeat_it(write: Write) -> None:
    path = write('[api]\napi_secret = "CANARY-literal"\napi_key = "CANARY-literal"')
    config = load_config(path, {})
    assert [warning.split(";")[0] for warning in config.warnings] == [
        f"{path} holds api.api_secret itself",
        f"{path} holds api.api_key itself",
    ]
    assert "CANARY" not in "".join(config.warnings) + repr(config)


def test_a_literal_secret_that_the_environment_replaces_is_no_matter(write: Write) -> None:
    path = write('[api]\napi_secret = "literal"')
    assert load_config(path, {"CKSYNC_API_SECRET": "from-the-environment"}).warnings == ()


@pytest.mark.parametrize("reference", ["env:X", "file:x", "keyring:a/b", "cmd:x"])
def test_a_reference_needs_no_warning(reference: str, write: Write) -> None:
    assert load_config(write(f'[api]\napi_secret = "{reference}"'), {}).warnings == ()


# -- models


def test_models_have_a_zone_and_a_folder_relative_to_the_file(write: Write, tmp_path: Path) -> None:
    config = load_config(write('[models]\npath = "mine"\ntimezone = "Europe/Berlin"\nunsubscribe_alarm = 1'), {})
    assert config.models == ModelsConfig(
        path=(tmp_path / "etc" / "mine").resolve(), timezone="Europe/Berlin", unsubscribe_alarm=1.0
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            'timezone = "Europe/Berln"',
            "models.timezone: must be a time zone such as \"Europe/Berlin\", not 'Europe/Berln'; did you mean"
            " Europe/Berlin?",
        ),
        ("timezone = 2", 'models.timezone: must be a time zone such as "Europe/Berlin", not 2'),
        ('build = "no"', "models.build: must be true or false, not 'no'"),
        ("path = 1", 'models.path: must be a path such as "models", not 1'),
        ("attribution_hours = 1.5", "models.attribution_hours: must be a whole number from 0 to 100000, not 1.5"),
        ("bounce_alarm = -1", "models.bounce_alarm: must be a number from 0 to 100, not -1"),
    ],
)
def test_a_model_setting_that_means_nothing_is_a_problem(line: str, problem: str, write: Write) -> None:
    assert problems_of(write(f"[models]\n{line}")) == [problem]


# -- the example


def test_the_example_has_the_keys_of_the_config_and_no_others() -> None:
    text = (TOP / "config.example.toml").read_text()
    example = tomllib.loads(re.sub(r"(?m)^# (\w+ = )", r"\1", text))
    assert example.keys() == {"data_dir", "api", "pull", "models", "report", "status"}
    assert example["api"].keys() == {field.name for field in fields(ApiConfig)}
    assert example["pull"].keys() == {field.name for field in fields(PullConfig)}
    assert example["status"].keys() == {field.name for field in fields(StatusConfig)}
    assert example["models"].keys() == {field.name for field in fields(ModelsConfig)}
    assert example["report"].keys() == {field.name for field in fields(ReportConfig)}


def test_every_value_of_the_example_is_the_default_as_it_says() -> None:
    config = load_config(TOP / "config.example.toml", {})
    assert config.api.api_secret == SecretRef("env:CKSYNC_API_SECRET", "api.api_secret", TOP)
    numbers = {field.name: field.default for field in fields(ApiConfig) if not field.name.startswith("api_")}
    assert {name: getattr(config.api, name) for name in numbers} == numbers
    assert config.data_dir == TOP / "data"
    assert (config.pull, config.models, config.status) == (PullConfig(), ModelsConfig(), StatusConfig())
    assert config.report == ReportConfig()
