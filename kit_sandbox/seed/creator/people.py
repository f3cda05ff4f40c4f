"""Who signs up and confirms, and how people and what is known of them change."""

from functools import partial

from ... import edits
from ...extras import Person, Reader
from ...records import Json
from . import growth, sequences
from .growth import Source
from .names import BAKERIES, draw_address, draw_name, draw_place, location_of
from .story import DAY_MS, HOUR_MS, MINUTE_MS, Member, Story

_HOURS = (2, 1, 1, 1, 1, 2, 3, 4, 4, 4, 4, 5, 6, 7, 7, 7, 7, 8, 8, 8, 7, 6, 5, 3)
"""How sign-ups are spread over the hours of a day (UTC)."""


def plan_arrivals(story: Story, age: int, midnight_ms: int, weight: float, draw: Source | None = None) -> None:
    """Put the sign-ups of a day into the queue."""
    for _ in range(growth.draw_count(story.random, story.per_weight * weight)):
        hour = story.random.choices(range(24), _HOURS)[0]
        moment_ms = midnight_ms + hour * HOUR_MS + story.random.randrange(3_600) * 1_000
        story.life.at(moment_ms, lambda: arrive(story, age, draw))


def arrive(story: Story, age: int, source: Source | None = None) -> int:
    """Somebody joins the list."""
    world, random = story.world, story.random
    source = source or growth.draw_source(random, age, world.now().date())
    place = draw_place(random)
    first, last = draw_name(random, place.language)
    address = _free_address(story, first, last)
    is_confirmed = source.mechanism == "import" or random.random() < 0.95
    person_id = edits.add_subscriber(
        world, address, first if random.random() < 0.84 else None, "active" if is_confirmed else "inactive"
    )
    now = world.ms()
    story.members[person_id] = Member(source, place, last, now, now)
    _describe(story, person_id, source)
    if source.form:
        edits.join_form(world, person_id, story.forms[source.form], referrer=_landing(source))
    _label(story, person_id, source)
    if is_confirmed and source.mechanism != "import":
        sequences.begin(story, person_id, "Welcome")
    elif not is_confirmed and random.random() < 0.3:
        story.after(random.uniform(2, 60) * HOUR_MS, lambda: _confirm(story, person_id))
    return person_id


def _free_address(story: Story, first: str, last: str) -> str:
    """An address that nobody has or had."""
    address, most = draw_address(story.random, first, last), 99
    while address in story.world.by_email or address in story.addresses:
        address = draw_address(story.random, first, last).replace("@", f"{story.random.randrange(2, most)}@")
        most *= 2
    story.addresses.add(address)
    return address


def _describe(story: Story, person_id: int, source: Source) -> None:
    """How somebody reads, where they came from and where they live; the API learns the city of most."""
    random, extras = story.random, story.world.extras
    mean = source.openness / 1_000
    openness = int(1_000 * random.betavariate(mean * 3.2, (1 - mean) * 3.2))
    cold_ms = story.world.ms() + int(random.expovariate(1 / source.fades_days) * DAY_MS)
    extras.readers[person_id] = Reader(openness, cold_ms)
    member = story.members[person_id]
    location = location_of(member.place) if random.random() < 0.88 else None
    extras.people[person_id] = Person(_attribution(story, source), location, True, True)


def _attribution(story: Story, source: Source) -> dict[str, Json]:
    utm_source, utm_medium, utm_campaign = source.utm or (None, None, None)
    form_id = story.forms.get(source.form)
    return {
        "referrer": source.referrer,
        "utm_source": utm_source,
        "utm_medium": utm_medium,
        "utm_campaign": utm_campaign,
        "utm_term": None,
        "utm_content": None,
        "source_type": "form_subscription" if form_id else "manual",
        "source_name": source.form or None,
        "source_mechanism": source.mechanism,
        "source_mechanism_id": form_id,
    }


def _landing(source: Source) -> str | None:
    """The page before the form, with the campaign if there was one."""
    if source.utm is None or source.referrer is None:
        return source.referrer
    names = zip(("utm_source", "utm_medium", "utm_campaign"), source.utm, strict=True)
    return source.referrer + "?" + "&".join(f"{name}={value}" for name, value in names if value)


def _label(story: Story, person_id: int, source: Source) -> None:
    label = {"Starter rescue checklist": "Lead: checklist", "Stand mixer giveaway": "Lead: giveaway"}.get(source.form)
    if source.mechanism == "import":
        label = "First readers"
    if label:
        story.tag(person_id, label)


def _confirm(story: Story, person_id: int) -> None:
    if person_id in story.world.subscribers and story.world.subscribers[person_id].state == "inactive":
        edits.reactivate(story.world, person_id)
        sequences.begin(story, person_id, "Welcome")


def plan_changes(story: Story, midnight_ms: int) -> None:
    """Now and then somebody moves to another address, tells their company, or asks to be deleted."""
    random = story.random
    for chance, change in ((0.05, _move), (0.07, _tell_company), (0.012, _delete)):
        if random.random() < chance * min(3.0, len(story.members) / 1_000):
            moment_ms = midnight_ms + random.randrange(8 * 60, 20 * 60) * MINUTE_MS
            story.life.at(moment_ms, partial(change, story))


def _drawn(story: Story) -> int | None:
    people = story.readers()
    return story.random.choice(people) if people else None


def _move(story: Story) -> None:
    person_id = _drawn(story)
    if person_id is not None:
        person = story.world.subscribers[person_id]
        first = (person.first_name or "post").lower()
        edits.set_email(story.world, person_id, _free_address(story, first, story.members[person_id].last_name))


def _tell_company(story: Story) -> None:
    """Professionals tell where they bake; some change it later."""
    field_id = story.world.field_named("company").id
    known = [person_id for person_id in story.readers() if story.world.subscribers[person_id].values.get(field_id)]
    is_change = known and story.random.random() < 0.35
    person_id = story.random.choice(known) if is_change else _drawn(story)
    if person_id is not None:
        edits.set_field(story.world, person_id, "company", story.random.choice(BAKERIES))


def _delete(story: Story) -> None:
    """A person who has left asks to be forgotten."""
    gone = [row.id for row in story.world.subscribers.values() if row.state == "cancelled"]
    if gone:
        person_id = story.random.choice(gone)
        edits.delete_subscriber(story.world, person_id)
        story.members.pop(person_id, None)


def mark_cold(story: Story) -> None:
    """Tag those who opened nothing for 90 days, and untag those who read again, as an automation does each month."""
    now = story.world.ms()
    for person_id in story.readers():
        member = story.members[person_id]
        is_cold = now - max(member.opened_ms, member.joined_ms) > 90 * DAY_MS
        if is_cold and not story.has_tag(person_id, "Cold: 90 days"):
            story.tag(person_id, "Cold: 90 days")
        elif not is_cold and story.has_tag(person_id, "Cold: 90 days"):
            edits.untag(story.world, person_id, story.tag_id("Cold: 90 days"))
