"""The simulated account: its state, independent of HTTP.

Edits are functions of the world (see `edits`). They take effect at once and are safe while a server reads (one lock).
Whatever an edit changes gets a new version number, which invalidates the lists and texts derived from it.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from copy import copy
from datetime import datetime
from operator import itemgetter

from .behaviour import Behaviour
from .clock import Movable, system_clock
from .codec import milliseconds
from .extras import Extras
from .records import KINDS, Account, Broadcast, CustomField, Hook, Kind, Mail, Parent, Purchase, Roster, Subscriber

DEFAULT_API_KEY = "sandbox-key-not-a-real-one-0000"
DEFAULT_API_SECRET = "sandbox-secret-not-a-real-one-0000"
DEFAULT_V4_KEY = "kit_sandbox_not_a_real_one_0000"

FIRST_IDS: Mapping[str, int] = {
    "subscriber": 2_209_009_344,
    "subscription": 6_204_968_295,
    "custom_field": 500_000,
    "form": 5_000_000,
    "sequence": 1_800_000,
    "tag": 4_100_000,
    "broadcast": 12_000_000,
    "purchase": 160_000_000,
    "hook": 700_000,
    "uid": 0x3A1F000000,
}


class World:
    """An account with everything in it.

    The dictionaries are public to read; change them through the edits, which maintain versions and indexes. An unknown
    id is a KeyError, an impossible edit a ValueError. Ids come first in an edit's arguments, the person's before the
    list's: `edits.tag(world, subscriber_id, tag_id)`. Edits that create return the new id.

    `mails` are those that the API was told to send; broadcasts scheduled by an edit are not among them. Requests and
    `expected_mirror` first apply the changes that are due; `settle` does so for other readers.
    """

    def __init__(
        self,
        account: Account | None = None,
        *,
        now: Callable[[], datetime] = system_clock,
        api_key: str = DEFAULT_API_KEY,
        api_secret: str = DEFAULT_API_SECRET,
        behaviour: Behaviour | None = None,
    ) -> None:
        self.account = account or Account("Acme Corp.", "owner@example.com")
        self.now = now
        self.api_key = api_key
        self.api_secret = api_secret
        self.v4_key = DEFAULT_V4_KEY
        self.behaviour = behaviour or Behaviour()
        self.lock = threading.RLock()
        self.subscribers: dict[int, Subscriber] = {}
        self.by_email: dict[str, int] = {}
        self.custom_fields: dict[int, CustomField] = {}
        self.parents: dict[Kind, dict[int, Parent]] = {kind: {} for kind in KINDS}
        self.rosters: dict[tuple[Kind, int], Roster] = {}
        self.broadcasts: dict[int, Broadcast] = {}
        self.purchases: dict[int, Purchase] = {}
        self.hooks: dict[int, Hook] = {}
        self.mails: list[Mail] = []
        self.pending: list[tuple[int, Callable[[], object]]] = []
        self.queued_bytes = 0
        self.snapshots: list[tuple[int, World]] = []
        self.versions: Counter[str] = Counter()
        self.last_ids: dict[str, int] = dict(FIRST_IDS)
        self.extras = Extras()
        self.past: list[tuple[int, World]] = []
        self.life: Callable[[datetime], None] | None = None

    # -- time

    def advance(self, days: float) -> None:
        """Move the clock by days, and live them, if the account has a life. ValueError for a clock that does not move,
        and for one that would go backwards."""
        if not isinstance(self.now, Movable):
            raise ValueError("the clock of this account does not move")
        if days < 0:
            raise ValueError("time does not go backwards")
        with self.lock:
            self.now.advance(days=days)
            if self.life is not None:
                self.life(self.now())

    # -- delayed writes, lagging reads

    def later(self, seconds: float, change: Callable[[], object]) -> None:
        """Apply a change after this much time of the world's clock; 0 seconds: at once."""
        if seconds > 0:
            self.pending.append((self.ms() + round(seconds * 1000), change))
        else:
            change()

    def settle(self) -> None:
        """Apply the pending changes that are due; every request and `expected_mirror` begin with it."""
        now = self.ms()
        due = sorted((each for each in self.pending if each[0] <= now), key=itemgetter(0))
        self.pending = [each for each in self.pending if each[0] > now]
        for due_ms, change in due:
            self.remember(due_ms)
            change()

    def remember(self, at_ms: int | None = None) -> None:
        """Keep the state before a write, if reads lag behind writes."""
        if self.behaviour.reads_lag_seconds > 0:
            self.snapshots.append((self.ms() if at_ms is None else at_ms, snapshot(self)))

    def seen(self) -> "World":
        """Return the world that reads show now: itself, or its state before the writes they do not show yet."""
        horizon = self.ms() - self.behaviour.reads_lag_seconds * 1000
        self.snapshots = [each for each in self.snapshots if each[0] > horizon]
        if not self.snapshots:
            return self
        shown = self.snapshots[0][1]
        shown.behaviour = self.behaviour
        return shown

    # -- the parts of edits

    def ms(self, moment: datetime | None = None) -> int:
        """Return a moment in milliseconds, by default the present."""
        return milliseconds(moment or self.now())

    def next_id(self, kind: str, step: int = 1) -> int:
        """Return the next id of a kind, with gaps; those of people and subscriptions long exceed 32 bits."""
        self.last_ids[kind] += step
        return self.last_ids[kind]

    def field_named(self, key: str) -> CustomField:
        """Return the custom field with this key; KeyError if there is none."""
        for custom_field in self.custom_fields.values():
            if custom_field.key == key:
                return custom_field
        raise KeyError(key)

    def put_subscriber(self, subscriber: Subscriber) -> None:
        """Store a person who changed, with the time of the change."""
        self.subscribers[subscriber.id] = subscriber._replace(updated_ms=self.ms())
        self.versions["people"] += 1


def snapshot(world: World) -> World:
    """Copy the world, so that later edits do not affect it; records are immutable, so only their holders are copied."""
    made = copy(world)
    for name in ("subscribers", "by_email", "custom_fields", "broadcasts", "purchases", "hooks", "versions"):
        setattr(made, name, copy(getattr(world, name)))
    made.parents = {kind: dict(parents) for kind, parents in world.parents.items()}
    made.rosters = {
        key: Roster(dict(roster.members), dict(roster.former), roster.version) for key, roster in world.rosters.items()
    }
    made.pending, made.snapshots = [], []
    return made
