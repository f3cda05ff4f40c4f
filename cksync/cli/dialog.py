"""The questions of `cksync init` on a terminal: the key, where to keep it, and the first pull."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cksync.cli import Settings
from cksync.cli.init import config_text, write
from cksync.cli.output import say

if TYPE_CHECKING:
    from cksync.config import Config

TRIES = 3
INTRODUCTION = """\
cksync reads your Kit account with a key. You find it in Kit: Settings, Developer.

API v4 (recommended): create a v4 API key; it begins with kit_.
API v3: copy the API Secret. It is right only if you cannot create a v4 key, or if you need purchases and do not use \
OAuth (`cksync login`), as v4 gives them to OAuth only. Kit will switch v3 off, at a date not announced yet.
"""


@dataclass(frozen=True)
class _Tested:
    """A key that the API accepted."""

    key: str
    value: str
    account: str
    config: "Config"

    @property
    def variable(self) -> str:
        return f"CKSYNC_{self.key.upper()}"


def lead(settings: Settings, path: Path, data_dir: str) -> int | None:
    """Ask for everything that a config file needs, write it, and offer the first pull."""
    say(INTRODUCTION)
    tested = _tested(path, data_dir)
    say(f"Accepted. The account is {tested.account}, read through API {tested.config.api.version}.\n")
    reference = _kept(tested, path)
    write(path, config_text(data_dir, {tested.key: reference}, tested.account))
    say(f"wrote {path}\n")
    if reference.startswith("env:") and not os.environ.get(tested.variable):
        say(f"next: export {tested.variable}=…  (the key, also wherever cksync is to run), then `cksync pull`")
        return None
    return _offer(settings, tested.config, path)


def _tested(path: Path, data_dir: str) -> _Tested:
    """Ask for a key until the API accepts one, a few times. Raises what the last one raised."""
    from cksync.errors import BadConfig, Unauthorized
    from cksync.secrets import redact, remember

    for tries_left in reversed(range(TRIES)):
        value = str(click.prompt("Key or secret (not shown)", hide_input=True)).strip()
        remember(value)
        try:
            return _test(value, path, data_dir)
        except (BadConfig, Unauthorized) as error:
            if not tries_left:
                raise
            click.echo(redact(f"{error}\n"), err=True)
    raise AssertionError  # the last try returns or raises


def _test(value: str, path: Path, data_dir: str) -> _Tested:
    """Try a key with one request. Its text tells the version."""
    from cksync.config import ApiConfig, Config, with_version
    from cksync.pipeline.account import check
    from cksync.secrets import SecretRef, environment
    from cksync.versions import version_of_key

    environ = environment()
    base = path.absolute().parent
    url = environ.get("CKSYNC_BASE_URL", "").strip().rstrip("/")
    is_v4 = version_of_key(value) == "v4"
    secret = SecretRef(value, "the API key" if is_v4 else "the API secret", base)
    api = ApiConfig(base_url=url, api_key=secret if is_v4 else None, api_secret=None if is_v4 else secret)
    config = with_version(Config(base / data_dir, str(path), api=api), version_of_key(value))
    click.echo(f"testing it with {config.api.base_url} ...")
    account = check(config, {name: text for name, text in environ.items() if not name.startswith("CKSYNC_")})
    return _Tested("api_key" if is_v4 else "api_secret", value, account["account"], config)


def _kept(tested: _Tested, path: Path) -> str:
    """Ask where to keep the key, keep it there, and return the reference."""
    places = ["file", "environment"]
    if _has_keyring():
        places.insert(0, "keyring")
    file = path.absolute().parent / f"{path.stem}.{tested.key}"
    say("Where should cksync find it from now on?")
    told = {
        "keyring": "this computer's keyring",
        "file": f"{file}, readable by you only",
        "environment": f"the variable {tested.variable}, which you set yourself",
    }
    for place in places:
        say(f"  {place.ljust(11)}  {told[place]}")
    chosen = click.prompt("Keep it in", type=click.Choice(places), default=places[0], show_choices=False)
    if chosen == "environment":
        return f"env:{tested.variable}"
    if chosen == "keyring":
        import keyring

        user = tested.account.rpartition("<")[2].rstrip(">")
        keyring.set_password("cksync", user, tested.value)
        return f"keyring:cksync/{user}"
    write(file, f"{tested.value}\n")
    return f"file:{file.name}"


def _has_keyring() -> bool:
    """Whether this computer has a keyring that can be written."""
    try:
        import keyring
        from keyring.backends import fail
    except ImportError:
        return False
    return not isinstance(keyring.get_keyring(), fail.Keyring)


def _offer(settings: Settings, config: "Config", path: Path) -> int | None:
    """Say what the first pull costs, and run it if it is wanted."""
    from cksync.cli.plan import price
    from cksync.cli.pull import pull
    from cksync.pipeline.plan import plan

    say(f"The first pull reads the whole account. {price(plan(config))}")
    command = "cksync pull" if path == Path("config.toml") else f"cksync pull --config {path}"
    if not click.confirm("Pull now?", default=False):
        say(f"next: `{command}`")
        return None
    context = click.get_current_context()
    context.obj = replace(settings, config=path)
    return int(
        context.invoke(pull, streams=(), full=False, max_minutes=None, accept_account=False, allow=(), form="table")
    )
