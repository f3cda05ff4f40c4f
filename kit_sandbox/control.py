"""The control routes under `/_sandbox/`, for tests in another process: outside the limit and the journal.

They change the account and show its records, so they answer only this machine (the caller's address and the name in
`Host` are loopback), no page of another site (no `Origin`), and only with the token, in the header X-Sandbox-Token.

GET    journal         counts by status and path, rejected arrivals, the list of requests
POST   journal/clear
GET    faults          the rules, with how often each was seen and fired
POST   faults          {"effect": "status", "args": {"code": 500}, "path": "/tags", "nth": 2, "count": 1}
DELETE faults
POST   edits           {"edit": "cancel", "args": {"subscriber_id": 1}} -> {"result": ...}
GET    truth           the number of rows of each table; with ?table=subscribers its records; ?version=v4: v4's
POST   oauth           {"client_id": ...} (or nothing) -> a pair of tokens, as a login gets it
POST   oauth/expire    every access token is too old at once
GET    mails           the emails that the API was told to send: broadcast_id and send_at
GET    behaviour       the switches
POST   behaviour       {"purchases_order": "newest"} changes these switches
GET    clock           the account's time
POST   clock           {"days": 7} moves the clock on, and lives these days
"""

import hmac
import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from .app import App
from .edits import EDITS
from .effects import named
from .expected import Expected, expected_mirror
from .expected_v4 import ExpectedV4, expected_v4
from .messages import NOT_FOUND, Answer, as_json, error

TOKEN_HEADER = "X-Sandbox-Token"
_TIMES = ("created_at", "send_at", "transaction_time")


def forbidden(token: str, caller: str, headers: Mapping[bytes, bytes]) -> Answer | None:
    """Return the refusal of a control request: 403 because of its origin, 401 without the token; None if it is
    allowed."""
    host = headers.get(b"host", b"").decode("latin-1")
    if not is_loopback(caller) or not is_loopback(_name(host)):
        return error(403, "Forbidden", "control routes are available only from this machine, under a loopback name")
    if headers.keys() & {b"origin", b"sec-fetch-site"}:
        return error(403, "Forbidden", "control routes reject requests from browsers")
    given = headers.get(TOKEN_HEADER.lower().encode(), b"")
    if not hmac.compare_digest(given, token.encode()):
        return error(401, "Unauthorized", f"control routes need the token in the header {TOKEN_HEADER}")
    return None


def _name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def is_loopback(name: str) -> bool:
    """Return True if a name or an address is this machine's own."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def control(app: App, method: str, path: str, query: str, body: bytes) -> Answer:
    """Answer a control request; errors are returned as 400 or 404."""
    handle = ROUTES.get((method, path.strip("/")))
    if handle is None:
        return NOT_FOUND
    try:
        asked = json.loads(body) if body else {name: values[-1] for name, values in parse_qs(query).items()}
        with app.world.lock:
            return as_json(handle(app, asked))
    except (KeyError, TypeError, ValueError) as problem:
        return error(400, type(problem).__name__, str(problem))


def _journal(app: App, asked: Mapping[str, Any]) -> Any:
    return {"violations": app.limit.rejected + app.v4_limits.rejected, **app.journal.summary()}


def _clear_journal(app: App, asked: Mapping[str, Any]) -> Any:
    app.journal.clear()
    return {}


def _faults(app: App, asked: Mapping[str, Any]) -> Any:
    shown = ("method", "path", "params", "nth", "every", "count", "seen", "fired")
    return [{name: getattr(rule, name) for name in shown} for rule in app.faults.rules]


def _add_fault(app: App, asked: Mapping[str, Any]) -> Any:
    matching = {name: value for name, value in asked.items() if name not in ("effect", "args")}
    app.faults.add(named(app.world, asked["effect"], asked.get("args", {})), **matching)
    return {}


def _clear_faults(app: App, asked: Mapping[str, Any]) -> Any:
    app.faults.clear()
    return {}


def _edit(app: App, asked: Mapping[str, Any]) -> Any:
    args = {name: _moment(name, value) for name, value in asked.get("args", {}).items()}
    return {"result": EDITS[asked["edit"]](app.world, **args)}


def _moment(name: str, value: Any) -> Any:
    is_time = name in _TIMES and isinstance(value, str)
    return datetime.fromisoformat(value) if is_time else value


def _truth(app: App, asked: Mapping[str, Any]) -> Any:
    is_v4 = asked.get("version") == "v4"
    truth = expected_v4(app.world) if is_v4 else expected_mirror(app.world)
    if "table" in asked:
        return _rows(truth, asked["table"])
    return {each.name: len(_rows(truth, each.name)) for each in fields(truth)}


def _rows(truth: Expected | ExpectedV4, table: str) -> list[Any]:
    """Return the records of one table; memberships with their kind, which v3 spells differently."""
    if table not in {each.name for each in fields(truth)}:
        raise ValueError(f"no such table: {table}")
    records = getattr(truth, table)
    if table == "account":
        return [records]
    if table == "listed":
        return sorted(records)
    if table in ("memberships", "subscriptions") and isinstance(truth, Expected):
        return [{"kind": key[0], **record} for key, record in records.items()]
    return list(records.values())


def _grant(app: App, asked: Mapping[str, Any]) -> Any:
    return app.v4.oauth.grant(**asked)


def _expire(app: App, asked: Mapping[str, Any]) -> Any:
    app.v4.oauth.expire()
    return {}


def _mails(app: App, asked: Mapping[str, Any]) -> Any:
    return [mail._asdict() for mail in app.world.mails]


def _behaviour(app: App, asked: Mapping[str, Any]) -> Any:
    return asdict(app.world.behaviour)


def _change_behaviour(app: App, asked: Mapping[str, Any]) -> Any:
    changes: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in asked.items()}
    app.world.behaviour = replace(app.world.behaviour, **changes)
    return asdict(app.world.behaviour)


def _clock(app: App, asked: Mapping[str, Any]) -> Any:
    return {"now": app.world.now().isoformat()}


def _advance(app: App, asked: Mapping[str, Any]) -> Any:
    app.world.advance(float(asked["days"]))
    return _clock(app, asked)


ROUTES: Mapping[tuple[str, str], Callable[[App, Mapping[str, Any]], Any]] = {
    ("GET", "journal"): _journal,
    ("POST", "journal/clear"): _clear_journal,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "edits"): _edit,
    ("GET", "truth"): _truth,
    ("POST", "oauth"): _grant,
    ("POST", "oauth/expire"): _expire,
    ("GET", "mails"): _mails,
    ("GET", "behaviour"): _behaviour,
    ("POST", "behaviour"): _change_behaviour,
    ("GET", "clock"): _clock,
    ("POST", "clock"): _advance,
}
