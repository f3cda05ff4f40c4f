"""A hand-made account read through API v4: eleven people, three pulls, days in UTC. The expected rows of what v3 could
not know are derived from it.

    1 March   the first pull: Bob cancelled on 10 January, Gus on 1 February, Cyd has bounced
    4 March   Dee has cancelled (2 March, 12:00), Gus came back and cancelled again (3 March, 6:00), Hal has joined
              (2 March, 8:00) and cancelled (3 March, 10:00); Ida has lost her tag
    8 March   Eve is deleted, Ida has the tag again; opens and clicks are read a second time

Fay opened something in January, Ida in December, Jon nothing of four emails; Kim was sent none.
"""

from pathlib import Path
from typing import Any

from cksync.api.v4.catalog import emails_of, engagement, links_of
from cksync.config import Config, ModelsConfig
from cksync.domain import BY_ID_V4, Slice, members, whole
from cksync.pipeline.publishing import publish
from tests.support.accounts.small import pulled
from tests.support.log_builder import LogBuilder, gone

ANN, BOB, CYD, DEE, EVE, FAY, GUS, HAL, IDA, JON, KIM = range(1, 12)
NAMES = dict(enumerate(("Ann", "Bob", "Cyd", "Dee", "Eve", "Fay", "Gus", "Hal", "Ida", "Jon", "Kim"), 1))
JOINED = {
    ANN: "2025-11-01T00:00:00Z",
    BOB: "2025-12-01T00:00:00Z",
    CYD: "2025-12-15T00:00:00Z",
    DEE: "2026-02-20T00:00:00Z",
    EVE: "2025-10-01T00:00:00Z",
    FAY: "2026-01-20T00:00:00Z",
    GUS: "2025-12-05T00:00:00Z",
    HAL: "2026-03-02T08:00:00Z",
    IDA: "2025-06-01T00:00:00Z",
    JON: "2024-01-01T00:00:00Z",
    KIM: "2024-02-01T00:00:00Z",
}
CANCELLED = {BOB: "2026-01-10T00:00:00Z", GUS: "2026-02-01T00:00:00Z"}
CANCELLED_LATER = {
    **CANCELLED,
    DEE: "2026-03-02T12:00:00Z",
    GUS: "2026-03-03T06:00:00Z",
    HAL: "2026-03-03T10:00:00Z",
}
BLOG = "https://www.blog.example/post?utm_source=letter&utm_medium=email"
_NO_SOURCE = dict.fromkeys(
    ("referrer", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "source_type", "source_name",
     "source_mechanism", "source_mechanism_id")
)  # fmt: skip
ATTRIBUTION = {
    ANN: {**_NO_SOURCE, "referrer": "https://search.example/", "source_type": "form_subscription"},
    BOB: {**_NO_SOURCE, "source_type": "form_subscription", "source_name": "Guide", "source_mechanism": "landing_page"},
}
_NOWHERE = dict.fromkeys(("city", "state", "country", "latitude", "longitude", "timezone"))
LOCATION = {
    ANN: {**_NOWHERE, "city": "Kyoto", "state": "Kyoto", "country": "Japan"},
    BOB: {**_NOWHERE, "country": "Japan"},
    FAY: {**_NOWHERE, "state": "Bahia", "country": "Brazil"},
}

PEOPLE, PAST = whole("subscribers", "v4"), Slice("subscribers", "v4/subscribers/cancelled")
FORM, TAG, SEQUENCE = (members(kind, key, "v4") for kind, key in (("form", "70"), ("tag", "7"), ("sequence", "90")))


def person(key: int, cancelled: dict[int, str]) -> dict[str, Any]:
    """Return a person as the list of everybody shows it."""
    return {
        "id": key,
        "first_name": NAMES[key],
        "email_address": f"{NAMES[key]}@Example.com",
        "state": "cancelled" if key in cancelled else "bounced" if key == CYD else "active",
        "created_at": JOINED[key],
        "fields": {},
        "attribution": ATTRIBUTION.get(key),
        "location": LOCATION.get(key),
    }


def everybody(people: list[int], cancelled: dict[int, str]) -> dict[Slice, list[Any]]:
    """Return the two lists of people; that of the cancelled ones has the dates."""
    shown = {key: person(key, cancelled) for key in people}
    past = [{**shown[key], "canceled_at": cancelled[key]} for key in people if key in cancelled]
    return {PEOPLE: [*shown.values()], PAST: past}


def member(key: int, **more: Any) -> dict[str, Any]:
    """Return a person as a list of members shows it."""
    return {"id": key, "first_name": NAMES[key], "email_address": f"{NAMES[key]}@Example.com", **more}


def engaged(
    key: int, sent: int, opened: int, clicked: int, last_opened: str | None, last_clicked: str | None = None
) -> dict[str, Any]:
    """Return the figures of a person over 90 days; the last email was sent on 28 February."""
    stats: dict[str, float] = {"sent": sent, "opened": opened, "clicked": clicked, "bounced": 0}
    stats |= {"open_rate": opened / sent if sent else 0.0, "click_rate": clicked / sent if sent else 0.0}
    times = {"last_sent": "2026-02-28T00:00:00Z" if sent else None, "last_opened": last_opened}
    times |= {"last_clicked": last_clicked}
    return {"id": key, "stats": {**stats, **times, "sends_since_last_open": sent, "sends_since_last_click": sent}}


def email(key: int, position: int, *, published: bool, delay: tuple[int, str], **stats: int) -> dict[str, Any]:
    """Return an email of a sequence with its figures."""
    value, unit = delay
    told = {"id": key, "sequence_id": 90, "subject": f"Part {position + 1}", "published": published}
    return {**told, "position": position, "delay_value": value, "delay_unit": unit, "stats": stats}


def link(key: int, url: str, clicks: int, rate: float) -> dict[str, Any]:
    """Return a link of a broadcast with its clicks; the rate is a fraction of deliveries."""
    return {"id": key, "url": url, "unique_clicks": clicks, "click_to_delivery_rate": rate, "click_to_open_rate": 0.5}


def sent(key: int, recipients: int, open_rate: float, **more: Any) -> dict[str, Any]:
    """Return the figures of a broadcast."""
    stats = {"recipients": recipients, "open_rate": open_rate, "click_rate": 20.0, "total_clicks": 4}
    return {"id": key, "stats": {**stats, "unsubscribes": 0, "status": "completed", "progress": 100.0, **more}}


NO_FIGURES = {"recipients": 0, "opens": 0, "clicks": 0, "email_unsubscribes": 0, "bounces": 0, "complaints": 0}
FIRST = {"recipients": 10, "opens": 5, "clicks": 2, "email_unsubscribes": 1, "bounces": 1, "complaints": 0}
THIRD = {"recipients": 4, "opens": 1, "clicks": 0, "email_unsubscribes": 0, "bounces": 0, "complaints": 0}
PURCHASE = {
    "id": 201, "transaction_id": "t", "status": "paid", "email_address": "fay@example.com", "subscriber_id": FAY,
    "currency": "USD", "transaction_time": "2026-02-01T00:00:00Z", "subtotal": 30.0, "discount": 0.0, "tax": 0.0,
    "total": 30.0, "products": [],
}  # fmt: skip
MAILINGS = {
    whole("broadcasts", "v4"): [
        {"id": 301, "subject": "News", "created_at": "2026-02-26T00:00:00Z", "send_at": "2026-02-27T10:00:00Z",
         "status": "completed"},
        {"id": 302, "subject": "Untracked", "created_at": "2026-02-20T00:00:00Z", "send_at": "2026-02-21T10:00:00Z",
         "status": "completed"},
        {"id": 303, "subject": "Old", "created_at": "2020-01-01T00:00:00Z", "send_at": "2020-01-02T10:00:00Z",
         "status": "completed"},
        {"id": 304, "subject": "Soon", "created_at": "2026-02-28T00:00:00Z", "send_at": "2026-03-20T10:00:00Z",
         "status": "scheduled"},
    ],
    whole("broadcast_stats", "v4"): [sent(301, 10, 50.0), sent(302, 8, 0.0, click_tracking_disabled=True)],
    links_of(301): [
        link(31, "https://www.shop.example/a?utm_source=kit#top", 1, 0.1),
        link(32, "https://Shop.example/b", 3, 0.3),
    ],
    links_of(302): [link(33, "https://shop.example/a", 0, 0.0)],
    emails_of(90): [
        email(91, 0, published=True, delay=(1, "days"), **FIRST),
        email(92, 1, published=False, delay=(5, "days"), **NO_FIGURES),
        email(93, 2, published=True, delay=(12, "hours"), **THIRD),
    ],
}  # fmt: skip


def newer_account(root: Path, **settings: Any) -> LogBuilder:
    """Return the account, pulled three times and published with its models."""
    log = LogBuilder(root)
    ida, jon = (member(key, tagged_at="2025-07-01T00:00:00Z") for key in (IDA, JON))
    first = [ANN, BOB, CYD, DEE, EVE, FAY, GUS, IDA, JON, KIM]
    pulled(
        log,
        0,
        {
            whole("account", "v4"): [
                {"account": {"id": 1, "name": "Newer", "primary_email_address": "kai@example.com"},
                 "primary_email_address": "kai@example.com"}
            ],
            whole("forms", "v4"): [{"id": 70, "name": "Guide", "type": "embed"}],
            whole("tags", "v4"): [{"id": 7, "name": "VIP"}],
            whole("sequences", "v4"): [{"id": 90, "name": "Welcome"}, {"id": 91, "name": "Empty"}],
            **everybody(first, CANCELLED),
            FORM: [member(ANN, added_at=JOINED[ANN], referrer=BLOG), member(FAY, added_at=JOINED[FAY], referrer=BLOG)],
            TAG: [ida, jon],
            SEQUENCE: [
                member(BOB, added_at="2025-12-02T00:00:00Z"),
                member(GUS, added_at="2026-01-15T00:00:00Z"),
                member(JON, added_at="2025-07-01T00:00:00Z"),
            ],
            **MAILINGS,
            engagement(90): [
                engaged(ANN, 10, 5, 1, "2026-02-27T00:00:00Z", "2026-02-27T01:00:00Z"),
                engaged(DEE, 1, 0, 0, None),
                engaged(EVE, 5, 0, 0, None),
                engaged(FAY, 3, 1, 0, "2026-01-25T00:00:00Z"),
                engaged(IDA, 5, 1, 0, "2025-12-05T00:00:00Z"),
                engaged(JON, 4, 0, 0, None),
                engaged(KIM, 0, 0, 0, None),
            ],
            whole("purchases", "v4"): [PURCHASE],
        },
    )  # fmt: skip
    pulled(log, 3, {**everybody([*first, HAL], CANCELLED_LATER), TAG: [jon, gone(IDA)]})
    pulled(
        log,
        7,
        {
            **everybody([ANN, BOB, CYD, DEE, FAY, GUS, IDA, JON, KIM, HAL], CANCELLED_LATER),
            BY_ID_V4: [gone(EVE)],
            TAG: [member(IDA, tagged_at="2026-03-05T00:00:00Z"), jon],
            engagement(90): [
                engaged(ANN, 9, 4, 1, "2026-03-05T00:00:00Z", "2026-02-27T01:00:00Z"),
                engaged(FAY, 3, 1, 0, "2026-01-25T00:00:00Z"),
                engaged(IDA, 5, 0, 0, None),
                engaged(JON, 4, 0, 0, None),
                engaged(KIM, 0, 0, 0, None),
            ],
        },
    )
    publish(Config(root, "the test", models=ModelsConfig(**{"minimum_support": 2, **settings})), log.folder)
    return log
