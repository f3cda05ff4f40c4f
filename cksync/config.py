"""config.toml and the environment -> a frozen Config; every problem is reported at once."""

import contextlib
import difflib
import ipaddress
import os
import shlex
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import platformdirs

from cksync.errors import BadConfig
from cksync.paths import NO_DATA_FOLDER, foreign_file, unusable
from cksync.secrets import SHORTEST, SecretRef, environment, shown_path

DEFAULT_URL = "https://api.convertkit.com/v3"
ENV_SECRET = "CKSYNC_API_SECRET"
LARGEST = 1_000_000  # bytes of a config file


def _number(default: float, lowest: float, highest: float = 1e9) -> Any:
    """A setting that is a number: its default, and the range it must be in."""
    return field(default=default, metadata={"range": (lowest, highest)})


@dataclass(frozen=True)
class ApiConfig:
    """How to reach the API, and how hard it may be asked."""

    base_url: str = DEFAULT_URL
    api_secret: SecretRef | None = None
    api_key: SecretRef | None = None
    rate_limit: int = _number(120, 1, 1e6)
    rate_period_seconds: float = _number(60.0, 0.001)
    concurrency: int = _number(4, 1, 64)
    timeout_seconds: float = _number(30.0, 0.1, 3600)
    max_answer_mb: float = _number(64.0, 0.001, 4096)


@dataclass(frozen=True)
class PullConfig:
    """How much a nightly pull looks at beyond what is new."""

    overlap_days: float = _number(2.0, 1, 365)
    verify_cycle_days: float = _number(7.0, 1, 365)
    checks_per_day: int = _number(30, 0, 1e6)


@dataclass(frozen=True)
class ModelsConfig:
    """Analysis models: whether to build them, where the user's own live, and their thresholds (percentages)."""

    path: Path | None = None
    timezone: str = "UTC"
    attribution_hours: int = _number(120, 0, 1e5)
    minimum_support: int = _number(20, 0, 1e9)
    unsubscribe_alarm: float = _number(0.5, 0, 100)
    open_rate_drop_alarm: float = _number(20.0, 0, 100)
    bounce_alarm: float = _number(2.0, 0, 100)
    build: bool = True


@dataclass(frozen=True)
class Config:
    """Everything a command needs to know. `source` names where it came from, for messages."""

    data_dir: Path
    source: str
    api: ApiConfig = field(default_factory=ApiConfig)
    pull: PullConfig = field(default_factory=PullConfig)
    models: ModelsConfig = field(default_factory=ModelsConfig)
    warnings: tuple[str, ...] = ()


def find_config(flag: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The config file: --config, else $CKSYNC_CONFIG, else ./config.toml, else the user's config folder.

    Raises BadConfig when a file that was named does not exist.
    """
    given = _given(environ, "CKSYNC_CONFIG")
    named = flag or (Path(given) if given else None)
    if named is not None:
        if not named.is_file():
            where = "--config" if flag else "CKSYNC_CONFIG"
            if named.is_dir():
                raise BadConfig([f"{where}: {named} is a folder; name the file in it"])
            shown = named if named.suffix == ".toml" else shown_path(str(named), Path.cwd())
            meant = shown if shown == named else "FILE.toml"
            raise BadConfig([f"{where}: there is no file {shown}; `cksync init --config {meant}` writes one"])
        return named
    for candidate in (Path("config.toml"), user_config()):
        if candidate.is_file():
            return candidate
    return None


def _given(environ: Mapping[str, str], name: str) -> str:
    """A variable without the line end that a file or a shell has left behind it; '' where there is none."""
    return environ.get(name, "").rstrip("\r\n")


def user_config() -> Path:
    """The config file in the platform's folder for user settings."""
    return Path(platformdirs.user_config_dir("cksync")) / "config.toml"


def load_config(
    path: Path | str | None = None, environ: Mapping[str, str] | None = None, data_dir: Path | None = None
) -> Config:
    """Read the configuration: that of `path`, else the one that the commands find (see `find_config`). An argument wins
    over the environment, that over the file, that over the default.

    Raises BadConfig with every problem, each with its key and what to do. Secrets are not read here.
    """
    environ = environment() if environ is None else environ
    path = find_config(Path(path) if path else None, environ)
    raw, base = ({}, Path.cwd()) if path is None else (_read_toml(path), path.resolve().parent)
    where = "the environment" if path is None else str(path)
    problems: list[str] = []
    _unknown(raw, {"data_dir", *_TABLES}, "", where, problems)
    tables = {name: _table(raw, name, where, problems) for name in _TABLES}
    numbers = {name: _numbers(name, tables[name], problems) for name in _TABLES}
    address = _given(environ, "CKSYNC_BASE_URL").strip() or tables["api"].get("base_url", DEFAULT_URL)
    api = ApiConfig(
        base_url=_base_url(address, problems),
        api_secret=_secret("api_secret", tables["api"], environ, base, problems),
        api_key=_secret("api_key", tables["api"], environ, base, problems),
        **numbers["api"],
    )
    pull = PullConfig(**numbers["pull"])
    models = _models(tables["models"], numbers["models"], base, problems)
    folder = _data_dir(data_dir, environ, raw, base, problems)
    if problems:
        raise BadConfig(problems)
    warnings = _warnings(path, api, tables["api"], environ)
    return Config(data_dir=folder, source=where, api=api, pull=pull, models=models, warnings=warnings)


# The tables of a config file; their keys, defaults and ranges are the fields of these.
_TABLES = {"api": ApiConfig, "pull": PullConfig, "models": ModelsConfig}


def _models(raw: dict[str, Any], numbers: dict[str, Any], base: Path, problems: list[str]) -> ModelsConfig:
    build = raw.get("build", True)
    if not isinstance(build, bool):
        problems.append(f"models.build: must be true or false, not {_said(build)}")
    path = _path(raw["path"], "models.path", "models", base, problems) if "path" in raw else None
    timezone = _timezone(raw.get("timezone", "UTC"), problems)
    return ModelsConfig(path=path, timezone=timezone, build=build is not False, **numbers)


def _numbers(table: str, raw: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """The numbers of a table, each in its range; the default in place of one that is not."""
    found: dict[str, Any] = {}
    for setting in (each for each in fields(_TABLES[table]) if "range" in each.metadata):
        lowest, highest = setting.metadata["range"]
        value, is_whole = raw.get(setting.name, setting.default), setting.type is int
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not lowest <= value <= highest or (is_whole and value != int(value)):
            kind = "a whole number" if is_whole else "a number"
            said = f"must be {kind} from {lowest:g} to {highest:g}, not {_said(value)}"
            problems.append(f"{table}.{setting.name}: {said}")
            value = setting.default
        found[setting.name] = int(value) if is_whole else float(value)
    return found


def _timezone(value: object, problems: list[str]) -> str:
    if value == "UTC":
        return "UTC"
    from pytz import all_timezones, all_timezones_set  # a list of 600 names, for those who need it

    if isinstance(value, str) and value in all_timezones_set:
        return value
    close = difflib.get_close_matches(str(value), all_timezones, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    said = repr(value) if hint else _said(value)
    problems.append(f'models.timezone: must be a time zone such as "Europe/Berlin", not {said}{hint}')
    return "UTC"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise BadConfig([f"{path}: is too large for a config file; config.example.toml shows the form"])
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadConfig([f"{path}: not a text file in UTF-8; config.example.toml shows the form"]) from None
    except (ValueError, RecursionError) as error:  # beside TOML's own: numbers too long, brackets too deep
        raise BadConfig([f"{path}: not valid TOML: {error}; config.example.toml shows the form"]) from None
    except OSError as error:
        raise BadConfig([f"{path}: cannot be read: {error.strerror}"]) from None


def _table(raw: dict[str, Any], name: str, where: str, problems: list[str]) -> dict[str, Any]:
    value = raw.get(name, {})
    if not isinstance(value, dict):
        problems.append(f"{name}: must be a table in {where}; write it as [{name}]")
        return {}
    _unknown(value, {setting.name for setting in fields(_TABLES[name])}, f"{name}.", where, problems)
    return value


def _unknown(raw: dict[str, Any], known: set[str], prefix: str, where: str, problems: list[str]) -> None:
    for key in raw.keys() - known:
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {prefix}{close[0]}?" if close else f"known here: {', '.join(sorted(known))}"
        problems.append(f"{prefix}{key}: unknown key in {where}; {hint}")


def _split(address: str) -> SplitResult | None:
    """The parts of an address, or None where it has none that a request could go to."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 # raises for a port that is none
    except ValueError:
        return None
    return parts if address.isprintable() and " " not in address else None


def _base_url(value: object, problems: list[str]) -> str:
    parts = _split(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        # Not the value itself: a secret may stand in it, where nobody looks for one.
        problems.append(f"api.base_url: must be an http(s) address such as {DEFAULT_URL}")
        return DEFAULT_URL
    if parts.query or parts.fragment or parts.username or parts.password:
        problems.append("api.base_url: must be an address alone, without ?, # or a password")
        return DEFAULT_URL
    return str(value).rstrip("/")


def _secret(
    key: str, raw: dict[str, Any], environ: Mapping[str, str], base: Path, problems: list[str]
) -> SecretRef | None:
    variable = f"CKSYNC_{key.upper()}"
    if given := _given(environ, variable):
        return SecretRef(source=given.strip(), key=variable, base_dir=Path.cwd())
    value = raw.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        problems.append(f'api.{key}: must be text such as "env:{variable}"')
        return None
    return SecretRef(source=value.strip(), key=f"api.{key}", base_dir=base)


def _data_dir(
    flag: Path | None, environ: Mapping[str, str], raw: dict[str, Any], base: Path, problems: list[str]
) -> Path:
    value: object = raw.get("data_dir", "data")
    if flag is not None:
        value, base = str(flag), Path.cwd()
    elif given := _given(environ, "CKSYNC_DATA_DIR"):
        value, base = given, Path.cwd()
    before = len(problems)
    path = _path(value, "data_dir", "data", base, problems)
    if len(problems) == before and (reason := no_folder(value, path)):
        problems.append(f"data_dir: {value} {reason}")
    return path


def no_folder(value: object, path: Path) -> str | None:
    """Why a path, given as `value`, cannot be a data folder, as far as its name and what is there tell."""
    if "://" in str(value):
        return "is an address; name a folder of this machine"
    if reason := unusable(path):
        return reason
    if os.path.exists(path) and not os.path.isdir(path):
        return "is a file; name a folder"
    with contextlib.suppress(OSError):  # what cannot be read is told when it is to be written
        if found := foreign_file(path, is_read=True):
            return NO_DATA_FOLDER.format(found)
    return None


def _path(value: object, key: str, example: str, base: Path, problems: list[str]) -> Path:
    try:
        if isinstance(value, str) and value:
            return (base / Path(value).expanduser()).resolve()
    except (RuntimeError, ValueError):  # ~somebody who is nobody; a NUL
        pass
    problems.append(f'{key}: must be a path such as "{example}", not {_said(value)}')
    return base


def _warnings(
    path: Path | None, api: ApiConfig, api_raw: dict[str, Any], environ: Mapping[str, str]
) -> tuple[str, ...]:
    """What works, and should not be left so, each with what mends it."""
    literal = [
        key
        for key in ("api_secret", "api_key")
        if isinstance(api_raw.get(key), str)
        and SecretRef(api_raw[key], key, Path()).scheme == "literal"
        and not environ.get(f"CKSYNC_{key.upper()}")
    ]
    mend = _open_to_others(path) if path is not None and literal else None
    till_then = f"; others can read it there, which is mended with: {mend}" if mend else ""
    held = [
        f'{path} holds api.{key} itself; keep it elsewhere and write "env:{ENV_SECRET}" (or file:, keyring:, cmd:)'
        f"{till_then}"
        for key in literal
    ]
    for reference in (api.api_secret, api.api_key):
        if reference is not None and reference.scheme == "file":
            with contextlib.suppress(RuntimeError):  # ~somebody who is nobody: told when it is read
                place = reference.base_dir / Path(reference.source.partition(":")[2]).expanduser()
                if mend := _open_to_others(place):
                    held.append(f"{place} holds a secret and can be read by others; mend it with: {mend}")
    parts = urlsplit(api.base_url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        held.append(
            f"api.base_url: http sends the secret so that everybody on the way can read it; mend it with:"
            f" export CKSYNC_BASE_URL=https{api.base_url.removeprefix('http')}"
        )
    return tuple(held)


def _open_to_others(path: Path) -> str | None:
    """The command that closes a file which others than its owner can read; None where they cannot."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    is_open = stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH)
    return f"chmod 600 {shlex.quote(str(path))}" if is_open else None


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _said(value: object) -> str:
    """A value as a message may have it: a long text may be a secret that was put in the wrong place."""
    return "such a text" if isinstance(value, str) and len(value) >= SHORTEST else repr(value)
