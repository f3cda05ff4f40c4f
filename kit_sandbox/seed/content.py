"""What v4 alone shows of a generated account: segments, templates, snippets, and the mails of sequences."""

from random import Random

from .. import edits
from ..extras import PROFILE, SequenceEmail, Snippet
from ..world import World
from .people import Span

_SEGMENTS = ("Engaged 90 days", "Buyers", "Cold", "Readers in Europe")
_SNIPPETS = ("Signature", "Sponsor block", "Bücher ✨ list", "Old footer")


def make_content(world: World, seed: int, span: Span) -> None:
    """Adds the records of v4; draws from a generator of its own, so that those of v3 stay what they were."""
    random, extras = Random(f"{seed} content"), world.extras
    extras.seed, extras.profile, extras.account_created_ms = seed, PROFILE, span.start_ms
    edits.add_email_template(world, "Acme letter")
    edits.add_email_template(world, "Story two", "Starting point")
    for name in _SEGMENTS:
        segment_id = edits.add_segment(world, name)
        extras.segments[segment_id] = extras.segments[segment_id]._replace(created_ms=span.at(random.random()))
    for number, name in enumerate(_SNIPPETS):
        _add_snippet(world, name, number, span.at(random.random() * 0.8))
    for sequence_id in list(world.parents["sequence"]):
        _fill_sequence(world, random, sequence_id)
    _add_endpoint(world, span.at(0.9))
    world.past.clear()  # an account that is new to us did not come to be within the lag


def _add_snippet(world: World, name: str, number: int, created_ms: int) -> None:
    snippet_id = world.extras.next_id("snippet")
    kind, is_archived = ("inline", "block")[number % 2], number == len(_SNIPPETS) - 1
    content, key = f"<p>{name}</p>", f"snippet-{number}"
    made = Snippet(snippet_id, name, key, content, created_ms, created_ms + 5_000, kind, is_archived)
    world.extras.snippets[snippet_id] = made


def _add_endpoint(world: World, created_ms: int) -> None:
    endpoint_id = edits.add_webhook_endpoint(world, "Shop", "https://shop.example.com/kit", ("subscriber.created",))
    endpoint = world.extras.webhook_endpoints[endpoint_id]
    world.extras.webhook_endpoints[endpoint_id] = endpoint._replace(created_ms=created_ms)


def _fill_sequence(world: World, random: Random, sequence_id: int) -> None:
    """Up to seven mails, days apart or hours; one in five is not published yet."""
    world.extras.sequence_updated_ms[sequence_id] = world.parents["sequence"][sequence_id].created_ms + 86_400_000
    for position in range(random.randrange(8)):
        email_id, is_hourly = world.extras.next_id("sequence_email"), random.random() < 0.3
        world.extras.sequence_emails[email_id] = SequenceEmail(
            email_id,
            sequence_id,
            f"Part {position + 1}",
            position,
            preview_text="The next step" if random.random() < 0.5 else None,
            content=f"<p>Hello, this is part {position + 1}.</p>",
            email_template_id=random.choice((None, 6)),
            published=random.random() < 0.8,
            delay_value=random.randrange(1, 5),
            delay_unit="hours" if is_hourly else "days",
            send_days=None if is_hourly else ("monday", "wednesday", "friday"),
        )
