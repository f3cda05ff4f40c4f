"""Look up a person right before a write that names them by address, as API v3 subscribes and unsubscribes.

A race remains between that lookup and the write. The reply says who was affected and is compared, but the write cannot
be undone: v3 removes nobody from a form, and reactivates nobody.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from cksync.addresses import folded, folded_sql
from cksync.api import Api
from cksync.api.salvage import readable
from cksync.api.v3.catalog import ask_one
from cksync.domain import BY_ID, Page, Request
from cksync.errors import EndpointFailed
from cksync.write.action import Action, Result
from cksync.write.gone import ONE_OF
from cksync.write.rules import LEFT


@dataclass(frozen=True, slots=True)
class Named:
    """The person whom a write names by address. `id` is None for a person to be created; `leaves` is True if the write
    unsubscribes; `state` is the one in the plan; `others` are people with the same address in the mirror."""

    address: str
    id: int | None
    state: str | None = None
    others: tuple[int, ...] = ()
    leaves: bool = False


@dataclass(frozen=True)
class Namesakes:
    """The people in the mirror who share an address that a plan uses."""

    states: Mapping[int, str | None] = field(default_factory=dict)
    shared: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def named(self, action: Action) -> Named | None:
        """Return the person whom an action names by address; None if there is none, or if this push just created
        them."""
        if action.kind.address is None:
            return None
        address = str(action.args["email_address"])
        if action.kind.address == "free":
            return Named(address, None)
        who = int(action.target)
        others = tuple(other for other in self.shared.get(folded(address), ()) if other != who)
        leaves = action.kind.address == "leaves"
        return None if who < 0 else Named(address, who, self.states.get(who), others, leaves)


def namesakes(db: duckdb.DuckDBPyConnection, actions: Collection[Action]) -> Namesakes:
    """Read the namesakes of all actions of a plan at once."""
    named = [int(action.target) for action in actions if action.kind.address]
    if not named:
        return Namesakes()
    states = "select id, state from mirror.main.subscribers where id in (select unnest(?::bigint[]))"
    shared = f"""
        select {folded_sql("email_address")} as address, list(id order by id) from mirror.main.subscribers
        where email_address is not null group by address having count(*) > 1
    """
    return Namesakes(dict(db.execute(states, [named]).fetchall()), dict(db.execute(shared).fetchall()))


def ask_address(address: str) -> Request:
    """Return the request that looks up an address; the API shows only active people."""
    return Request(BY_ID, "subscribers", {"email_address": address}, 1)


def ask(api: Api, named: Named) -> tuple[list[Page], Result | None]:
    """Look up the person whom a write names. Returns the pages, and the outcome without sending; None means send it.

    Raises what Api.fetch raises, except a failure of this endpoint alone.
    """
    pages: list[Page] = []
    try:
        if named.id is None:
            pages.append(api.fetch(ask_address(named.address)))
            return pages, _free_address_verdict(pages[0], named)
        for who in (named.id, *named.others):
            pages.append(api.fetch(ask_one(BY_ID, str(who), 1)))
            if verdict := _verdict(pages[-1], who, named):
                return pages, verdict
    except EndpointFailed as error:
        return pages, Result("conflict", f"not sent: could not check who has the address: {error.reason}")
    return pages, None


def _free_address_verdict(page: Page, named: Named) -> Result | None:
    for person in _people(page):
        if folded(str(person["email_address"])) == folded(named.address):
            return Result("conflict", f"not sent: {ONE_OF['subscribers']} {person['id']} has that address now")
    return None


def _verdict(page: Page, who: int, named: Named) -> Result | None:
    """Return the outcome that the lookup of one person implies; None means send the write."""
    the_person = f"{ONE_OF['subscribers']} {who}"
    found = _people(page)
    if not found and not any(record.text is None for record in page.records):
        return Result("conflict", f"not sent: {the_person} could not be read, because the response is not the API's")
    if who != named.id:
        has_it = any(folded(str(person["email_address"])) == folded(named.address) for person in found)
        return Result("conflict", f"not sent: {the_person} has the same address") if has_it else None
    if not found:
        return Result("conflict", f"{the_person} is no longer in the account")
    (person,) = found
    if folded(str(person["email_address"])) != folded(named.address):
        return Result("conflict", f"not sent: {the_person} has another address now; push again")
    if named.leaves:
        return Result("done", "was already cancelled") if person["state"] == "cancelled" else None
    if person["state"] in LEFT and named.state not in LEFT:
        return Result("conflict", f"not sent: {the_person} is {person['state']} now; push again")
    return None


def _people(page: Page) -> list[Mapping[str, object]]:
    return [{"email_address": "", "state": "", **person} for _, person in readable(page)]
