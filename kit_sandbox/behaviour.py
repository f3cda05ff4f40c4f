"""Switches for unknown details of API v3, so that a client can be tested under every possibility.

The defaults are the likeliest reading of the documentation; each field names the alternatives.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from .records import KINDS, STATES, Kind, State

_SHARE = re.compile(r"0(\.\d+)?|1(\.0+)?")


@dataclass(frozen=True)
class Behaviour:
    """One consistent answer to the open questions of `facts.md` (marked [L] or [?] there)."""

    purchases_order: Literal["oldest", "newest"] = "oldest"
    """Which end of the purchases page 1 shows."""
    purchases_by: Literal["id", "transaction_time"] = "id"
    """Whether a late import of an old order stands at the end or in the middle."""
    subscribers_by: Literal["created_at", "id"] = "created_at"
    """What orders the active list."""
    subscriptions_by: Literal["created_at", "id"] = "created_at"
    """What orders the list of a form, sequence or tag."""
    ties: Literal["id", "id_desc", "scrambled"] = "id"
    """Order of rows with one and the same timestamp; scrambled is arbitrary but stable."""
    desc_reverses_ties: bool = True
    """Whether a descending list is the exact reverse of the ascending one, or ties keep their order."""
    tags_by: Literal["name", "id"] = "name"
    """Order of the list of tags (the other unpaged lists go by id)."""
    unpaged_page: Literal["ignored", "empty"] = "ignored"
    """What page 2 of an unpaged list is: the same list, or nothing."""
    page_ignored_on: tuple[str, ...] = ()
    """Lists that always answer page 1: "subscribers", "subscriptions", "broadcasts", "purchases"."""
    day_offset_hours: float = 0.0
    """Zone of the day filters, as an offset from UTC (the account's zone, for all we know)."""
    updated_from_strict: bool = False
    """Whether `updated_from` means after that day rather than from its beginning."""
    updated_to_strict: bool = False
    """Whether `updated_to` means before that day rather than to its end."""
    times_cut_to_day: bool = False
    """Whether a full ISO time in a filter counts as its day only."""
    cancelled_window: Literal["created", "cancelled"] = "created"
    """Which date from/to mean together with sort_field=cancelled_at."""
    other_sort_field: Literal["ignored", "rejected"] = "ignored"
    """What a sort_field other than cancelled_at does."""
    status_parameter: Literal["ignored", "honoured"] = "ignored"
    """Whether /subscribers?status=inactive (or all) does anything."""
    email_finds_all_states: bool = False
    """Whether email_address= finds people who are not active."""
    email_ignores_case: bool = False
    """Whether email_address= finds Jon@Example.com when asked for jon@example.com."""
    tag_bumps_updated: bool = False
    """Whether adding or removing a tag moves the hidden updated_at."""
    join_bumps_updated: bool = False
    """Whether joining a form or a sequence moves it."""
    retag_keeps_id: bool = False
    """Whether a tag added again gets its old subscription id (and time) back."""
    unfiltered_states: tuple[State, ...] = STATES
    """Whose subscriptions are listed when subscriber_state is omitted."""
    cancelled_leave: tuple[str, ...] = ()
    """Kinds of list from which cancelled people drop out (seen once for forms, never for tags): all of them
    ("sequence"), or a share ("form:0.9") that is always the same one."""
    cancelled_leave_by: Literal["membership", "list"] = "membership"
    """What a share is a share of: of each person's memberships, or of the lists of that kind."""
    cancelled_return: bool = True
    """Whether those who become active again stand in these lists again, or have to join anew."""
    finished_leave_sequence: bool = True
    """Whether people who finish a sequence leave its list, or stay in it as inactive."""
    archived_forms: Literal["listed", "left out"] = "listed"
    """Whether the list of forms has archived ones; their members can be asked for either way."""
    stats_shape: Literal["object", "array"] = "object"
    """`{"broadcast": {...}}` as live, or `{"broadcast": [{...}]}` as documented."""
    draft_stats: Literal["zeros", "missing"] = "zeros"
    """Stats of a draft: zeros, or 404."""
    total_pages_when_empty: Literal[0, 1] = 0
    """What an empty list calls its number of pages."""
    gzip: bool = False
    """Whether answers are compressed for those who accept it."""
    # -- writes
    async_seconds: float = 3.0
    """How long a PUT of 11 to 140 fields (202) takes to come true; 0: at once."""
    reads_lag_seconds: float = 0.0
    """How long reads show the account as it was before a write."""
    confirm_on: tuple[Kind, ...] = ()
    """Kinds of list that leave new people inactive until they confirm (double opt-in)."""
    resubscribe_revives: bool = False
    """Whether a cancelled person who is subscribed to something becomes active again."""
    cleared_reads_as: Literal["null", "empty"] = "null"
    """What a value that was set to null or "" reads back as."""
    one_label_list: Literal["object", "array"] = "object"
    """What a list of a single label is answered with by POST custom_fields."""
    repeated_transaction: Literal["new", "appended"] = "new"
    """Whether a purchase with a known transaction_id is another one, or adds its products to the first."""
    purchase_creates_person: bool = True
    """Whether the buyer becomes a subscriber if the address is unknown."""
    hook_created: Literal[200, 201] = 200
    """The status of a new webhook."""
    # -- API v4
    v4_lag_seconds: float = 0.0
    """How long lists, filters and counts show the account as it was before an edit; a record by its id is current."""
    v4_errors: Literal["list", "string", "nested"] = "list"
    """What `errors` holds: a list of texts, one text, or lists in a list."""
    v4_limit_body: Literal["text", "empty"] = "text"
    """What 429 says: `Retry later`, or nothing."""
    v4_bulk_stats: Literal["allowed", "refused", "empty"] = "allowed"
    """Whether the list of broadcast stats is given, or 403 with a text or with `{}`."""
    v4_snippets: Literal["in_use", "all"] = "in_use"
    """Which snippets are listed where nothing is said of archived ones."""
    v4_key_on_oauth: Literal[401, 403] = 401
    """What a key is answered where OAuth is needed."""
    v4_filter_ids: Literal["integer", "string"] = "integer"
    """How the filter spells the ids of people."""
    v4_filter_states: tuple[State, ...] = STATES
    """Whom the filter finds where no state is asked for."""
    v4_filter_canceled_at: Literal["cancelled", "latest"] = "cancelled"
    """Whether the filter's canceled_at is that of cancelled people alone, or everybody's latest change of state."""
    v4_access_seconds: float = 172_800.0
    """How long an access token is good for."""
    v4_stats_years: float = 5.0
    """How old the stats of mails may be; 0: as old as they are."""
    v4_person_stats_days: float = 0.0
    """The window of one person's stats where none is asked for; 0: all that is kept."""
    v4_page_limit: float = 1000.0
    """The most rows of a page."""
    v4_person_tags: Literal["late", "current"] = "late"
    """Whether the tags of one person lag like other lists; Kit's own tests read them right after adding one."""
    # -- writes of API v4
    v4_untag_absent: Literal[404, 204] = 404
    """What removing a tag that the person does not have is answered with; in a bulk call 404 is a failure of the
    item."""
    v4_bulk_seconds: float = 30.0
    """How long a bulk call of more than 100 items (202) takes to come true; 0: at once."""
    v4_bulk_queue_bytes: float = 300_000_000.0
    """How much may wait in bulk calls of more than 100 items before another one is 413."""
    v4_bulk_order: Literal["mixed", "sent", "reversed"] = "mixed"
    """The order of the rows in the answer to a bulk call: new and existing ones apart, as sent, or the reverse."""
    v4_failed_ids: Literal["sent", "null"] = "sent"
    """How a failure of a bulk call shows an id that no record has: as sent, or as null."""
    v4_subscriber_limit: float = 100_000.0
    """How many active people the plan allows; a bulk call that would exceed it is 403."""

    def __post_init__(self) -> None:
        """Raises ValueError for a `cancelled_leave` with an unknown kind of list or an invalid share."""
        for each in self.cancelled_leave:
            kind, _, share = each.partition(":")
            if kind not in KINDS or not _SHARE.fullmatch(share or "1"):
                raise ValueError(
                    f"cancelled_leave={each}: must be form, sequence or tag, optionally with a share from 0 to 1"
                )

    @cached_property
    def _leaving(self) -> Mapping[str, float]:
        """The share of cancelled people whom each kind of list hides."""
        split = (each.partition(":") for each in self.cancelled_leave)
        return {kind: float(share or 1) for kind, _, share in split}

    def hides(self, kind: Kind, parent_id: int, subscriber_id: int) -> bool:
        """Return True if a list hides this member while they are cancelled."""
        share = self._leaving.get(kind, 0.0)
        if share in (0.0, 1.0):
            return share == 1.0
        named = f"{parent_id}" if self.cancelled_leave_by == "list" else f"{parent_id} {subscriber_id}"
        return zlib.crc32(named.encode()) < share * 2**32
