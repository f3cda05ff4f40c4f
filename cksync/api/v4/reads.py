"""Every read of API v4 as a method.

Lists are iterators that request the next page when they need it, newest first unless the API says otherwise. Their
`filters` are the API's query parameters, such as `status="all"`; lists, filters and counts may be five minutes behind
the account, single records never are.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol, Unpack

from cksync.api.v4 import filters as filters_of
from cksync.api.v4.bodies import Parent
from cksync.api.v4.catalog import moment
from cksync.domain import MEMBERSHIPS, PARENTS

# The most rows of a page.
ROWS_AT_ONCE = 1000
Record = dict[str, Any]


class Reading(Protocol):
    """The part of an Api that reads; see WritingApi.read."""

    def read(
        self,
        path: str,
        stream: str,
        params: Mapping[str, str] = ...,
        body: Mapping[str, Any] | None = ...,
        root: str = ...,
    ) -> Any:
        """Return a decoded body; None for a 404."""


class Reads:
    """The reads by name. A single record that does not exist is None; everything else that the API refuses raises
    EndpointFailed."""

    def __init__(self, api: Reading) -> None:
        self._reading = api

    # -- the account

    def account(self) -> Record:
        """Return the account, with its time zone, plan and sending addresses; `user` is beside it."""
        found: Record = self._reading.read("account", "account", root="account")
        return found

    def colors(self) -> list[str]:
        """Return the account's colors."""
        found: list[str] = self._one("account/colors", "account", "colors")
        return found

    def creator_profile(self) -> Record | None:
        """Return the public profile; None without one."""
        return self._record("account/creator_profile", "account", "profile")

    def email_stats(self) -> Record:
        """Return the figures of the last 90 days, rates in percent."""
        found: Record = self._one("account/email_stats", "account", "stats")
        return found

    def growth_stats(self, *, starting: date | None = None, ending: date | None = None) -> Record:
        """Return how many people came and went in a window of days, by default 90."""
        given = {"starting": starting, "ending": ending}
        found: Record = self._one("account/growth_stats", "account", "stats", _texts(given))
        return found

    # -- people

    def subscribers(self, **filters: Unpack[filters_of.People]) -> Iterator[Record]:
        """Yield people: active ones, unless `status` says otherwise. `email_address` finds one by address, `include`
        adds attribution, tags, location or canceled_at."""
        return self._list("subscribers", "subscribers", "subscribers", filters)

    def subscriber(self, subscriber_id: int) -> Record | None:
        """Return a person in any state."""
        return self._record(f"subscribers/{subscriber_id}", "subscribers", "subscriber")

    def subscriber_tags(self, subscriber_id: int) -> Iterator[Record]:
        """Yield the tags of a person, with `tagged_at`."""
        return self._list(f"subscribers/{subscriber_id}/tags", MEMBERSHIPS, "tags", {})

    def subscriber_stats(
        self, subscriber_id: int, *, email_sent_after: date | None = None, email_sent_before: date | None = None
    ) -> Record | None:
        """Return what a person opened and clicked, rates as fractions."""
        given = {"email_sent_after": email_sent_after, "email_sent_before": email_sent_before}
        return self._record(f"subscribers/{subscriber_id}/stats", "subscriber_stats", "subscriber", _texts(given))

    def filter_subscribers(
        self,
        conditions: Sequence[Mapping[str, Any]] = (),
        *,
        include: Sequence[Mapping[str, Any]] = (),
        **options: Unpack[filters_of.Found],
    ) -> Iterator[Record]:
        """Yield the people who meet all conditions, such as {"type": "opens", "count_greater_than": 0}. Give the states
        in a condition, because the default is not documented; sort by `id`, the only order that loses no one."""
        body = {"all": list(conditions), "sort_field": "id", **options}
        if include:
            body["include"] = list(include)
        return self._pages("subscribers/filter", "subscriber_stats", "subscribers", {}, body)

    # -- tags, forms, sequences and their members

    def tags(self, **filters: Unpack[filters_of.Tags]) -> Iterator[Record]:
        """Yield the tags; `include="subscriber_count"` counts active people."""
        return self._list("tags", "tags", "tags", filters)

    def forms(self, **filters: Unpack[filters_of.Forms]) -> Iterator[Record]:
        """Yield the forms in use, unless `status` is archived, trashed or all; `type` is embed or hosted."""
        return self._list("forms", "forms", "forms", filters)

    def sequences(self, **filters: Unpack[filters_of.Sequences]) -> Iterator[Record]:
        """Yield the sequences; `include="stats"` adds their figures."""
        return self._list("sequences", "sequences", "sequences", filters)

    def sequence(self, sequence_id: int, **filters: Unpack[filters_of.Sequences]) -> Record | None:
        """Return a sequence."""
        return self._record(f"sequences/{sequence_id}", "sequences", "sequence", _texts(filters))

    def members(self, parent: Parent, parent_id: int, **filters: Unpack[filters_of.Members]) -> Iterator[Record]:
        """Yield the people in a form, sequence or tag, with `added_at` or `tagged_at`."""
        return self._list(f"{PARENTS[parent]}/{parent_id}/subscribers", MEMBERSHIPS, "subscribers", filters)

    def sequence_emails(self, sequence_id: int, **filters: Unpack[filters_of.SequenceEmails]) -> Iterator[Record]:
        """Yield the emails of a sequence in their order; `include_content=True` and `include="stats"` add to them."""
        return self._list(f"sequences/{sequence_id}/emails", "sequence_emails", "emails", filters)

    def sequence_email(self, sequence_id: int, email_id: int, **filters: Unpack[filters_of.Sequences]) -> Record | None:
        """Return an email of a sequence, with its content."""
        path = f"sequences/{sequence_id}/emails/{email_id}"
        return self._record(path, "sequence_emails", "email", _texts(filters))

    # -- broadcasts, posts and snippets

    def broadcasts(self, **filters: Unpack[filters_of.Broadcasts]) -> Iterator[Record]:
        """Yield the broadcasts; filters are status, sent_after, sent_before and slim."""
        return self._list("broadcasts", "broadcasts", "broadcasts", filters)

    def broadcast(self, broadcast_id: int) -> Record | None:
        """Return a broadcast."""
        return self._record(f"broadcasts/{broadcast_id}", "broadcasts", "broadcast")

    def all_broadcast_stats(self, **filters: Unpack[filters_of.Broadcasts]) -> Iterator[Record]:
        """Yield the figures of all broadcasts, rates in percent; not every plan includes this list."""
        return self._list("broadcasts/stats", "broadcast_stats", "broadcasts", filters)

    def broadcast_stats(self, broadcast_id: int) -> Record | None:
        """Return the figures of a broadcast; None if there are none."""
        return self._record(f"broadcasts/{broadcast_id}/stats", "broadcast_stats", "broadcast")

    def broadcast_clicks(self, broadcast_id: int) -> Iterator[Record]:
        """Yield the links of a broadcast with their clicks, rates as fractions."""
        return self._list(f"broadcasts/{broadcast_id}/clicks", "broadcast_links", "clicks", {}, inside="broadcast")

    def posts(self, **filters: Unpack[filters_of.Posts]) -> Iterator[Record]:
        """Yield the posts; `include_content=True` adds their content."""
        return self._list("posts", "posts", "posts", filters)

    def post(self, post_id: int) -> Record | None:
        """Return a post, with its content."""
        return self._record(f"posts/{post_id}", "posts", "post")

    def snippets(self, **filters: Unpack[filters_of.Snippets]) -> Iterator[Record]:
        """Yield the snippets in use, or with `archived=True` those that are not."""
        return self._list("snippets", "snippets", "snippets", filters)

    def snippet(self, snippet_id: int) -> Record | None:
        """Return a snippet, with its content."""
        return self._record(f"snippets/{snippet_id}", "snippets", "snippet")

    # -- small lists, purchases and webhooks

    def custom_fields(self) -> Iterator[Record]:
        """Yield the custom fields."""
        return self._list("custom_fields", "custom_fields", "custom_fields", {})

    def segments(self) -> Iterator[Record]:
        """Yield the segments: their names, neither members nor rules."""
        return self._list("segments", "segments", "segments", {})

    def email_templates(self) -> Iterator[Record]:
        """Yield the email templates."""
        return self._list("email_templates", "email_templates", "email_templates", {})

    def purchases(self) -> Iterator[Record]:
        """Yield the purchases. Needs OAuth."""
        return self._list("purchases", "purchases", "purchases", {})

    def purchase(self, purchase_id: int) -> Record | None:
        """Return a purchase. Needs OAuth."""
        return self._record(f"purchases/{purchase_id}", "purchases", "purchase")

    def webhooks(self) -> Iterator[Record]:
        """Yield the webhooks with one event each."""
        return self._list("webhooks", "webhooks", "webhooks", {})

    def webhook_endpoints(self, **filters: Unpack[filters_of.Endpoints]) -> Iterator[Record]:
        """Yield the webhook endpoints that these credentials created."""
        return self._list("webhook_endpoints", "webhook_endpoints", "webhook_endpoints", filters)

    def webhook_endpoint(self, endpoint_id: int) -> Record | None:
        """Return a webhook endpoint, without its secret."""
        return self._record(f"webhook_endpoints/{endpoint_id}", "webhook_endpoints", "webhook_endpoint")

    # -- how they are read

    def _one(self, path: str, stream: str, root: str, params: Mapping[str, str] | None = None) -> Any:
        found = self._reading.read(path, stream, params or {}, root=root)
        return None if found is None else found[root]

    def _record(self, path: str, stream: str, root: str, params: Mapping[str, str] | None = None) -> Record | None:
        found: Record | None = self._one(path, stream, root, params)
        return found

    def _list(
        self, path: str, stream: str, records: str, filters: Mapping[str, object], inside: str = ""
    ) -> Iterator[Record]:
        return self._pages(path, stream, records, _texts(filters), None, inside)

    def _pages(
        self,
        path: str,
        stream: str,
        records: str,
        params: Mapping[str, str],
        body: Mapping[str, Any] | None,
        inside: str = "",
    ) -> Iterator[Record]:
        """Yield the records of all pages, from a query or, with a body, from a POST that reads."""
        place: dict[str, Any] = {"per_page": ROWS_AT_ONCE}
        while True:
            asked = _texts({**place, **params}) if body is None else {}
            sent = None if body is None else {**place, **body}
            page = self._reading.read(path, stream, asked, sent, "pagination")
            if page is None:  # the list of something that does not exist
                return
            yield from (page[inside] if inside else page)[records]
            if not page["pagination"]["has_next_page"]:
                return
            place["after"] = page["pagination"]["end_cursor"]


def _texts(given: Mapping[str, object]) -> dict[str, str]:
    """Return parameters as the API reads them; those that are None are left out."""
    return {name: _text(value) for name, value in given.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list | tuple) else str(value)
