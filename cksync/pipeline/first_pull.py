"""What a first pull costs, before anything is known of the account: a range, by a rule that is stated with it."""

from math import ceil

from cksync.api.throttle import floor_seconds
from cksync.config import ApiConfig
from cksync.plural import plural
from cksync.versions import Version

# The sizes to give as examples.
EXAMPLES = (1_000, 10_000, 50_000)
# A small and a large account of the same number of people: memberships and purchases per person, forms with sequences
# and tags, and broadcasts.
SMALL, LARGE = (1.0, 0.0, 20, 20), (12.0, 0.5, 200, 500)
RULE = "for 1 to 12 memberships per person, 20 to 200 forms, sequences and tags, and 20 to 500 broadcasts"


def first_pull(api: ApiConfig, version: Version, people: int | None) -> str:
    """Return the range of requests and time, of accounts with so many people, or of some examples."""
    ranges = [_range(api, version, each) for each in ((people,) if people is not None else EXAMPLES)]
    return f"a first pull takes {'; '.join(ranges)} ({RULE})"


def requests_of(version: Version, people: int) -> tuple[int, int]:
    """Return the least and the most requests that a first pull of so many people takes by the rule."""
    low, high = (_requests(version, people, *size) for size in (SMALL, LARGE))
    return low, high


def _requests(version: Version, people: int, memberships: float, purchases: float, lists: int, broadcasts: int) -> int:
    rows = memberships * people + purchases * people
    if version == "v4":  # people, their engagement, and the links of each broadcast
        return 15 + 2 * ceil(people / 1000) + lists + ceil(rows / 1000) + broadcasts
    return 6 + ceil(people / 50) + lists + ceil(rows / 50) + ceil(broadcasts / 50) + 2 * broadcasts


def _range(api: ApiConfig, version: Version, people: int) -> str:
    low, high = requests_of(version, people)
    seconds = [floor_seconds(each, api.rate_limit, api.rate_period_seconds) for each in (low, high)]
    fast, slow = (max(1, round(each / 60)) for each in seconds)
    time = f"up to {slow} min" if seconds[0] < 60 else f"{fast} to {slow} min"
    return f"{low:,} to {high:,} requests and {time} for {plural(people, 'person', 'people')}"
