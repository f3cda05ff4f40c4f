"""The limits of v4: a rolling window for each credential, five times as wide for OAuth as for a key."""

from collections import defaultdict

from ..limit import RollingLimit
from ..messages import Request
from .auth import bearer_of, key_of
from .oauth import OAuth

OAUTH_FACTOR = 5


class Limits:
    """Windows by key and by OAuth client; what is neither has one of its own for each text."""

    def __init__(self, limit: int | None, period_seconds: float, counts_rejected: bool, oauth: OAuth) -> None:
        self.oauth = oauth
        of_oauth = None if limit is None else limit * OAUTH_FACTOR
        self._keys: defaultdict[str, RollingLimit] = defaultdict(
            lambda: RollingLimit(limit, period_seconds, counts_rejected)
        )
        self._clients: defaultdict[str, RollingLimit] = defaultdict(
            lambda: RollingLimit(of_oauth, period_seconds, counts_rejected)
        )

    def admits(self, request: Request, arrived_at: float) -> bool:
        """Whether a request that arrives now may pass."""
        token = bearer_of(request)
        if token is not None:
            return self._clients[self.oauth.client_of(token) or token].admits(arrived_at)
        return self._keys[key_of(request) or ""].admits(arrived_at)

    @property
    def rejected(self) -> int:
        windows = (*self._keys.values(), *self._clients.values())
        return sum(each.rejected for each in windows)
