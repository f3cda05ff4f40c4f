"""One mirror belongs to one account: who answers is asked first, and compared with whom the log names."""

import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from cksync.api import Api, connect, credentials
from cksync.api.v3.catalog import ask_one, ask_page
from cksync.clock import wall_clock
from cksync.config import Config
from cksync.domain import BY_ID, Page, whole
from cksync.errors import Failed, Refused
from cksync.folder import Folder
from cksync.load.log import pinned_account
from cksync.load.misdated import CLOCK_LIMIT
from cksync.secrets import environment

# A changed address is accepted when most of so many known people are in the account.
PEOPLE_ASKED = 5
# Somebody sits and waits for a check.
CHECK_ATTEMPTS = 2
# Room that every pull should have, were the account ever so small.
LEAST_BYTES = 500_000_000


def address(page: Page) -> str:
    """The primary address in the answer of /account."""
    text = page.records[0].text or b"{}"
    return str(msgspec.json.decode(text, type=dict[str, object])["primary_email_address"])


def check_pin(
    api: Api, account: str, pinned: str | None, is_accepted: bool, known_people: Callable[[], Sequence[str]]
) -> None:
    """Pass when the account is the pinned one, or nothing is pinned yet.

    An owner who changed the account's address says so (`is_accepted`): then most of a few people whom the
    mirror knows must be there. Raises Refused before anything is written.
    """
    if pinned is None or account.lower() == pinned.lower():
        return
    if not is_accepted:
        raise Refused(
            f"this mirror belongs to {pinned}, but the secret opens the account of {account}: nothing was read;"
            " use another data_dir, or --accept-account if the account's address has changed"
        )
    people = known_people()[:PEOPLE_ASKED]
    there = sum(not api.fetch(ask_one(BY_ID, key, place)).is_missing for place, key in enumerate(people, 1))
    if people and there <= len(people) / 2:
        raise Refused(
            f"this is not the account of {pinned} with a new address: only {there} of {len(people)} people whom the"
            " mirror knows are in it; nothing was read, use another data_dir"
        )


def check_clock(ours: datetime, server: datetime | None) -> None:
    """Pass when the machine's clock agrees with the API's, or the API gives no time. Raises Refused."""
    if server is not None and abs(ours - server) > CLOCK_LIMIT:
        raise Refused(
            f"this machine's clock says {ours:%Y-%m-%d %H:%M} UTC, and the API's {server:%Y-%m-%d %H:%M}: nothing was"
            " read, for all that is observed would be stamped with it; set it right"
        )


def free_bytes(path: Path) -> int:
    """How much the disk of a folder still takes."""
    return shutil.disk_usage(path).free


def little_room(folder: Folder, free: int) -> str | None:
    """A sentence where the disk may be too full for a pull; None where it has room.

    A pull may need as much again as the folder holds: publishing writes the mirror and the Parquet files beside those
    that are there, and a whole reading is logged once more. An account that was never read may need anything, so it
    is LEAST_BYTES at least. Raises Failed where not even the copy of the mirror fits: a pull would end so, too.
    """
    held = sum(_bytes_of(path) for path in folder.root.rglob("*"))
    copied = _bytes_of(folder.mirror)
    if free < copied:
        raise Failed(
            f"the disk is full: {folder.root} has {_size(free)} free, and a pull writes a copy of the mirror, which has"
            f" {_size(copied)}; make room"
        )
    needed = max(held, LEAST_BYTES)
    if free >= needed:
        return None
    return (
        f"{folder.root} has {_size(free)} free, and a pull may need {_size(needed)}; make room, or it may not publish"
    )


def _bytes_of(path: Path) -> int:
    """The size of a file; 0 where there is none, or none any more: a pull may be at work."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def _size(bytes_: int) -> str:
    return f"{bytes_ / 1e9:,.1f} GB" if bytes_ >= 1e9 else f"{bytes_ / 1e6:,.0f} MB"


def check(config: Config, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Try what a pull needs, with one request: what was found, by what was tried.

    Raises what a pull would raise: BadConfig, Failed (folder), Unauthorized, ApiUnavailable, Refused.
    """
    given, redactor = credentials(config, environment() if environ is None else environ)
    folder = Folder(config.data_dir)
    folder.prepare()
    with connect(config, given, redactor, wall_clock, threading.Event(), CHECK_ATTEMPTS) as api:
        page = api.fetch(ask_page(whole("account"), 1))
    check_pin(api, address(page), pinned_account(folder.log), False, list)
    check_clock(wall_clock(), page.server_at)
    gap = (page.received_at - page.server_at).total_seconds() if page.server_at else None
    free = free_bytes(folder.root)
    reference = config.api.api_secret or config.api.api_key
    return {
        "configuration": config.source,
        "address": config.api.base_url,
        "credentials": f"accepted, from {reference.place if reference else ''}",
        "account": f"{_name(page)} <{address(page)}>",
        "data folder": f"{config.data_dir}, {os.stat(config.data_dir).st_mode & 0o777:o}, {_size(free)} free",
        "clock": "the API gives no time"
        if gap is None
        else f"{abs(gap):.0f} s {'ahead of' if gap > 0 else 'behind'} the API's",
        "limit": f"{config.api.rate_limit} requests in {config.api.rate_period_seconds:g} s",
    }


def _name(page: Page) -> str:
    return str(msgspec.json.decode(page.records[0].text or b"{}", type=dict[str, object]).get("name") or "(no name)")
