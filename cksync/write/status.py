"""The status of a broadcast, read right before it is planned or changed."""

from typing import Any

from cksync.api import Api
from cksync.api.salvage import readable
from cksync.api.v3.catalog import ask_one
from cksync.api.v4.catalog import ask_one as ask_one_v4
from cksync.domain import BROADCASTS_BY_ID_V4, DETAILS, STATS, Page
from cksync.versions import Version


def status_of(api: Api, id_: int, version: Version) -> tuple[str | None, list[Page]]:
    """Return the current status of a broadcast and the pages read for it. Without a status from API v3, a broadcast
    without any time counts as a draft; None if undecided."""
    if version == "v4":
        pages = [api.fetch(ask_one_v4(BROADCASTS_BY_ID_V4, str(id_), 1))]
        status = _decoded(pages[0]).get("status")
        return (str(status) if status else None), pages
    pages = [api.fetch(ask_one(STATS, str(id_), 1))]
    stats = _decoded(pages[0]).get("stats") or {}
    stats = stats[0] if isinstance(stats, list) else stats
    if status := stats.get("status"):
        return str(status), pages
    pages.append(api.fetch(ask_one(DETAILS, str(id_), 1)))
    detail = _decoded(pages[1])
    has_no_time = bool(detail) and not detail.get("send_at") and not detail.get("published_at")
    return ("draft" if has_no_time else None), pages


def _decoded(page: Page) -> dict[str, Any]:
    """Return the record of a page fetched by id; empty if there is none."""
    return next((values for _, values in readable(page)), {})
