"""An account as Kit's tests find theirs: the ids and addresses of `.env.example`, and as many records as they count."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from kit_sandbox import World, edits
from kit_sandbox.clock import system_clock
from kit_sandbox.details import mailings
from kit_sandbox.extras import PROFILE

Settings = Mapping[str, str]
ZONE = "America/New_York"
_STEPS = {"subscriber": 7, "sequence_email": 3, "email_template": 3, "snippet": 3}
_CREATED, _JOINED = datetime(2023, 3, 1, tzinfo=UTC), datetime(2023, 6, 1, tzinfo=UTC)


def account(settings: Settings, clock: Callable[[], datetime] = system_clock) -> World:
    """Return the account on a clock that shows the present day, with which the tests compare."""
    world = World(now=clock)
    now = world.now()
    offset = f"{now.astimezone(ZoneInfo(ZONE)):%z}"
    edits.set_time_zone(world, ZONE, "Eastern Time (US & Canada)", f"{offset[:3]}:{offset[3:]}")
    world.extras.profile = PROFILE
    people = _people(world, settings)
    _lists(world, settings, people)
    _sequence_mails(world, settings)
    _broadcasts(world, settings, now, reader_id=people[0])
    _small_lists(world, settings)
    return world


def _start(world: World, kind: str, number: str) -> None:
    """The next record of this kind gets this number."""
    holder = world.last_ids if kind in world.last_ids else world.extras.last_ids
    holder[kind] = int(number) - _STEPS.get(kind, 1)


def _people(world: World, settings: Settings) -> list[int]:
    """Five active people, of whom the first is the tests' own, and a cancelled one; nobody came in the same second."""
    _start(world, "custom_field", settings["CONVERTKIT_API_CUSTOM_FIELD_ID"])
    for label in ("Last Name", "Phone Number", "Notes"):
        edits.add_custom_field(world, label)
    _start(world, "subscriber", settings["CONVERTKIT_API_SUBSCRIBER_ID"])
    addresses = [settings["CONVERTKIT_API_SUBSCRIBER_EMAIL"], *(f"reader{each}@example.com" for each in range(4))]
    moments = [_CREATED + timedelta(days=each) for each in range(len(addresses))]
    active = [
        edits.add_subscriber(world, address, "Tim", created_at=at)
        for address, at in zip(addresses, moments, strict=True)
    ]
    return [*active, edits.add_subscriber(world, "gone@example.com", state="cancelled", created_at=_CREATED)]


def _lists(world: World, settings: Settings, people: list[int]) -> None:
    """Three tags, three forms, two landing pages and two sequences; everybody is in each."""
    _start(world, "tag", settings["CONVERTKIT_API_TAG_ID"])
    edits.add_tag(world, settings["CONVERTKIT_API_TAG_NAME"])
    _start(world, "tag", settings["CONVERTKIT_API_TAG_ID_2"])
    edits.add_tag(world, settings["CONVERTKIT_API_TAG_NAME_2"])
    edits.add_tag(world, "readers")
    for number in (settings["CONVERTKIT_API_FORM_ID"], settings["CONVERTKIT_API_FORM_ID_2"]):
        _start(world, "form", number)
        edits.add_form(world, f"Form {number}", format="inline")
    edits.add_form(world, "Footer", format="inline")
    for name in ("Landing page", "Webinar"):
        edits.add_form(world, name, type="hosted")
    _start(world, "sequence", settings["CONVERTKIT_API_SEQUENCE_ID"])
    for name in ("Sequence", "Another sequence"):
        edits.add_sequence(world, name)
    for person_id in people:
        for tag_id in world.parents["tag"]:
            edits.tag(world, person_id, tag_id, _JOINED)
        for form_id in world.parents["form"]:
            edits.join_form(world, person_id, form_id, _JOINED)
        for sequence_id in world.parents["sequence"]:
            edits.join_sequence(world, person_id, sequence_id, _JOINED)


def _sequence_mails(world: World, settings: Settings) -> None:
    """Two mails."""
    _start(world, "sequence_email", settings["CONVERTKIT_API_SEQUENCE_EMAIL_ID"])
    for subject in ("Hello", "Again"):
        edits.add_sequence_email(world, int(settings["CONVERTKIT_API_SEQUENCE_ID"]), subject, content="<p>Hello</p>")


def _broadcasts(world: World, settings: Settings, now: datetime, reader_id: int) -> None:
    """Twelve mails with stats, four of them of the last four years, and three posts; the tests' own has one link."""
    own, post = int(settings["CONVERTKIT_API_BROADCAST_ID"]), int(settings["CONVERTKIT_API_POST_ID"])
    old, recent = now - timedelta(days=365 * 4.5), now - timedelta(days=365)
    _start(world, "broadcast", str(own))
    for _ in range(8):
        _sent(world, old, is_public=False)
    _start(world, "broadcast", str(post + mailings.POST_OFFSET))
    newest = [_sent(world, recent, is_public=place < 3) for place in range(4)]
    edits.open_broadcast(world, reader_id, newest[-1])
    for world.extras.seed in count():
        if len(mailings.links(world, world.broadcasts[own])) == 1:
            break


def _sent(world: World, at: datetime, is_public: bool) -> int:
    broadcast_id = edits.add_broadcast(world, "News", "<p>News</p>", send_at=at, public=is_public)
    edits.set_broadcast_status(world, broadcast_id, "completed")
    edits.set_stats(world, broadcast_id, recipients=1, progress=100.0)
    return broadcast_id


def _small_lists(world: World, settings: Settings) -> None:
    """What the account has besides: templates, snippets in use and an archived one, segments and purchases."""
    _start(world, "email_template", settings["CONVERTKIT_API_EMAIL_TEMPLATE_ID"])
    edits.add_email_template(world, "Letter")
    _start(world, "snippet", settings["CONVERTKIT_API_SNIPPET_ID"])
    for name in ("Signature", "Address"):
        edits.add_snippet(world, name, "<p>Bye</p>")
    edits.edit_snippet(world, edits.add_snippet(world, "Old signature"), archived=True)
    for name in ("Hot", "Warm", "Cold"):
        edits.add_segment(world, name)
        edits.add_purchase(world, settings["CONVERTKIT_API_SUBSCRIBER_EMAIL"])
