"""The passing of time in an account: events in their order, each through the same edits as any other change."""

import heapq
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from ..clock import Clock
from ..codec import milliseconds
from ..world import World

Event = Callable[[], object]
Planner = Callable[[date], None]


class Life:
    """Plays an account day by day.

    Each midnight (UTC) `planner` puts the day's events into the queue; events may put later ones there. What is due
    after the end of one stretch happens in the next one, so that an account lives the same whether it is played at once
    or in parts. `ending` brings up to date what changes all the time, and is called at the end of a stretch. An event
    whose person, list or mail somebody has deleted does not happen; `missed` counts such events.
    """

    def __init__(self, world: World, begins_on: date) -> None:
        self.world = world
        self.planner: Planner = lambda day: None
        self.ending: Event = lambda: None
        self._clock = Clock(datetime.combine(begins_on, datetime.min.time(), UTC))
        self._next_day = begins_on
        self.missed = 0
        self._queue: list[tuple[int, int, Event]] = []
        self._count = 0

    def at(self, moment_ms: int, event: Event) -> None:
        """Let something happen at a moment; one that has passed is now."""
        self._count += 1
        heapq.heappush(self._queue, (max(moment_ms, milliseconds(self._clock())), self._count, event))

    def __call__(self, until: datetime) -> None:
        """Live until a moment. The world's clock shows the time of each event meanwhile, and nothing lags behind."""
        world = self.world
        with world.lock:
            now, behaviour = world.now, world.behaviour
            world.now = self._clock
            world.behaviour = replace(behaviour, v4_lag_seconds=0.0, reads_lag_seconds=0.0)
            try:
                self._live(until)
            finally:
                world.now, world.behaviour = now, behaviour
                world.past.clear()

    def _live(self, until: datetime) -> None:
        end_ms = milliseconds(until)
        while True:
            midnight = datetime.combine(self._next_day, datetime.min.time(), UTC)
            if self._queue and self._queue[0][0] < min(milliseconds(midnight), end_ms + 1):
                moment_ms, _, event = heapq.heappop(self._queue)
                self._clock.at = datetime.fromtimestamp(moment_ms / 1000, UTC)
                try:
                    event()
                except LookupError:
                    self.missed += 1
            elif midnight <= until:
                self._clock.at = midnight
                self._next_day += timedelta(days=1)
                self.planner(midnight.date())
            else:
                self._clock.at = max(self._clock.at, until)
                self.ending()
                return
