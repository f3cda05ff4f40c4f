"""API v4's shape of every record, its keys in the order of the documents; times in whole seconds."""

import re
from datetime import UTC, datetime
from typing import Any

from ..details import mailings, people, sequences
from ..details.engagement import Mailings, figures
from ..extras import EmailTemplate, Segment, SequenceEmail, Snippet, WebhookEndpoint
from ..records import Broadcast, CustomField, Hook, Parent, Purchase, Subscriber, Subscription
from ..serializers import ACCOUNT_ID
from ..world import World

Payload = dict[str, Any]
USER_ID = 7_654_321
SLIM_LACKS = ("content", "public_url", "email_address", "email_template", "subscriber_filter")


def whole(ms: int | None) -> str | None:
    """A moment to the second; None for none."""
    return None if ms is None else f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def cut_text(text: Any) -> Any:
    """A time that v3 writes with a fraction, without it; what is no time stays."""
    return re.sub(r"(:\d+)\.\d+Z$", r"\1Z", text) if isinstance(text, str) else text


def created_at(record: Subscriber | Subscription | Parent | Broadcast) -> Any:
    return cut_text(record.created_text) if record.created_text else whole(record.created_ms)


def account(world: World) -> Payload:
    record, address = world.account, world.account.primary_email_address
    limit = int(world.behaviour.v4_subscriber_limit)
    sending = {"email_address": address, "from_name": record.name, "status": "confirmed", "is_default": True}
    plan = {"plan_type": record.plan_type, "interval": "month", "subscriber_limit": limit, "on_trial": False}
    return {
        "user": {"email": address, "id": USER_ID},
        "account": {
            "id": ACCOUNT_ID,
            "name": record.name,
            "plan_type": record.plan_type,
            "primary_email_address": address,
            "created_at": whole(world.extras.account_created_ms),
            "timezone": world.extras.zone._asdict(),
            "sending_addresses": [{**sending, "is_verified": True, "is_dmarc_configured": False}],
            "plan": {**plan, "trial_lapse_date": None, "renews_at": None, "cancels_at": None},
        },
    }


def fields(world: World, record: Subscriber) -> Payload:
    known = {each.key: record.values.get(each.id) for each in world.custom_fields.values()}
    return {**known, **(record.stray_fields or {})}


def subscriber(world: World, record: Subscriber, include: frozenset[str] = frozenset(), slim: bool = False) -> Payload:
    """A person; of what may be included, the tags come from elsewhere."""
    shown = {
        "id": record.id,
        "first_name": record.first_name,
        "email_address": record.email_address,
        "state": record.state,
        "created_at": created_at(record),
    }
    return {**shown, **({} if slim else {"fields": fields(world, record)}), **details(world, record, include)}


def details(world: World, record: Subscriber, include: frozenset[str]) -> Payload:
    """What may be included of a person, as far as it is asked for."""
    shown: Payload = {}
    if "attribution" in include:
        shown["attribution"] = people.attribution(world, record.id)
    if "location" in include:
        shown["location"] = people.location(world, record.id)
    if "canceled_at" in include:
        shown["canceled_at"] = canceled_at(record)
    return shown


def canceled_at(record: Subscriber) -> str | None:
    return whole(record.cancelled_ms) if record.state == "cancelled" else None


def member(world: World, record: Subscriber, row: Subscription, slim: bool = False) -> Payload:
    """A person in the list of a form, a sequence or a tag."""
    shown = subscriber(world, record, slim=slim)
    fields_last = {"fields": shown.pop("fields")} if not slim else {}
    shown["tagged_at" if row.kind == "tag" else "added_at"] = created_at(row)
    if row.kind == "form":
        shown.update(referrer=row.referrer, referrer_utm_parameters=people.utm(row.referrer))
    return {**shown, **fields_last}


def person_tag(tag: Parent, row: Subscription) -> Payload:
    return {"id": tag.id, "name": tag.name, "tagged_at": created_at(row)}


def named(record: Parent) -> Payload:
    """A tag."""
    return {"id": record.id, "name": record.name, "created_at": created_at(record)}


def form(record: Parent) -> Payload:
    known = {name: record.details.get(name) for name in ("type", "format", "embed_js", "embed_url")}
    uid = record.details.get("uid") or f"{record.id:010x}"
    return {**named(record), **known, "archived": bool(record.details.get("archived")), "uid": uid}


def sequence(world: World, record: Parent) -> Payload:
    """A sequence without its counts, which change without it."""
    known = sequences.settings(world, record)
    updated_ms = world.extras.sequence_updated_ms.get(record.id)
    head = {"id": record.id, "name": record.name, "hold": known.pop("hold"), "repeat": known.pop("repeat")}
    times = {"created_at": created_at(record), "updated_at": whole(updated_ms) or created_at(record)}
    return {**head, **times, **known}


def sequence_email(record: SequenceEmail, with_content: bool) -> Payload:
    shown = record._asdict()
    content, shown["send_days"] = shown.pop("content"), list(record.send_days) if record.send_days else None
    return {**shown, "content": content} if with_content else shown


def broadcast(world: World, record: Broadcast, slim: bool = False) -> Payload:
    given, more = record.details, mailings.set_details(world, record)
    template = mailings.template_of(world, record)
    is_public = bool(given.get("public"))
    shown = {
        "id": record.id,
        "publication_id": mailings.publication_id(record),
        "created_at": created_at(record),
        "subject": record.subject,
        "preview_text": more["preview_text"],
        "description": given.get("description"),
        "content": given.get("content"),
        "public": given.get("public"),
        "published_at": cut_text(given.get("published_at")),
        "send_at": cut_text(given.get("send_at")),
        "status": record.status,
        "thumbnail_alt": given.get("thumbnail_alt"),
        "thumbnail_url": given.get("thumbnail_url"),
        "public_url": f"https://acme.ck.page/posts/{record.id}" if is_public else None,
        "email_address": given.get("email_address"),
        "email_template": None if template is None else {"id": template.id, "name": template.name},
        "subscriber_filter": more["subscriber_filter"],
    }
    return {key: value for key, value in shown.items() if not (slim and key in SLIM_LACKS)}


def links(world: World, record: Broadcast) -> list[Payload]:
    """The links of a mail with fractions of three digits."""
    known = mailings.stats(world, record)
    return [
        {
            "id": each.id,
            "url": each.url,
            "unique_clicks": each.unique_clicks,
            "click_to_delivery_rate": _fraction(each.unique_clicks, known["recipients"]),
            "click_to_open_rate": _fraction(each.unique_clicks, known["emails_opened"]),
        }
        for each in mailings.links(world, record)
    ]


def _fraction(part: int, whole_count: int) -> float:
    return round(part / whole_count, 3) if whole_count else 0.0


def post(world: World, record: mailings.Post, with_content: bool = True) -> Payload:
    row = record.broadcast
    shown = {
        "id": record.id,
        "publication_id": mailings.publication_id(row),
        "created_at": created_at(row),
        "title": row.subject,
        "slug": f"post-{row.id}",
        "description": row.details.get("description"),
        "meta_description": None,
        "status": record.status,
        "published_at": cut_text(row.details.get("published_at")),
        "sent_at": cut_text(row.details.get("send_at")) if record.status == "published" else None,
        "thumbnail_alt": row.details.get("thumbnail_alt"),
        "thumbnail_url": row.details.get("thumbnail_url"),
        "is_paid": False,
        "public_url": f"https://acme.ck.page/posts/{row.id}",
        "product_id": None,
    }
    return {**shown, "content": row.details.get("content")} if with_content else shown


def purchase(world: World, record: Purchase) -> Payload:
    """With the buyer's id and a source, without shipping."""
    amounts = {key: record.amounts.get(key) for key in ("subtotal", "discount", "tax", "total")}
    return {
        "id": record.id,
        "transaction_id": record.transaction_id,
        "status": record.status,
        "source": "kit_commerce" if record.transaction_id.startswith("ord-") else "api",
        "email_address": record.email_address,
        "subscriber_id": world.by_email.get(record.email_address.lower()),
        "currency": record.currency,
        "transaction_time": cut_text(record.transaction_text),
        **amounts,
        "products": [dict(line) for line in record.products],
    }


def custom_field(record: CustomField) -> Payload:
    return {"id": record.id, "name": record.name, "key": record.key, "label": record.label}


def segment(record: Segment) -> Payload:
    return {"id": record.id, "name": record.name, "created_at": whole(record.created_ms)}


def email_template(record: EmailTemplate) -> Payload:
    return record._asdict()


def snippet(record: Snippet, with_content: bool = True) -> Payload:
    shown = {
        "id": record.id,
        "name": record.name,
        "snippet_type": record.snippet_type,
        "archived": record.archived,
        "key": record.key,
        "created_at": whole(record.created_ms),
        "updated_at": whole(record.updated_ms),
    }
    document = {"id": record.id * 2, "value": record.content, "value_html": record.content}
    more = {"content": record.content, "document": {**document, "value_plain": record.name, "version": 1}}
    return {**shown, **more} if with_content else shown


def hook(record: Hook) -> Payload:
    """A webhook; the event's name without its prefix."""
    event = {**record.event, "name": str(record.event["name"]).rpartition(".")[2]}
    return {"id": record.id, "account_id": ACCOUNT_ID, "event": event, "target_url": record.target_url}


def webhook_endpoint(record: WebhookEndpoint) -> Payload:
    return {
        "id": record.id,
        "name": record.name,
        "url": record.url,
        "events": list(record.events),
        "status": record.status,
        "source": "api",
        "description": record.description,
        "created_by_app": None,
        "created_at": whole(record.created_ms),
        "previous_secret_expires_at": whole(record.previous_secret_expires_ms),
    }


def engagement(sent: Mailings, record: Subscriber) -> Payload:
    """A person's figures for the mails of a window, the moments as texts."""
    known = figures(sent.to(record))
    return {key: whole(value) if key.startswith("last_") else value for key, value in known.items()}
