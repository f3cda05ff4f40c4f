"""Load config.toml and the environment into a frozen Config, reporting all problems at once."""

import contextlib
import difflib
import ipaddress
import os
import shlex
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import platformdirs

from cksync.branding import ReportConfig, read_report
from cksync.durations import duration
from cksync.errors import BadConfig
from cksync.paths import NO_DATA_FOLDER, foreign_file, unusable
from cksync.secrets import SCHEMES, SHORTEST, SecretRef, environment, shown_path
from cksync.versions import (
    KEY_LIMIT,
    OAUTH_LIMIT,
    URLS,
    VERSIONS,
    Version,
    decided,
    v3_beside,
    version_in,
    version_of_key,
)

DEFAULT_URL = URLS["v3"]
LARGEST = 1_000_000  # bytes of a config file


def _number(default: float, lowest: float, highest: float = 1e9) -> Any:
    """A numeric setting with its default and allowed range."""
    return field(default=default, metadata={"range": (lowest, highest)})


def _flag(default: bool) -> Any:
    """A setting that is true or false."""
    return field(default=default, metadata={"choices": (True, False)})


def _choice(default: str, *choices: str) -> Any:
    """A setting that is one of a few words; the default may be none of them."""
    return field(default=default, metadata={"choices": choices})


@dataclass(frozen=True)
class ApiConfig:
    """Version, address, credentials and request limits of the API.

    `version` and the addresses are '' where the configuration does not give them; `with_version` fills them in. `oauth`
    is the path of a token file.
    """

    base_url: str = ""
    api_secret: SecretRef | None = None
    api_key: SecretRef | None = None
    rate_limit: int = _number(KEY_LIMIT, 1, 1e6)
    rate_period_seconds: float = _number(60.0, 0.001)
    concurrency: int = _number(4, 1, 64)
    timeout_seconds: float = _number(30.0, 0.1, 3600)
    max_answer_mb: float = _number(64.0, 0.001, 4096)
    version: str = _choice("", *VERSIONS)
    oauth: Path | None = None
    v3_base_url: str = ""
    v3_rate_limit: int = _number(KEY_LIMIT, 1, 1e6)

    @property
    def decided_version(self) -> Version | None:
        """The version of the API, if it is certain without reading a secret."""
        has_oauth, has_key = self.oauth is not None, self.api_key is not None
        return decided(self.version, self.base_url, has_oauth=has_oauth, has_key=has_key)


@dataclass(frozen=True)
class PullConfig:
    """How much a nightly pull checks beyond recent changes, and what it reads at all.

    `depth` is "exact", or "hints": read only the lists whose count changed.
    """

    overlap_days: float = _number(2.0, 1, 365)
    verify_cycle_days: float = _number(7.0, 1, 365)
    checks_per_day: int = _number(30, 0, 1e6)
    engagement_days: float = _number(7.0, 0, 365)
    engagement_window_days: int = _number(90, 1, 1825)
    content: bool = _flag(True)
    links: bool = _flag(True)
    depth: str = _choice("exact", "exact", "hints")
    settle_seconds: float = _number(300.0, 0, 3600)


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
    build: bool = _flag(True)


@dataclass(frozen=True)
class StatusConfig:
    """When `cksync status` calls the mirror stale; None if a stale one is no error."""

    max_age: timedelta | None = None


@dataclass(frozen=True)
class Config:
    """The settings of a command. `source` names their origin, for messages."""

    data_dir: Path
    source: str
    api: ApiConfig = field(default_factory=ApiConfig)
    pull: PullConfig = field(default_factory=PullConfig)
    models: ModelsConfig = field(default_factory=ModelsConfig)
    status: StatusConfig = field(default_factory=StatusConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
    warnings: tuple[str, ...] = ()


def find_config(flag: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The config file: --config, else $CKSYNC_CONFIG, else ./config.toml, else the user's config folder.

    Raises BadConfig if a named file does not exist.
    """
    given = _given(environ, "CKSYNC_CONFIG")
    named = flag or (Path(given) if given else None)
    if named is not None:
        if not named.is_file():
            where = "--config" if flag else "CKSYNC_CONFIG"
            if named.is_dir():
                raise BadConfig([f"{where}: {named} is a folder; name a file"])
            shown = named if named.suffix == ".toml" else shown_path(str(named), Path.cwd())
            meant = shown if shown == named else "FILE.toml"
            raise BadConfig([f"{where}: {shown} does not exist; create it with `cksync init --config {meant}`"])
        return named
    for candidate in (Path("config.toml"), user_config()):
        if candidate.is_file():
            return candidate
    return None


def _given(environ: Mapping[str, str], name: str) -> str:
    """A variable without trailing line ends, which files and shells may leave; '' if it is unset."""
    return environ.get(name, "").rstrip("\r\n")


def user_config() -> Path:
    """The path of the config file in the platform's folder for user settings."""
    return Path(platformdirs.user_config_dir("cksync")) / "config.toml"


def example_text() -> str:
    """The commented example of a config file: inside the installed package, or at the top of a checkout."""
    installed = Path(__file__).parent / "config.example.toml"
    path = installed if installed.is_file() else installed.parent.parent / installed.name
    return path.read_text(encoding="utf-8")


def load_config(
    path: Path | str | None = None, environ: Mapping[str, str] | None = None, data_dir: Path | None = None
) -> Config:
    """Load the configuration from `path`, or from the file that the commands use (see `find_config`). Arguments take
    precedence over the environment, the environment over the file, the file over defaults.

    Raises BadConfig with all problems, each with its key and what to do. Secrets are not read here.
    """
    environ = environment() if environ is None else environ
    path = find_config(Path(path) if path else None, environ)
    raw, base = ({}, Path.cwd()) if path is None else (read_toml(path), path.resolve().parent)
    where = "the environment" if path is None else str(path)
    problems: list[str] = []
    _unknown(raw, {"data_dir", *TABLES}, "", where, problems)
    tables = {name: _table(raw, name, where, problems) for name in TABLES}
    if version := _given(environ, "CKSYNC_API_VERSION").strip():
        tables["api"] = {**tables["api"], "version": version}
    values = {name: _values(name, tables[name], problems) for name in TABLES}
    api = _api(tables["api"], values["api"], environ, base, problems)
    pull = PullConfig(**values["pull"])
    models = _models(tables["models"], values["models"], base, problems)
    status = StatusConfig(max_age=_duration(tables["status"], problems))
    shown = tables["report"]
    report = read_report(shown, lambda key: _path(shown[key], f"report.{key}", f"{key}.png", base, problems), problems)
    folder = _data_dir(data_dir, environ, raw, base, problems)
    if problems:
        raise BadConfig(problems)
    warnings = _warnings(path, api, tables["api"], environ)
    return Config(
        data_dir=folder,
        source=where,
        api=api,
        pull=pull,
        models=models,
        status=status,
        report=report,
        warnings=warnings,
    )


# The tables of a config file; their keys, defaults and ranges are the fields of these.
TABLES = {"api": ApiConfig, "pull": PullConfig, "models": ModelsConfig, "status": StatusConfig, "report": ReportConfig}


def read_version(config: Config, environ: Mapping[str, str]) -> Version:
    """The version of the API. It reads the key if only that tells. Raises BadConfig if the key cannot be read."""
    key = config.api.api_key
    return config.api.decided_version or version_of_key(key.resolve(environ) if key else "")


def with_version(config: Config, version: Version) -> Config:
    """The same settings with a version, and with the addresses that belong to it."""
    api = config.api
    url, v3_url = api.base_url or URLS[version], api.v3_base_url or v3_beside(api.base_url)
    return replace(config, api=replace(api, version=version, base_url=url, v3_base_url=v3_url))


def token_path(config: Config) -> Path:
    """The path of the token file: the one configured, else oauth.json beside the config file."""
    beside = Path.cwd() if config.source == "the environment" else Path(config.source).absolute().parent
    return config.api.oauth or beside / "oauth.json"


def _api(
    raw: dict[str, Any], values: dict[str, Any], environ: Mapping[str, str], base: Path, problems: list[str]
) -> ApiConfig:
    api = ApiConfig(
        base_url=_base_url("base_url", raw, environ, problems),
        api_key=_secret("api_key", raw, environ, base, problems),
        oauth=_oauth(raw, environ, base, problems),
        api_secret=_secret("api_secret", raw, environ, base, problems),
        v3_base_url=_base_url("v3_base_url", raw, environ, problems),
        **values,
    )
    ending = version_in(api.base_url)
    if api.version and ending not in ("", api.version):
        problems.append(f"api.version: is {api.version}, but api.base_url ends in /{ending}; remove one of the two")
    if "rate_limit" not in raw and api.oauth is not None and api.decided_version == "v4":
        return replace(api, rate_limit=OAUTH_LIMIT)
    return api


def _models(raw: dict[str, Any], values: dict[str, Any], base: Path, problems: list[str]) -> ModelsConfig:
    path = _path(raw["path"], "models.path", "models", base, problems) if "path" in raw else None
    timezone = _timezone(raw.get("timezone", "UTC"), problems)
    return ModelsConfig(path=path, timezone=timezone, **values)


def _duration(raw: dict[str, Any], problems: list[str]) -> timedelta | None:
    if "max_age" not in raw:
        return None
    try:
        return duration(str(raw["max_age"]))
    except ValueError as error:
        problems.append(f"status.max_age: {error}, not {_said(raw['max_age'])}")
        return None


def _values(table: str, raw: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """The numbers, flags and choices of a table; the default in place of an invalid one."""
    found: dict[str, Any] = {}
    for setting in (each for each in fields(TABLES[table]) if "choices" in each.metadata):
        value, choices = raw.get(setting.name, setting.default), setting.metadata["choices"]
        is_flag = setting.type is bool
        if setting.name in raw and (isinstance(value, bool) != is_flag or value not in choices):
            named = ("true", "false") if is_flag else [f'"{choice}"' for choice in choices]
            problems.append(f"{table}.{setting.name}: must be {' or '.join(named)}, not {_said(value)}")
            value = setting.default
        found[setting.name] = value
    for setting in (each for each in fields(TABLES[table]) if "range" in each.metadata):
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
    from pytz import all_timezones, all_timezones_set  # a list of 600 names, loaded only when needed

    if isinstance(value, str) and value in all_timezones_set:
        return value
    close = difflib.get_close_matches(str(value), all_timezones, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    said = repr(value) if hint else _said(value)
    problems.append(f'models.timezone: must be a time zone such as "Europe/Berlin", not {said}{hint}')
    return "UTC"


def read_toml(path: Path) -> dict[str, Any]:
    """The contents of a config file. Raises BadConfig if it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise BadConfig([f"{path}: too large for a config file; see `cksync config --example`"])
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadConfig([f"{path}: not a UTF-8 text file; see `cksync config --example`"]) from None
    except (ValueError, RecursionError) as error:  # not only syntax errors: also numbers too long, nesting too deep
        raise BadConfig([f"{path}: not valid TOML: {error}; see `cksync config --example`"]) from None
    except OSError as error:
        raise BadConfig([f"{path}: cannot be read: {error.strerror}"]) from None


def _table(raw: dict[str, Any], name: str, where: str, problems: list[str]) -> dict[str, Any]:
    value = raw.get(name, {})
    if not isinstance(value, dict):
        problems.append(f"{name}: must be a table in {where}; write it as [{name}]")
        return {}
    _unknown(value, {setting.name for setting in fields(TABLES[name])}, f"{name}.", where, problems)
    return value


def _unknown(raw: dict[str, Any], known: set[str], prefix: str, where: str, problems: list[str]) -> None:
    for key in raw.keys() - known:
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {prefix}{close[0]}?" if close else f"known keys: {', '.join(sorted(known))}"
        problems.append(f"{prefix}{key}: unknown key in {where}; {hint}")


def _split(address: str) -> SplitResult | None:
    """The parts of a URL; None if it is invalid."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 # raises for an invalid port
    except ValueError:
        return None
    return parts if address.isprintable() and " " not in address else None


def _base_url(key: str, raw: dict[str, Any], environ: Mapping[str, str], problems: list[str]) -> str:
    """An address; '' if none is given."""
    value: object = _given(environ, f"CKSYNC_{key.upper()}").strip() or raw.get(key)
    if value is None:
        return ""
    parts = _split(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        # Do not show the value: it may contain a secret.
        problems.append(f"api.{key}: must be an http(s) URL such as {DEFAULT_URL}")
        return ""
    if parts.query or parts.fragment or parts.username or parts.password:
        problems.append(f"api.{key}: must be a plain URL, without ?, # or a password")
        return ""
    return str(value).rstrip("/")


def _oauth(raw: dict[str, Any], environ: Mapping[str, str], base: Path, problems: list[str]) -> Path | None:
    """The path of the token file; None if none is given."""
    value: object = raw.get("oauth")
    if given := _given(environ, "CKSYNC_OAUTH").strip():
        value, base = given, Path.cwd()
    if value is None:
        return None
    if isinstance(value, str) and value.partition(":")[0] in SCHEMES:
        problems.append("api.oauth: must be the path of the file that `cksync login` writes, not a reference")
        return None
    return _path(value, "api.oauth", "oauth.json", base, problems)


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
        problems.append(f'api.{key}: must be a string such as "env:{variable}"')
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
    """The reason why a path, given as `value`, cannot be a data folder, judged by its name and current contents."""
    if "://" in str(value):
        return "is a URL; choose a local folder"
    if reason := unusable(path):
        return reason
    if os.path.exists(path) and not os.path.isdir(path):
        return "is a file; choose a folder"
    with contextlib.suppress(OSError):  # reported later, when the folder is used
        if found := foreign_file(path, is_read=True):
            return NO_DATA_FOLDER.format(found)
    return None


def _path(value: object, key: str, example: str, base: Path, problems: list[str]) -> Path:
    try:
        if isinstance(value, str) and value:
            return (base / Path(value).expanduser()).resolve()
    except (RuntimeError, ValueError):  # an unknown ~user; a NUL
        pass
    problems.append(f'{key}: must be a path such as "{example}", not {_said(value)}')
    return base


def _warnings(
    path: Path | None, api: ApiConfig, api_raw: dict[str, Any], environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Warnings about insecure settings, each with its fix."""
    literal = [
        key
        for key in ("api_secret", "api_key")
        if isinstance(api_raw.get(key), str)
        and SecretRef(api_raw[key], key, Path()).scheme == "literal"
        and not environ.get(f"CKSYNC_{key.upper()}")
    ]
    fix = _open_to_others(path) if path is not None and literal else None
    till_then = f"; other users can read the file, fix it with: {fix}" if fix else ""
    held = [
        f'{path} holds api.{key} itself; keep it elsewhere and write "env:CKSYNC_{key.upper()}" (or'
        f" file:, keyring:, cmd:){till_then}"
        for key in literal
    ]
    for reference in (api.api_secret, api.api_key):
        if reference is not None and reference.scheme == "file":
            with contextlib.suppress(RuntimeError):  # an unknown ~user: reported when it is read
                place = reference.base_dir / Path(reference.source.partition(":")[2]).expanduser()
                if fix := _open_to_others(place):
                    held.append(f"{place} holds a secret and is readable by other users; fix it with: {fix}")
    if api.oauth is not None and (fix := _open_to_others(api.oauth)):
        held.append(f"{api.oauth} holds tokens and is readable by other users; fix it with: {fix}")
    for key in ("base_url", "v3_base_url"):
        url: str = getattr(api, key)
        parts = urlsplit(url)
        if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
            held.append(
                f"api.{key}: http sends the secret unencrypted; fix it with: export"
                f" CKSYNC_{key.upper()}=https{url.removeprefix('http')}"
            )
    return tuple(held)


def _open_to_others(path: Path) -> str | None:
    """The command that restricts a file to its owner; None if other users cannot read it."""
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
    """A value for a message; long text is hidden, as it may be a misplaced secret."""
    return "text of this length" if isinstance(value, str) and len(value) >= SHORTEST else repr(value)
