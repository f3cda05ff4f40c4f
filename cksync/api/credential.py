"""What a request carries to be accepted: a parameter under API v3, a header under API v4."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cksync.versions import Version, version_of_key

KEY_HEADER = "X-Kit-Api-Key"
Kind = Literal["api_secret", "api_key", "oauth"]
# Endpoints of API v4 that reject every key.
OAUTH_ONLY = ("purchases", "bulk")

_HINTS_V3 = {
    "API Key not present": "no credential was received; set CKSYNC_API_SECRET or api.api_secret",
    "API Key not valid": "the secret is wrong (Kit says 'API Key' for both); copy the API Secret from Kit's settings",
    "You do not have sufficient permissions to access this resource": (
        "this is the public API key; a mirror needs the API Secret, shown below the key in Kit's settings"
    ),
}
# What API v4 says of a credential that it does not know; other texts concern the account.
INVALID, EXPIRED, REVOKED = "The access token is invalid", "The access token expired", "The access token was revoked"
LOGIN = "run `cksync login`"


@dataclass(frozen=True, slots=True)
class Credential:
    """The secret or key of API v3, the key of API v4, or OAuth; then the tokens are elsewhere, and `value` is ''."""

    version: Version
    kind: Kind
    value: str = field(default="", repr=False)

    @property
    def params(self) -> Mapping[str, str]:
        """The parameters to add to the query of a GET, or to the body of a write."""
        return {self.kind: self.value} if self.version == "v3" else {}

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers to add."""
        return {KEY_HEADER: self.value} if self.version == "v4" and self.kind == "api_key" else {}

    @property
    def ledger(self) -> str:
        """The name of its request ledger: each kind of credential has a limit of its own."""
        return "requests" if self.version == "v3" else f"requests-v4-{'oauth' if self.kind == 'oauth' else 'key'}"

    def lacks_oauth(self, path: str) -> bool:
        """Whether it is a key, and the path needs OAuth."""
        return self.version == "v4" and self.kind == "api_key" and path.partition("/")[0] in OAUTH_ONLY

    def refused(self, host: str, message: str) -> str:
        """The error message for a 401."""
        name = "OAuth token" if self.kind == "oauth" else "credentials"
        return f"{host} rejects the {name} with api.version {self.version} ({message}): {self._hint(message)}"

    def _hint(self, message: str) -> str:
        if self.version == "v3":
            if version_of_key(self.value) == "v4":
                return 'this is a key of API v4; put it into api.api_key, and set api.version = "v4"'
            return _HINTS_V3.get(message, "check the API Secret in Kit's settings")
        if message not in (INVALID, EXPIRED, REVOKED):
            return "the text in parentheses is Kit's reason; check the plan and the API access of the account"
        if self.kind == "oauth":
            return LOGIN
        if version_of_key(self.value) == "v3":
            return (
                "this seems to be a key or secret of API v3, because keys of API v4 begin with kit_; create one in Kit"
                ' (Settings, Developer), or set api.version = "v3"'
            )
        return "the key is wrong or was deleted; copy a key of API v4 from Kit: Settings, Developer"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a run. `main` is that of the configured version, `oauth` the token file if it is OAuth;
    `purchases` is the secret of API v3 beside v4, to read what v4 gives to OAuth only."""

    main: Credential
    oauth: Path | None = None
    purchases: Credential | None = None

    @property
    def version(self) -> Version:
        """The version of the API that is used."""
        return self.main.version
