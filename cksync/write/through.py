"""Through what a push writes: the version of the API, and what the credentials may do."""

from dataclasses import dataclass

from cksync.api import Credentials
from cksync.versions import Version


@dataclass(frozen=True, slots=True)
class Through:
    """`has_oauth`: bulk calls, purchases and the deletion of tags are allowed under API v4; `has_secret`: the secret of
    API v3 is beside a key of API v4, and creates purchases."""

    version: Version = "v3"
    has_oauth: bool = False
    has_secret: bool = False

    @property
    def is_bulk(self) -> bool:
        """Whether bulk calls are allowed."""
        return self.version == "v4" and self.has_oauth

    @property
    def is_lagging(self) -> bool:
        """Whether lists are minutes behind what was written."""
        return self.version == "v4"

    @property
    def purchases(self) -> Version | None:
        """The version that creates purchases; None if the credentials allow none."""
        if self.version == "v3" or (self.has_secret and not self.has_oauth):
            return "v3"
        return "v4" if self.has_oauth else None


V3 = Through()


def through(given: Credentials) -> Through:
    """Return what credentials allow."""
    return Through(given.version, given.oauth is not None, given.purchases is not None)
