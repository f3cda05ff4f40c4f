"""An account of any size at API v4, over real HTTP: the pages of its long lists are made when they are requested.

The short lists and the credentials are those of a sandbox; people, members, engagement and purchases are invented.
Pages of a few rows make the requests of a large account out of a small one.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kit_sandbox import Answer, Request, generate
from kit_sandbox.app import App
from kit_sandbox.limit import RollingLimit
from kit_sandbox.listener import Listener
from kit_sandbox.seed.sizes import spread
from kit_sandbox.server import Sandbox
from tests.support.virtual_time import VirtualTime

FIRST_ID = 1_000_000
OLD = "2024-02-03T04:05:06Z"
NO_STATS = {"sent": 1, "opened": 0, "clicked": 0, "bounced": 0, "open_rate": 0.0, "click_rate": 0.0}


@dataclass(frozen=True)
class Size:
    """How large the account is. The `active_share` of people are active, all others cancelled; memberships are per
    person, and a page has at most `page_rows` rows."""

    people: int
    page_rows: int = 1000
    active_share: float = 0.9
    tags: int = 60
    tagged: float = 6.0
    forms: int = 30
    joined: float = 1.0
    sequences: int = 15
    sent: float = 1.2
    broadcasts: int = 300


@contextmanager
def serve_large(
    size: Size, clock: VirtualTime, *, rate_limit: int = 120, latency_seconds: float = 0.2
) -> Iterator[Sandbox]:
    """Serve an account of that size on a virtual clock."""
    world = generate(60, 7, broadcasts=size.broadcasts)
    world.now = clock.wall
    app = App(world, RollingLimit(rate_limit, 60.0), latency_seconds=latency_seconds, ticks=clock.ticks)
    app.v4 = _Large(app.v4, size)  # type: ignore[assignment]  # it has what the app uses
    with Listener(app, "127.0.0.1", 0, clock.pause) as listener:
        yield Sandbox(app, "127.0.0.1", listener.port)


class _Large:
    """Answers for the long lists, and leaves all else to the sandbox's API."""

    def __init__(self, inner: object, size: Size) -> None:
        self._inner, self._size = inner, size
        self.oauth = inner.oauth  # type: ignore[attr-defined]  # the sandbox's V4
        self._members: dict[str, int] = {}
        for kind, count, each in (
            ("tags", size.tags, size.tagged),
            ("forms", size.forms, size.joined),
            ("sequences", size.sequences, size.sent),
        ):
            for number, rows in enumerate(spread(round(each * size.people), count, size.people), 1):
                self._members[f"{kind}/{number}"] = rows

    def answer(self, request: Request) -> Answer:
        """Answer a request."""
        path, size = request.path.removeprefix("/v4/"), self._size
        active = round(size.people * size.active_share)
        if path in ("tags", "forms", "sequences"):
            return self._parents(request, path)
        if path == "subscribers":
            is_cancelled = request.params.get("status") == "cancelled"
            rows = size.people - active if is_cancelled else size.people
            first = active if is_cancelled else 0
            return self._page(request, "subscribers", rows, lambda number: self._person(first + number, active))
        if path == "subscribers/filter":
            return self._page(request, "subscribers", active, self._engaged)
        if path == "purchases":
            return self._page(request, "purchases", 0, self._engaged)
        if path.startswith("sequences/") and path.endswith("/emails"):
            return self._page(request, "emails", 0, self._engaged)
        if path.endswith("/subscribers") and (rows := self._members.get(path.removesuffix("/subscribers"), -1)) >= 0:
            return self._page(request, "subscribers", rows, lambda number: self._member(number, active))
        return self._inner.answer(request)  # type: ignore[attr-defined, no-any-return]  # the sandbox's V4

    def _parents(self, request: Request, kind: str) -> Answer:
        names = [name for name in self._members if name.startswith(f"{kind}/")]
        if request.params.get("status") == "archived":
            names = []
        rows = [{"id": int(name.partition("/")[2]), "name": name, "created_at": OLD} for name in names]
        if kind != "sequences":
            share = self._size.active_share
            for row, name in zip(rows, names, strict=True):
                row["subscriber_count"] = round(share * self._members[name])
        place = {"has_next_page": False, "per_page": self._size.page_rows, "total_count": len(rows)}
        return _as_json({kind: rows, "pagination": place})

    def _page(self, request: Request, name: str, rows: int, make: Callable[[int], dict[str, object]]) -> Answer:
        """Return one page of a list: row numbers count down to 0."""
        given = {**request.params, **{key: str(value) for key, value in (request.body or {}).items()}}
        per_page = min(self._size.page_rows, int(given.get("per_page", self._size.page_rows)))
        begin = int(given.get("after", rows))
        end = max(0, begin - per_page)
        place = {
            "has_next_page": end > 0,
            "end_cursor": str(end),
            "per_page": per_page,
            **({"total_count": rows} if "include_total_count" in given else {}),
        }
        return _as_json({name: [make(number) for number in range(begin - 1, end - 1, -1)], "pagination": place})

    def _person(self, number: int, active: int) -> dict[str, object]:
        state = "active" if number < active else "cancelled"
        return {**self._named(number), "state": state, "fields": {}, "tags": []}

    def _member(self, number: int, active: int) -> dict[str, object]:
        return {**self._person(number, active), "tagged_at": OLD, "added_at": OLD}

    def _engaged(self, number: int) -> dict[str, object]:
        return {**self._named(number), "stats": NO_STATS}

    def _named(self, number: int) -> dict[str, object]:
        address = f"person.{number}@example.com"
        return {"id": FIRST_ID + number, "first_name": "Ada", "email_address": address, "created_at": OLD}


def _as_json(value: object) -> Answer:
    return Answer(200, json.dumps(value).encode())
