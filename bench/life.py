"""Simulate an account's day: people join, change and leave, at moments all over the day."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from random import Random

from bench.clock import RunningClock
from kit_sandbox import World, edits
from kit_sandbox.records import Kind

DAY_SECONDS = 86_400
STATS_GROW_FOR = timedelta(days=7)
DAYS_BETWEEN_MAILS = 3

# How many people each event affects in a day, by the name of the event.
Mix = Mapping[str, int]
Event = Callable[[World, Random, int], object]

# A day of the reference account: about 300 people.
NIGHT: Mix = {
    "sign_up": 60,
    "edit": 120,
    "cancel": 20,
    "tag": 80,
    "join": 8,
    "readdress": 4,
    "reactivate": 1,
    "untag": 2,
    "delete": 1,
    "bounce": 1,
    "buy": 2,
}
# The same without removals and deletions.
QUIET: Mix = {**NIGHT, "untag": 0, "delete": 0}
# 300 people whose account hardly grows, so that a thousand such days can be compared.
STEADY: Mix = {**NIGHT, "sign_up": 10, "edit": 240, "cancel": 8, "tag": 27, "join": 4, "buy": 1}


def scaled(mix: Mix, share: float) -> Mix:
    """Return the same day of a smaller account: every event still happens at least once."""
    return {name: max(1, round(count * share)) if count else 0 for name, count in mix.items()}


def live(world: World, clock: RunningClock, random: Random, mix: Mix, day: int, seconds: float = DAY_SECONDS) -> int:
    """Simulate one day, or the same in so many seconds; return how many people were affected."""
    drawn = _drawn(world, random)
    events = [
        partial(event, world, random, next(drawn)) for name, event in EVENTS.items() for _ in range(mix.get(name, 0))
    ]
    random.shuffle(events)
    for event in events:
        clock.advance(seconds / (len(events) + 1))
        event()
    clock.advance(seconds / (len(events) + 1))
    mail(world, is_new_due=day % DAYS_BETWEEN_MAILS == 1)
    return len(events)


def _drawn(world: World, random: Random) -> Iterator[int]:
    """Yield active people, each once."""
    active = [person.id for person in world.subscribers.values() if person.state == "active"]
    return iter(random.sample(active, min(len(active), 1_000)))


# -- people


def sign_up(world: World, random: Random, drawn: int) -> None:
    """Add a person through a form, and every second one to a sequence."""
    number = world.last_ids["subscriber"]
    person = edits.add_subscriber(world, f"new.{number}@example.com", "Noor", fields={"plan": "free"})
    _join(world, random, "form", person)
    if random.random() < 0.5:
        _join(world, random, "sequence", person)


def edit(world: World, random: Random, person: int) -> None:
    """Change the value of a custom field to a new one."""
    edits.set_field(world, person, "company", f"Company {random.randrange(10**9)}")


def cancel(world: World, random: Random, person: int) -> None:
    """Unsubscribe a person."""
    edits.cancel(world, person)


def readdress(world: World, random: Random, person: int) -> None:
    """Change a person's address."""
    edits.set_email(world, person, f"moved.{person}.{random.randrange(10**9)}@example.com")


def reactivate(world: World, random: Random, drawn: int) -> None:
    """Reactivate a person who had cancelled."""
    cancelled = [person.id for person in world.subscribers.values() if person.state == "cancelled"]
    edits.reactivate(world, random.choice(cancelled))


def bounce(world: World, random: Random, person: int) -> None:
    """Remove a person from every list of people without cancelling."""
    edits.bounce(world, person)


def delete(world: World, random: Random, person: int) -> None:
    """Delete a person as the owner would, with all memberships."""
    edits.delete_subscriber(world, person)


def buy(world: World, random: Random, person: int) -> None:
    """Add an order."""
    edits.add_purchase(world, world.subscribers[person].email_address, total=29.0)


# -- memberships


def tag(world: World, random: Random, person: int) -> None:
    """Add a tag to a person."""
    _join(world, random, "tag", person)


def join(world: World, random: Random, person: int) -> None:
    """Add a person to another form."""
    _join(world, random, "form", person)


def untag(world: World, random: Random, drawn: int) -> None:
    """Remove a tag from a person; large tags lose the most."""
    tag_id = _by_size(world, random, "tag", [key for key in world.parents["tag"] if world.rosters["tag", key].members])
    edits.untag(world, random.choice(list(world.rosters["tag", tag_id].members)), tag_id)


def finish(world: World, random: Random, drawn: int) -> None:
    """Let a person finish a sequence and leave it."""
    filled = [key for key in world.parents["sequence"] if world.rosters["sequence", key].members]
    sequence = _by_size(world, random, "sequence", filled)
    edits.finish_sequence(world, next(iter(world.rosters["sequence", sequence].members)), sequence)


def _join(world: World, random: Random, kind: Kind, person: int) -> None:
    """Add the person to a list that lacks them."""
    free = [key for key in world.parents[kind] if person not in world.rosters[kind, key].members]
    if free:
        list_id = _by_size(world, random, kind, free)
        match kind:
            case "tag":
                edits.tag(world, person, list_id)
            case "form":
                edits.join_form(world, person, list_id)
            case "sequence":
                edits.join_sequence(world, person, list_id)


def _by_size(world: World, random: Random, kind: Kind, keys: list[int]) -> int:
    """Return one of these lists, large ones most often."""
    return random.choices(keys, [len(world.rosters[kind, key].members) + 1 for key in keys])[0]


EVENTS: Mapping[str, Event] = {
    "sign_up": sign_up,
    "edit": edit,
    "cancel": cancel,
    "tag": tag,
    "join": join,
    "readdress": readdress,
    "reactivate": reactivate,
    "untag": untag,
    "delete": delete,
    "bounce": bounce,
    "buy": buy,
    "finish": finish,
}

# -- broadcasts


def mail(world: World, *, is_new_due: bool) -> None:
    """Send what was scheduled or being sent, add readers to young broadcasts, and now and then create one."""
    now = world.now()
    for broadcast in list(world.broadcasts.values()):
        if broadcast.status == "sending":
            edits.set_broadcast_status(world, broadcast.id, "completed")
            edits.set_stats(world, broadcast.id, progress=100.0)
        elif broadcast.status == "scheduled" and datetime.fromisoformat(broadcast.details["send_at"]) <= now:
            edits.send_broadcast(world, broadcast.id)
        elif broadcast.status == "completed" and broadcast.created_ms > world.ms(now - STATS_GROW_FOR):
            edits.grow_stats(world, broadcast.id, opens=0.25, clicks=3)
    if is_new_due:
        edits.send_broadcast(world, edits.add_broadcast(world, f"Mail of {now:%d %B %Y}", "<p>Hello</p>"))
