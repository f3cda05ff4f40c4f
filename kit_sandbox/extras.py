"""What API v4 shows of an account and v3 does not, as far as it has records of its own.

What belongs to a person or a mail and never changes by itself (where somebody came from, who opened what) is not
stored: `details` makes it anew from the seed and the id. What stands here for such a thing was set by an edit.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from typing import NamedTuple

from .records import Json, Parent


class SequenceEmail(NamedTuple):
    """A mail of a sequence, sent so many days or hours after the one before."""

    id: int
    sequence_id: int
    subject: str
    position: int
    preview_text: str | None = None
    content: str | None = None
    email_address: str | None = None
    email_template_id: int | None = None
    published: bool = True
    delay_value: int = 1
    delay_unit: str = "days"
    send_days: tuple[str, ...] | None = None


class Segment(NamedTuple):
    """A saved selection of people, of which the API tells the name alone."""

    id: int
    name: str
    created_ms: int


class EmailTemplate(NamedTuple):
    """A layout of mails; the category is `HTML` or `Starting point`."""

    id: int
    name: str
    is_default: bool = False
    category: str = "HTML"


class Snippet(NamedTuple):
    """A piece of text for many mails, `inline` or `block`."""

    id: int
    name: str
    key: str
    content: str
    created_ms: int
    updated_ms: int
    snippet_type: str = "inline"
    archived: bool = False


class WebhookEndpoint(NamedTuple):
    """An address that is told of events."""

    id: int
    name: str
    url: str
    events: tuple[str, ...]
    created_ms: int
    status: str = "active"
    description: str | None = None
    previous_secret_expires_ms: int | None = None


class Zone(NamedTuple):
    """The account's time zone; the offset is today's, and changes with the season by an edit alone."""

    name: str
    friendly_name: str
    utc_offset: str


class Person(NamedTuple):
    """What was set of a person by an edit; the flags tell null from never set."""

    attribution: Mapping[str, Json] | None = None
    location: Mapping[str, Json] | None = None
    has_attribution: bool = False
    has_location: bool = False


class Reader(NamedTuple):
    """How likely (per mille) somebody opens a mail, and from when on hardly ever."""

    openness: int
    cold_from_ms: int


class Appeal(NamedTuple):
    """What a mail does to its readers: how much likelier it is opened than others (per mille; 1000: as others), and
    how many of those who open it click (per mille)."""

    opens: int
    clicks: int


FIRST_IDS: Mapping[str, int] = {
    "sequence_email": 9_300_000,
    "segment": 880_000,
    "email_template": 3_100_000,
    "snippet": 410_000,
    "webhook_endpoint": 52_000,
}
BOGOTA = Zone("America/Bogota", "Bogota", "-05:00")
TEMPLATES = (
    EmailTemplate(1, "Card"),
    EmailTemplate(2, "Classic"),
    EmailTemplate(4, "Modern"),
    EmailTemplate(6, "Text Only", is_default=True),
    EmailTemplate(8, "Story", category="Starting point"),
)
PROFILE: Mapping[str, Json] = {
    "name": "Acme Corp.",
    "byline": "Notes on paper",
    "bio": "<p>Weekly notes.</p>",
    "image_url": "https://images.example.com/acme.png",
    "profile_url": "https://acme.ck.page/profile",
}


@dataclass
class Extras:
    """The records of v4 alone, by id, and what edits set over what `details` would make."""

    seed: int = 0
    account_created_ms: int = 1_400_000_000_000
    zone: Zone = BOGOTA
    colors: tuple[str, ...] = ("#000000", "#1677be")
    profile: Mapping[str, Json] | None = None
    sequence_emails: dict[int, SequenceEmail] = field(default_factory=dict)
    segments: dict[int, Segment] = field(default_factory=dict)
    email_templates: dict[int, EmailTemplate] = field(default_factory=lambda: {each.id: each for each in TEMPLATES})
    snippets: dict[int, Snippet] = field(default_factory=dict)
    webhook_endpoints: dict[int, WebhookEndpoint] = field(default_factory=dict)
    trashed_forms: dict[int, Parent] = field(default_factory=dict)
    people: dict[int, Person] = field(default_factory=dict)
    sequences: dict[int, Mapping[str, Json]] = field(default_factory=dict)
    sequence_updated_ms: dict[int, int] = field(default_factory=dict)
    sequence_email_stats: dict[int, Mapping[str, Json]] = field(default_factory=dict)
    broadcasts: dict[int, Mapping[str, Json]] = field(default_factory=dict)
    opens: set[tuple[int, int]] = field(default_factory=set)
    clicks: set[tuple[int, int]] = field(default_factory=set)
    readers: dict[int, Reader] = field(default_factory=dict)
    appeals: dict[int, Appeal] = field(default_factory=dict)
    links: dict[int, tuple[str, ...]] = field(default_factory=dict)
    last_ids: dict[str, int] = field(default_factory=lambda: dict(FIRST_IDS))

    def next_id(self, kind: str) -> int:
        """Ids grow by kind, apart from those of the world, so that v3 has the ids it always had."""
        self.last_ids[kind] += 3
        return self.last_ids[kind]

    def copied(self) -> "Extras":
        """The same records, untouched by later edits."""
        return Extras(**{each.name: copy(getattr(self, each.name)) for each in fields(self)})
