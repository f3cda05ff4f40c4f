"""Scripted faults: the requests that go wrong, counted as they arrive."""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .effects import Effect
from .messages import Answer, Handler, Request


@dataclass
class Rule:
    """An effect and the requests it applies to.

    `path` is a regular expression for the whole path after `/v3`, `params` are parameters that must be equal. Of the
    matching requests, the `nth` is the first one hit, then each `every`-th, `count` of them in all (None: unlimited).
    `seen` and `fired` count what happened so far.
    """

    effect: Effect
    method: str | None = None
    path: str = ".*"
    params: Mapping[str, str] = field(default_factory=dict)
    where: Callable[[Request], bool] | None = None
    nth: int = 1
    every: int = 1
    count: int | None = 1
    seen: int = 0
    fired: int = 0

    def takes(self, request: Request) -> bool:
        """Count a matching request, and return True if it is to be hit."""
        if not self._matches(request):
            return False
        self.seen += 1
        past = self.seen - self.nth
        is_hit = past >= 0 and past % self.every == 0 and (self.count is None or self.fired < self.count)
        self.fired += is_hit
        return is_hit

    def _matches(self, request: Request) -> bool:
        return (
            self.method in (None, request.method)
            and re.fullmatch(self.path, request.path) is not None
            and all(request.params.get(name) == str(value) for name, value in self.params.items())
            and (self.where is None or self.where(request))
        )


class Faults:
    """The script: rules in the order they were added; all that match are applied, the last outermost."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(
        self,
        effect: Effect,
        *,
        path: str = ".*",
        method: str | None = None,
        params: Mapping[str, str] | None = None,
        where: Callable[[Request], bool] | None = None,
        nth: int = 1,
        every: int = 1,
        count: int | None = 1,
    ) -> Rule:
        """Add a rule and return it, so that a test can later read how often it fired."""
        rule = Rule(effect, method, path, params or {}, where, nth, every, count)
        with self._lock:
            self.rules.append(rule)
        return rule

    def clear(self) -> None:
        with self._lock:
            self.rules.clear()

    def apply(self, request: Request, handle: Handler) -> Answer:
        """Answer a request through every rule that applies to it."""
        with self._lock:
            hits = [rule for rule in self.rules if rule.takes(request)]
        for rule in hits:
            handle = _around(rule.effect, handle)
        return handle(request)


def _around(effect: Effect, handle: Handler) -> Handler:
    return lambda request: effect(request, handle)
