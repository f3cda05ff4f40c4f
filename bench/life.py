"""What happens to an account in a day: people come, change and go, at moments all over the day."""

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

# How many people something happens to in a day, by the name of the event.
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
    """The same day of a smaller account: what happened at all still happens once."""
    return {name: max(1, round(count * share)) if count else 0 for name, count in mix.items()}


def live(world: World, clock: RunningClock, random: Random, mix: Mix, day: int, seconds: float = DAY_SECONDS) -> int:
    """One day passes, or the same in so many seconds; tells how many people something happened to."""
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
    """Active people, each once."""
    active = [person.id for person in world.subscribers.values() if person.state == "active"]
    return iter(random.sample(active, min(len(active), 1_000)))


# -- people


def sign_up(world: World, random: Random, drawn: int) -> None:
    """A new person, through a form, and every second one into a sequence."""
    number = world.last_ids["subscriber"]
    person = edits.add_subscriber(world, f"new.{number}@example.com", "Noor", fields={"plan": "free"})
    _join(world, random, "form", person)
    if random.random() < 0.5:
        _join(world, random, "sequence", person)


def edit(world: World, random: Random, person: int) -> None:
    """Another value of a custom field, which nobody had before."""
    edits.set_field(world, person, "company", f"Company {random.randrange(10**9)}")


def cancel(world: World, random: Random, person: int) -> None:
    """Unsubscribes."""
    edits.cancel(world, person)


def readdress(world: World, random: Random, person: int) -> None:
    """Has a new address."""
    edits.set_email(world, person, f"moved.{person}.{random.randrange(10**9)}@example.com")


def reactivate(world: World, random: Random, drawn: int) -> None:
    """Somebody who had cancelled comes back."""
    cancelled = [person.id for person in world.subscribers.values() if person.state == "cancelled"]
    edits.reactivate(world, random.choice(cancelled))


def bounce(world: World, random: Random, person: int) -> None:
    """Leaves every list of people without having cancelled."""
    edits.bounce(world, person)


def delete(world: World, random: Random, person: int) -> None:
    """Is deleted by the owner, with all memberships."""
    edits.delete_subscriber(world, person)


def buy(world: World, random: Random, person: int) -> None:
    """Orders something."""
    edits.add_purchase(world, world.subscribers[person].email_address, total=29.0)


# -- memberships


def tag(world: World, random: Random, person: int) -> None:
    """Gets one more tag."""
    _join(world, random, "tag", person)


def join(world: World, random: Random, person: int) -> None:
    """Fills in one more form."""
    _join(world, random, "form", person)


def untag(world: World, random: Random, drawn: int) -> None:
    """Somebody loses a tag; large tags lose the most."""
    tag_id = _by_size(world, random, "tag", [key for key in world.parents["tag"] if world.rosters["tag", key].members])
    edits.untag(world, random.choice(list(world.rosters["tag", tag_id].members)), tag_id)


def finish(world: World, random: Random, drawn: int) -> None:
    """Somebody gets the last mail of a sequence and leaves it."""
    filled = [key for key in world.parents["sequence"] if world.rosters["sequence", key].members]
    sequence = _by_size(world, random, "sequence", filled)
    edits.finish_sequence(world, next(iter(world.rosters["sequence", sequence].members)), sequence)


def _join(world: World, random: Random, kind: Kind, person: int) -> None:
    """Into a list that does not have the person yet."""
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
    """One of these lists; large ones the most often."""
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

# -- mails


def mail(world: World, *, is_new_due: bool) -> None:
    """What was scheduled or under way is sent, young mails find readers, and now and then there is a new one."""
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
