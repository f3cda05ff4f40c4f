"""Ask API v4 whether new addresses are free: creating somebody who exists would overwrite the first name."""

from collections.abc import Iterator, Sequence

from cksync.addresses import folded
from cksync.api import Api
from cksync.api.salvage import readable
from cksync.domain import BY_ID_V4, Page, Request
from cksync.errors import EndpointFailed
from cksync.write.plan import ADDRESSES_AT_ONCE


def ask_addresses(addresses: Sequence[str]) -> Request:
    """Return the request for everybody with one of these addresses."""
    params = {"status": "all", "email_address": ",".join(addresses), "per_page": "1000"}
    return Request(BY_ID_V4, "subscribers", params, 1)


def owners(api: Api, addresses: Sequence[str], known: str | None) -> Iterator[tuple[Page | None, dict[str, str]]]:
    """Yield each page that was read and what it says: folded addresses, each with the reason why it is not free.

    Several addresses are asked for at once with the `known` one of somebody in the account. If the response lacks that
    person, the API does not take several, and they are asked for one by one.
    """
    for start in range(0, len(addresses), ADDRESSES_AT_ONCE):
        yield from _owners(api, addresses[start : start + ADDRESSES_AT_ONCE], known)


def _owners(api: Api, addresses: Sequence[str], known: str | None) -> Iterator[tuple[Page | None, dict[str, str]]]:
    if len(addresses) > 1 and known is not None:
        try:
            page = api.fetch(ask_addresses([known, *addresses]))
        except EndpointFailed:
            page = None
        if page is not None:
            found = _people(page)
            if folded(known) in found:
                yield page, {address: found[address] for address in map(folded, addresses) if address in found}
                return
            yield page, {}
    for address in addresses:
        try:
            page = api.fetch(ask_addresses([address]))
        except EndpointFailed as error:
            yield None, {folded(address): f"not sent: could not check who has the address: {error.reason}"}
        else:
            found = _people(page)
            yield page, {folded(address): found[folded(address)]} if folded(address) in found else {}


def _people(page: Page) -> dict[str, str]:
    return {
        folded(str(row.get("email_address", ""))): f"not sent: person {row['id']} has that address now"
        for _, row in readable(page)
    }
