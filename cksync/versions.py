"""The two versions of the API: their addresses, and which one is meant if the configuration does not name it."""

from typing import Literal
from urllib.parse import urlsplit

Version = Literal["v3", "v4"]
VERSIONS: tuple[Version, ...] = ("v3", "v4")
URLS: dict[Version, str] = {"v3": "https://api.convertkit.com/v3", "v4": "https://api.kit.com/v4"}
# Keys of API v4 begin like this; keys and secrets of v3 do not.
KEY_MARK = "kit_"
SWITCH_OFF = (
    "Kit will switch it off, at a date not announced yet; to change, set api.api_key to a v4 key (Kit: Settings,"
    " Developer), see `cksync config --example`"
)
# Requests in 60 s that Kit allows: per key of either version, and per OAuth token.
KEY_LIMIT, OAUTH_LIMIT = 120, 600


def decided(version: str, base_url: str, *, has_oauth: bool, has_key: bool) -> Version | None:
    """The version named by the settings, else the one at the end of the address, else that of the credential. None if
    only the text of the key tells."""
    named = version or version_in(base_url)
    if named:
        return "v4" if named == "v4" else "v3"
    return "v4" if has_oauth else None if has_key else "v3"


def version_in(base_url: str) -> str:
    """The version at the end of an address; '' if there is none."""
    last = base_url.rstrip("/").rpartition("/")[2]
    return last if last in VERSIONS else ""


def version_of_key(key: str) -> Version:
    """The version that a key belongs to."""
    return "v4" if key.startswith(KEY_MARK) else "v3"


def v3_beside(base_url: str) -> str:
    """The address of API v3 that belongs to an address of API v4: the same host with /v3, or Kit's own."""
    if not base_url:
        return URLS["v3"]
    if version_in(base_url):
        return f"{base_url.rpartition('/')[0]}/v3"
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}/v3"


def v4_beside(base_url: str) -> str:
    """The address of API v4 that belongs to a configured one: the same, or the same host with /v4, or Kit's own."""
    if base_url in ("", URLS["v3"]):
        return URLS["v4"]
    return f"{base_url.rpartition('/')[0]}/v4" if version_in(base_url) == "v3" else base_url
