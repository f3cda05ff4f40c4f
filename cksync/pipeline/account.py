"""Check the account, clock and disk before a pull: a mirror belongs to one account."""

import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from cksync.api import Api, Credentials, beside_v4, connect, credentials
from cksync.api.token_file import read_tokens
from cksync.api.v3.catalog import ask_one, ask_page
from cksync.api.v4 import catalog as v4
from cksync.clock import wall_clock
from cksync.config import Config, with_version
from cksync.domain import BY_ID, BY_ID_V4, Page, whole
from cksync.errors import Failed, Refused
from cksync.folder import Folder
from cksync.load.log import pinned_account
from cksync.load.misdated import CLOCK_LIMIT
from cksync.plural import plural
from cksync.secrets import Redactor, environment
from cksync.versions import SWITCH_OFF, Version

# A changed address is accepted if most of this many known people are in the account.
PEOPLE_ASKED = 5
# `check` is interactive, so it gives up early.
CHECK_ATTEMPTS = 2
# Minimum free space for a pull, even of a small account.
LEAST_BYTES = 500_000_000


def address(page: Page) -> str:
    """The primary address in a response of /account."""
    return str(_account(page)["primary_email_address"])


def check_pin(
    api: Api,
    account: str,
    pinned: str | None,
    is_accepted: bool,
    known_people: Callable[[], Sequence[str]],
    version: Version,
) -> None:
    """Check that the account is the pinned one, if any.

    With `is_accepted`, the account's address may have changed: then most of a few people from the mirror must be in
    the account. Raises Refused before anything is written.
    """
    if pinned is None or account.lower() == pinned.lower():
        return
    if not is_accepted:
        raise Refused(
            f"this mirror belongs to {pinned}, but the secret belongs to the account {account}: nothing was read;"
            " choose another data_dir, or add --accept-account if the account's address has changed"
        )
    people = known_people()[:PEOPLE_ASKED]
    requests = (
        v4.ask_one(BY_ID_V4, key, place) if version == "v4" else ask_one(BY_ID, key, place)
        for place, key in enumerate(people, 1)
    )
    there = sum(not api.fetch(request).is_missing for request in requests)
    if people and there <= len(people) / 2:
        raise Refused(
            f"this is not the account of {pinned} under a new address: it has only {there} of {len(people)} people"
            " from the mirror; nothing was read; choose another data_dir"
        )


def check_clock(ours: datetime, server: datetime | None) -> None:
    """Check the machine's clock against the API's, if it reports the time. Raises Refused."""
    if server is not None and abs(ours - server) > CLOCK_LIMIT:
        raise Refused(
            f"this machine's clock shows {ours:%Y-%m-%d %H:%M} UTC, the API's {server:%Y-%m-%d %H:%M}; nothing was"
            " read, to avoid wrong timestamps; set the clock"
        )


def free_bytes(path: Path) -> int:
    """The free space on the disk of a folder."""
    return shutil.disk_usage(path).free


def little_room(folder: Folder, free: int) -> str | None:
    """A warning if the disk may be too full for a pull; None if there is enough space.

    A pull may need as much space again as the folder uses: publishing writes new copies of the mirror and the Parquet
    files, and a full scan is logged once more. The size of a new account is unknown, so the minimum is LEAST_BYTES.
    Raises Failed if not even the copy of the mirror fits, as a pull would fail, too.
    """
    held = sum(_bytes_of(path) for path in folder.root.rglob("*"))
    copied = _bytes_of(folder.mirror)
    if free < copied:
        raise Failed(
            f"not enough disk space: {folder.root} has {_size(free)} free, and a pull writes a copy of the mirror"
            f" ({_size(copied)}); free some space"
        )
    needed = max(held, LEAST_BYTES)
    if free >= needed:
        return None
    return (
        f"{folder.root} has {_size(free)} free, but a pull may need {_size(needed)}; free some space, or"
        " publishing may fail"
    )


def _bytes_of(path: Path) -> int:
    """The size of a file; 0 if it does not exist, or was just removed by a running pull."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def _size(bytes_: int) -> str:
    return f"{bytes_ / 1e9:,.1f} GB" if bytes_ >= 1e9 else f"{bytes_ / 1e6:,.0f} MB"


def check(config: Config, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Test the requirements of a pull, with one request to each version in use, and return the findings.

    Raises what a pull would raise: BadConfig, Failed (folder), Unauthorized, ApiUnavailable, Refused.
    """
    given, redactor = credentials(config, environment() if environ is None else environ)
    config = with_version(config, given.version)
    folder = Folder(config.data_dir)
    folder.prepare()
    with connect(config, given, redactor, wall_clock, threading.Event(), CHECK_ATTEMPTS) as api:
        is_v4 = given.version == "v4"
        page = api.fetch(v4.ask_account() if is_v4 else ask_page(whole("account"), 1))
    check_pin(api, address(page), pinned_account(folder.log), False, list, given.version)
    check_clock(wall_clock(), page.server_at)
    gap = (page.received_at - page.server_at).total_seconds() if page.server_at else None
    free = free_bytes(folder.root)
    return {
        "configuration": config.source,
        "API": f"v3; {SWITCH_OFF}" if given.version == "v3" else "v4",
        "address": config.api.base_url,
        "credentials": f"accepted, {_place(config, given)}",
        **_purchases(config, given, redactor, address(page)),
        "account": f"{_name(page)} <{address(page)}>",
        "data folder": f"{config.data_dir}, {os.stat(config.data_dir).st_mode & 0o777:o}, {_size(free)} free",
        "clock": "the API reports no time"
        if gap is None
        else f"{abs(gap):.0f} s {'ahead of' if gap > 0 else 'behind'} the API's",
        "limit": f"{plural(config.api.rate_limit, 'request')} per {config.api.rate_period_seconds:g} s",
    }


def _account(page: Page) -> dict[str, Any]:
    """The account in a response; API v4 wraps it."""
    found = msgspec.json.decode(page.records[0].text or b"{}", type=dict[str, Any])
    inner = found.get("account")
    return inner if isinstance(inner, dict) else found


def _name(page: Page) -> str:
    return str(_account(page).get("name") or "(no name)")


def _place(config: Config, given: Credentials) -> str:
    """The source of the credentials, and their kind; for a token when it expires."""
    if given.oauth is not None:
        tokens = read_tokens(given.oauth)
        until = (
            f"expires at {tokens.expires_at:%Y-%m-%d %H:%M} UTC" if tokens.expires_at else "expires at an unknown time"
        )
        does = f"{tokens.permission}, " if tokens.permission else ""
        return f"OAuth token from {given.oauth}, which {does}{until} and is then refreshed"
    reference = config.api.api_secret if given.main.kind == "api_secret" else config.api.api_key
    name = {"v3 api_secret": "API Secret", "v3 api_key": "public API key"}.get(f"{given.version} {given.main.kind}")
    return f"{name or 'API key'} from {reference.place if reference else ''}"


def _purchases(config: Config, given: Credentials, redactor: Redactor, account: str) -> dict[str, str]:
    """Test the secret of API v3 beside v4, with one request. Raises Refused if it is that of another account."""
    if given.purchases is None:
        return {}
    beside = beside_v4(config), Credentials(given.purchases)
    with connect(*beside, redactor, wall_clock, threading.Event(), CHECK_ATTEMPTS) as api:
        other = address(api.fetch(ask_page(whole("account"), 1)))
    if other.lower() != account.lower():
        raise Refused(f"api.api_secret belongs to the account {other}, but the credentials of API v4 to {account}")
    reference = config.api.api_secret
    return {"purchases": f"through API v3, accepted, from {reference.place if reference else ''}"}
