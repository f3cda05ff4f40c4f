"""What the published mirror knows already: people whom no list shows any more, and lists that ended."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from cksync.folder import Folder
from cksync.mirror import open_mirror


@contextlib.contextmanager
def _mirror(folder: Folder) -> Iterator[duckdb.DuckDBPyConnection | None]:
    if not folder.mirror.exists():
        yield None
        return
    with open_mirror(folder) as db:
        yield db


def known_people(folder: Folder, most: int) -> list[str]:
    """Ids of a few people of the mirror, spread over its years."""
    with _mirror(folder) as db:
        if db is None:
            return []
        rows = db.execute("select id from main.subscribers order by hash(id) limit ?", [most]).fetchall()
    return [str(row[0]) for row in rows]


def published_loads(folder: Folder) -> set[str]:
    """The finished loads that the mirror has taken in."""
    with _mirror(folder) as db:
        if db is None:
            return set()
        rows = db.execute("select load_id from _cksync.loads where is_finished").fetchall()
    return {row[0] for row in rows}


def known_memberships(folder: Folder) -> set[str]:
    """The slices of subscriptions that the mirror has."""
    with _mirror(folder) as db:
        if db is None:
            return set()
        rows = db.execute("select slice from _cksync.slices where stream = 'subscriptions'").fetchall()
    return {row[0] for row in rows}


def unresolved(folder: Folder, listed: set[str], segments: Sequence[Path]) -> list[str]:
    """Ids of people whom the mirror has as active or cancelled, though neither list shows them now.

    Left out are those whom a subscription in `segments` (of this round) shows in another state since.
    """
    with _mirror(folder) as db:
        if db is None:
            return []
        rows = db.execute("select id from main.subscribers where state in ('active', 'cancelled')").fetchall()
        missing = sorted({row[0] for row in rows} - {int(key) for key in listed})
        if not missing or not segments:
            return [str(key) for key in missing]
        seen = db.execute(
            """
            with seen as (
                select record -> 'subscriber' as person, observed_at
                from read_parquet(?, hive_partitioning = false) where stream = 'subscriptions' and json_valid(record)
            )
            select (person ->> 'id')::bigint as id
            from seen where (person ->> 'id')::bigint in (select unnest(?))
            group by id having arg_max(person ->> 'state', observed_at) not in ('active', 'cancelled')
            """,
            [list(map(str, segments)), missing],
        ).fetchall()
    return [str(key) for key in missing if key not in {row[0] for row in seen}]
