"""The settings in force: the value of each key, and where it comes from. Secrets are masked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from cksync.config import TABLES, Config, find_config, read_toml, with_version
from cksync.errors import BadConfig
from cksync.secrets import MASK, SecretRef
from cksync.versions import Version, version_of_key

# Keys that variables set, too; the variable of any other key does not exist.
VARIABLES = {
    "data_dir": "CKSYNC_DATA_DIR",
    "api.version": "CKSYNC_API_VERSION",
    "api.base_url": "CKSYNC_BASE_URL",
    "api.v3_base_url": "CKSYNC_V3_BASE_URL",
    "api.api_key": "CKSYNC_API_KEY",
    "api.api_secret": "CKSYNC_API_SECRET",
    "api.oauth": "CKSYNC_OAUTH",
}
ENDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60}


@dataclass(frozen=True)
class Setting:
    """One key: its value as it may be shown (None: it has none), and its origin: a variable, the file or a default."""

    key: str
    value: Any
    source: str


def in_force(config: Config, flag: Path | None, environ: Mapping[str, str]) -> tuple[Setting, ...]:
    """The settings of a loaded configuration, in the order of the example."""
    path = find_config(flag, environ)
    raw = read_toml(path) if path is not None else {}
    version = _version(config, environ)
    filled = with_version(config, version) if version else config
    return tuple(_settings(filled, raw, environ))


def _settings(config: Config, raw: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[Setting]:
    yield _setting("data_dir", str(config.data_dir), "data_dir" in raw, environ)
    for name, kind in TABLES.items():
        values, given = getattr(config, name), raw.get(name, {})
        for each in sorted((field.name for field in fields(kind)), key=_place):
            yield _setting(f"{name}.{each}", _shown(getattr(values, each), environ), each in given, environ)


# What a person checks first.
_FIRST = ("version", "base_url", "api_key", "oauth", "api_secret")


def _place(key: str) -> int:
    return _FIRST.index(key) if key in _FIRST else len(_FIRST)


def _setting(key: str, value: Any, is_in_file: bool, environ: Mapping[str, str]) -> Setting:
    variable = VARIABLES.get(key, "")
    if environ.get(variable, "").strip():
        return Setting(key, value, f"${variable}")
    if is_in_file:
        return Setting(key, value, "the file")
    default = "given by the address or key" if key == "api.version" else "default"
    return Setting(key, value, default if value is not None else "not set")


def _shown(value: Any, environ: Mapping[str, str]) -> Any:
    """A value as it may be shown."""
    if isinstance(value, SecretRef):
        if value.scheme == "literal":
            return MASK
        is_missing = value.scheme == "env" and not environ.get(value.source.partition(":")[2])
        return f"{value.typed(environ)}{' (this variable is not set)' if is_missing else ''}"
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        unit = next((unit for unit, length in ENDS.items() if seconds % length == 0), "m")
        return f"{seconds / ENDS[unit]:g}{unit}"
    if isinstance(value, Path):
        return str(value)
    return None if value == "" else value


def _version(config: Config, environ: Mapping[str, str]) -> Version | None:
    """The version of the API; None if only a key tells that is not at hand: no command is run to show settings."""
    key = config.api.api_key
    if config.api.decided_version or key is None or key.scheme not in ("literal", "env"):
        return config.api.decided_version
    try:
        return version_of_key(key.resolve(environ))
    except BadConfig:
        return None
