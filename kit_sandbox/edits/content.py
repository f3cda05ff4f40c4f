"""Edits of segments, templates, snippets and webhook endpoints, which v4 alone shows."""

from collections.abc import Iterable
from datetime import datetime

from ..extras import EmailTemplate, Segment, Snippet, WebhookEndpoint
from ..records import Json
from ..world import World
from .registry import edit


@edit
def add_segment(world: World, /, name: str, created_at: datetime | None = None) -> int:
    segment_id = world.extras.next_id("segment")
    world.extras.segments[segment_id] = Segment(segment_id, name, world.ms(created_at))
    return segment_id


@edit
def rename_segment(world: World, /, segment_id: int, name: str) -> None:
    world.extras.segments[segment_id] = world.extras.segments[segment_id]._replace(name=name)


@edit
def delete_segment(world: World, /, segment_id: int) -> None:
    del world.extras.segments[segment_id]


@edit
def add_email_template(world: World, /, name: str, category: str = "HTML") -> int:
    template_id = world.extras.next_id("email_template")
    world.extras.email_templates[template_id] = EmailTemplate(template_id, name, category=category)
    return template_id


@edit
def delete_email_template(world: World, /, template_id: int) -> None:
    """Mails that have it still tell its name, with the id 0."""
    del world.extras.email_templates[template_id]


@edit
def add_snippet(
    world: World, /, name: str, content: str = "", snippet_type: str = "inline", created_at: datetime | None = None
) -> int:
    snippet_id, created_ms = world.extras.next_id("snippet"), world.ms(created_at)
    key = "-".join(name.lower().split())
    world.extras.snippets[snippet_id] = Snippet(snippet_id, name, key, content, created_ms, created_ms, snippet_type)
    return snippet_id


@edit
def edit_snippet(world: World, /, snippet_id: int, **changes: Json) -> None:
    """Changes name, content or archived, and the time of the snippet."""
    row = world.extras.snippets[snippet_id]
    world.extras.snippets[snippet_id] = row._replace(**{"updated_ms": world.ms(), **changes})


@edit
def delete_snippet(world: World, /, snippet_id: int) -> None:
    del world.extras.snippets[snippet_id]


@edit
def add_webhook_endpoint(world: World, /, name: str, url: str, events: Iterable[str]) -> int:
    endpoint_id = world.extras.next_id("webhook_endpoint")
    made = WebhookEndpoint(endpoint_id, name, url, tuple(events), world.ms())
    world.extras.webhook_endpoints[endpoint_id] = made
    return endpoint_id


@edit
def edit_webhook_endpoint(world: World, /, endpoint_id: int, **changes: Json) -> None:
    """Change any of its columns, or until when the secret before the present one is accepted."""
    row = world.extras.webhook_endpoints[endpoint_id]
    world.extras.webhook_endpoints[endpoint_id] = row._replace(**changes)


@edit
def delete_webhook_endpoint(world: World, /, endpoint_id: int) -> None:
    del world.extras.webhook_endpoints[endpoint_id]
