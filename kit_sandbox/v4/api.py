"""API v4 over a world: which path leads where, for whom, and what a lag does to it."""

from collections.abc import Callable

from ..messages import Answer, Request
from ..past import seen
from ..world import World
from . import account, filter, mailings, members, people, sequences, small_lists
from .auth import admit
from .oauth import OAuth
from .refusals import Refusal, answer_of, not_found
from .routes import Route, route
from .view import View
from .writes import WRITES

PREFIX = "/v4"


class V4:
    """Answers requests whose path begins with `/v4` or `/oauth`; hold the world's lock while calling."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.oauth = OAuth(lambda: world.ms() // 1000, lambda: int(world.behaviour.v4_access_seconds))
        self._view = View(world, world)

    def answer(self, request: Request) -> Answer:
        """The API's answer to a request, at this very moment; accepted writes that are due come first."""
        self.world.settle()
        try:
            return self._answer(request, request.path.removeprefix(PREFIX))
        except Refusal as refusal:
            return answer_of(refusal, self.world.behaviour)

    def _answer(self, request: Request, path: str) -> Answer:
        if request.is_malformed:
            raise Refusal(400, "There was a problem in the JSON you submitted")
        for method, oauth_path, answer in self._oauth_routes():
            if (method, oauth_path) == (request.method, path):
                return answer(request)
        for each in ROUTES:
            match = each.method == request.method and each.pattern.fullmatch(path)
            if match:
                admit(self.world, self.oauth, request, each.is_oauth_only)
                if request.is_write:
                    self.world.remember()
                return each.handle(self._seen(), request, *match.groups())
        raise not_found()

    def _oauth_routes(self) -> tuple[tuple[str, str, Callable[[Request], Answer]], ...]:
        return (
            ("GET", "/oauth/authorize", self.oauth.authorize),
            ("POST", "/oauth/token", self.oauth.token),
            ("POST", "/oauth/revoke", self.oauth.revoke),
        )

    def _seen(self) -> View:
        """A view of the account as lists show it now; what was worked out from the same state is kept."""
        shown = seen(self.world)
        if self._view.world is not shown:
            self._view = View(shown, self.world)
        return self._view


def _get(path: str, handle: Callable[..., Answer], is_oauth_only: bool = False) -> Route:
    return route("GET", path, handle, is_oauth_only)


ROUTES: tuple[Route, ...] = (
    _get(r"/account", account.account),
    _get(r"/account/colors", account.colors),
    _get(r"/account/creator_profile", account.creator_profile),
    _get(r"/account/email_stats", account.email_stats),
    _get(r"/account/growth_stats", account.growth_stats),
    _get(r"/subscribers", people.subscribers),
    _get(r"/subscribers/([^/]+)", people.subscriber),
    _get(r"/subscribers/([^/]+)/tags", people.subscriber_tags),
    _get(r"/subscribers/([^/]+)/stats", people.subscriber_stats),
    route("POST", r"/subscribers/filter", filter.subscribers_filter),
    _get(r"/tags", members.tags),
    _get(r"/forms", members.forms),
    _get(r"/sequences", members.sequences),
    _get(r"/sequences/([^/]+)", members.sequence),
    _get(r"/(tags|forms|sequences)/([^/]+)/subscribers", members.members),
    _get(r"/sequences/([^/]+)/emails", sequences.sequence_emails),
    _get(r"/sequences/([^/]+)/emails/([^/]+)", sequences.sequence_email),
    _get(r"/broadcasts", mailings.broadcasts),
    _get(r"/broadcasts/stats", mailings.all_stats),
    _get(r"/broadcasts/([^/]+)", mailings.broadcast),
    _get(r"/broadcasts/([^/]+)/stats", mailings.stats),
    _get(r"/broadcasts/([^/]+)/clicks", mailings.clicks),
    _get(r"/posts", mailings.posts),
    _get(r"/posts/([^/]+)", mailings.post),
    _get(r"/custom_fields", small_lists.custom_fields),
    _get(r"/segments", small_lists.segments),
    _get(r"/email_templates", small_lists.email_templates),
    _get(r"/snippets", small_lists.snippets),
    _get(r"/snippets/([^/]+)", small_lists.snippet),
    _get(r"/webhooks", small_lists.webhooks),
    _get(r"/webhook_endpoints", small_lists.webhook_endpoints),
    _get(r"/webhook_endpoints/([^/]+)", small_lists.webhook_endpoint),
    _get(r"/purchases", small_lists.purchases, is_oauth_only=True),
    _get(r"/purchases/([^/]+)", small_lists.purchase, is_oauth_only=True),
    *WRITES,
)
