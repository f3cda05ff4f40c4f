"""The streams of each version of the API, and what a pull through it begins with."""

from collections.abc import Collection, Sequence

from cksync.api.v3.catalog import STREAMS as STREAMS_V3
from cksync.api.v4.catalog import ACCOUNT, query_of
from cksync.domain import whole
from cksync.errors import Rejected
from cksync.extract import phases as v3
from cksync.extract.context import Progress, PullContext
from cksync.extract.scan.cursor import CursorScan
from cksync.extract.scan.full import FullScan
from cksync.extract.v4 import phases as v4
from cksync.extract.v4.lists import LISTS as LISTS_V4
from cksync.extract.v4.settling import Phases
from cksync.versions import Version


def streams_of(version: Version) -> Sequence[str]:
    """Return the names of all streams."""
    return v4.STREAMS if version == "v4" else tuple(STREAMS_V3)


def choose(names: Sequence[str], version: Version) -> frozenset[str]:
    """Return the streams to read: the named ones with what they need, or all. Raises Rejected for an unknown one."""
    every, needs = streams_of(version), v4.NEEDS if version == "v4" else v3.NEEDS
    if unknown := sorted(set(names).difference(every)):
        raise Rejected(f"unknown stream {', '.join(unknown)}; choose from {', '.join(every)}")
    if not names:
        return frozenset(every)
    return frozenset(names).union({"account"}, *(needs.get(name, set()) for name in names))


# Lists that take a request or two are requested again by a continued pull, because later scans depend on them.
AFRESH = frozenset(("account", *v3.LISTS, *LISTS_V4))


def account_scan(version: Version) -> FullScan | CursorScan:
    """Return the scan of the account, which every pull requests first."""
    return FullScan(whole("account")) if version == "v3" else CursorScan(ACCOUNT, query_of(ACCOUNT))


def phases(context: PullContext, progress: Progress, lists: Collection[str]) -> Phases:
    """Yield the scans, phase by phase; each phase must finish before the next is requested."""
    if context.version == "v4":
        yield from v4.phases(context, progress, lists)
    else:
        yield from v3.phases(context, progress, lists)
