"""The daily life of any account: a few people come, buy, get tags and leave, and every week a mail goes out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from random import Random

from .. import edits
from ..records import Kind
from ..world import World
from . import samples
from .life import Life

_HOUR_MS = 3_600_000


@dataclass
class Everyday:
    """What happens on a day, drawn from a seed; more of it in a larger account."""

    world: World
    life: Life
    random: Random

    def plan(self, day: date) -> None:
        """Put the events of a day into the queue; called at its midnight."""
        count = 1 + len(self.world.subscribers) // 1_500
        for event in (self._join, self._buy, self._tag, self._untag, self._cancel):
            for _ in range(self.random.randrange(count + 1)):
                self.life.at(self._moment_ms(), event)
        if day.weekday() == 1:
            self.life.at(self._moment_ms(), self._send)

    def _moment_ms(self) -> int:
        return self.world.ms() + self.random.randrange(24 * 3_600) * 1_000

    def _join(self) -> None:
        """A person comes by a form and begins a sequence."""
        random = self.random
        first, last = random.choice(samples.FIRST_NAMES), random.choice(samples.LAST_NAMES)
        email = f"{first}.{last}.{self.world.last_ids['subscriber']}@{random.choice(samples.DOMAINS)}".lower()
        person_id = edits.add_subscriber(self.world, email, first, fields=None)
        kinds: tuple[Kind, ...] = ("form", "sequence")
        for kind in kinds:
            parent_id = self._parent(kind)
            if parent_id is not None:
                edits.join(self.world, kind, person_id, parent_id)

    def _buy(self) -> None:
        person_id = self._active()
        if person_id is not None:
            name, sku, price = self.random.choice(samples.PRODUCTS)
            line = {"unit_price": price, "quantity": 1, "sku": sku, "name": name, "pid": name, "lid": "1"}
            email = self.world.subscribers[person_id].email_address
            edits.add_purchase(self.world, email, price, self.random.choice(samples.CURRENCIES), products=[line])

    def _tag(self) -> None:
        person_id, tag_id = self._active(), self._parent("tag")
        if person_id is not None and tag_id is not None:
            edits.tag(self.world, person_id, tag_id)

    def _untag(self) -> None:
        tag_id = self._parent("tag")
        members = list(self.world.rosters["tag", tag_id].members) if tag_id is not None else []
        if members and tag_id is not None:
            edits.untag(self.world, self.random.choice(members), tag_id)

    def _cancel(self) -> None:
        person_id = self._active()
        if person_id is not None:
            edits.cancel(self.world, person_id)

    def _send(self) -> None:
        """A mail that is read more each day of the week after."""
        subject = f"{self.random.choice(samples.SUBJECT_STARTS)} {self.random.choice(samples.SUBJECT_ENDS)}"
        broadcast_id = edits.add_broadcast(self.world, subject, f"<p>{subject}</p>")
        edits.send_broadcast(self.world, broadcast_id)
        for day in range(7):
            opens, clicks = self.random.uniform(10, 20) / 2**day, self.random.randrange(8) // 2**day
            grow = self._growing(broadcast_id, opens, clicks)
            self.life.at(self.world.ms() + (6 + 24 * day) * _HOUR_MS, grow)

    def _growing(self, broadcast_id: int, opens: float, clicks: int) -> Callable[[], None]:
        def grow() -> None:
            if broadcast_id in self.world.broadcasts:
                edits.grow_stats(self.world, broadcast_id, opens, clicks)
                person_id = self._active()
                if person_id is not None:
                    edits.open_broadcast(self.world, person_id, broadcast_id)

        return grow

    def _active(self) -> int | None:
        people = [person.id for person in self.world.subscribers.values() if person.state == "active"]
        return self.random.choice(people) if people else None

    def _parent(self, kind: Kind) -> int | None:
        parents = list(self.world.parents[kind])
        return self.random.choice(parents) if parents else None


def give_life(world: World, seed: int, begins_on: date) -> None:
    """Let an account live from a day on, whenever its clock is moved; draws from a generator of its own."""
    life = Life(world, begins_on)
    life.planner = Everyday(world, life, Random(f"{seed} everyday")).plan
    world.life = life
