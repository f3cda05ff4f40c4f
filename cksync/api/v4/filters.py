"""The query parameters of the lists of API v4, as documented. Times are days, moments, or text in ISO 8601."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal, TypedDict

Time = date | datetime | str
Order = Literal["asc", "desc"]
State = Literal["active", "inactive", "bounced", "complained", "cancelled", "all"]
BroadcastStatus = Literal["draft", "scheduled", "sending", "completed", "aborted"]
Engagement = Literal[
    "engagement__sent",
    "engagement__opens",
    "engagement__clicks",
    "engagement__open_rate",
    "engagement__click_rate",
]


class People(TypedDict, total=False):
    """Of `subscribers`. `email_address` may be several with commas between them; sorted by anything but `id`, a list
    may lose rows at the end of a page."""

    status: State
    email_address: str
    created_after: Time
    created_before: Time
    updated_after: Time
    updated_before: Time
    sort_field: Literal["id", "created_at", "updated_at", "cancelled_at"] | Engagement
    sort_order: Order
    include: Sequence[Literal["attribution", "tags", "location", "canceled_at"]]
    slim: bool


class Found(TypedDict, total=False):
    """Of `filter_subscribers`."""

    counting_mode: Literal["raw", "unique_email"]
    sort_field: Literal["id", "first_name", "email_address", "created_at", "location__distance"] | Engagement
    sort_order: Order


class Members(TypedDict, total=False):
    """Of `members`: `tagged_*` for tags, `added_*` for forms and sequences."""

    status: State
    tagged_after: Time
    tagged_before: Time
    added_after: Time
    added_before: Time
    created_after: Time
    created_before: Time
    slim: bool


class Tags(TypedDict, total=False):
    """Of `tags`."""

    include: Literal["subscriber_count"]


class Forms(TypedDict, total=False):
    """Of `forms`."""

    status: Literal["active", "archived", "trashed", "all"]
    type: Literal["embed", "hosted"]
    include: Literal["subscriber_count"]


class Sequences(TypedDict, total=False):
    """Of `sequences` and `sequence`."""

    include: Literal["stats"]


class SequenceEmails(TypedDict, total=False):
    """Of `sequence_emails`."""

    include_content: bool
    include: Literal["stats"]


class Broadcasts(TypedDict, total=False):
    """Of `broadcasts` and `all_broadcast_stats`; `slim` is of the first only."""

    status: BroadcastStatus
    sent_after: Time
    sent_before: Time
    slim: bool


class Posts(TypedDict, total=False):
    """Of `posts`."""

    include_content: bool


class Snippets(TypedDict, total=False):
    """Of `snippets`."""

    include_content: bool
    archived: bool
    snippet_type: Literal["inline", "block"]


class Endpoints(TypedDict, total=False):
    """Of `webhook_endpoints`."""

    status: Literal["active", "disabled"]
