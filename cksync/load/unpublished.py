"""Read the segments of a round before they are merged into the mirror."""

import contextlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import duckdb

from cksync.folder import Folder
from cksync.load.tables import casts
from cksync.paths import pattern

_BROADCASTS = ("broadcasts", "broadcast_stats")
# The fields read of a person, alone and inside a subscription.
_PERSON = "texts('id, state, email_address, first_name')"


@contextlib.contextmanager
def _read_log(folder: Folder) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a database to read segments with."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": "256MB",
        "threads": 2,
        "temp_directory": str(folder.state / "spill"),
    }
    with duckdb.connect(config=settings) as db:
        db.execute(casts())
        yield db


def seen_in_other_states(folder: Folder, segments: Sequence[Path], people: Collection[int]) -> set[int]:
    """Return those of some people whom a subscription in `segments` shows in a state that no list shows."""
    if not people or not segments:
        return set()
    with _read_log(folder) as db:
        rows = db.execute(
            f"""
            with seen as (
                select from_json(record, '{{"subscriber": ' || {_PERSON} || '}}').subscriber as person, observed_at
                from read_parquet(?, hive_partitioning = false) where stream = 'subscriptions' and json_valid(record)
            )
            select as_bigint(person.id) as id
            from seen where as_bigint(person.id) in (select unnest(?::bigint[]))
            group by all having arg_max(person.state, observed_at) not in ('active', 'cancelled')
            """,
            [list(map(pattern, segments)), list(people)],
        ).fetchall()
    return {row[0] for row in rows}


def seen_contradictory(folder: Folder, segments: Sequence[Path]) -> set[int]:
    """Return the people about whom two answers in flight together disagree: it is unknown which one is newer."""
    if not segments:
        return set()
    with _read_log(folder) as db:
        rows = db.execute(
            f"""
            with people as (
                select case
                        when stream = 'subscribers' then from_json(record, {_PERSON})
                        else from_json(record, '{{"subscriber": ' || {_PERSON} || '}}').subscriber
                    end as person, observed_at, received_at
                from read_parquet(?, hive_partitioning = false)
                where stream in ('subscribers', 'subscriptions') and json_valid(record)
            ),

            heard as (
                select as_bigint(person.id) as id, observed_at, received_at,
                    hash(person.state, person.email_address, person.first_name) as said
                from people where id is not null and person.state is not null
            ),

            pairs as (
                select id, said, observed_at,
                    lag(said) over in_order as said_before, lag(received_at) over in_order as received_before
                from heard window in_order as (partition by id order by observed_at)
            )

            select distinct id from pairs where said <> said_before and observed_at < received_before
            """,
            [list(map(pattern, segments))],
        ).fetchall()
    return {row[0] for row in rows}


def unpublished_broadcasts(
    folder: Folder, segments: Sequence[Path]
) -> tuple[dict[int, str | None], dict[int, str | None]]:
    """Return the subjects in the list of broadcasts, and the statuses in the figures, as `segments` have them."""
    if not segments:
        return {}, {}
    with _read_log(folder) as db:
        rows = db.execute(
            """
            with said as (
                select stream, as_bigint(record ->> 'id') as id, observed_at,
                    case
                        when stream = 'broadcasts' then record ->> 'subject'
                        else coalesce(record ->> '$.stats.status', record ->> '$.stats[0].status')
                    end as what
                from read_parquet(?, hive_partitioning = false)
                where slice in ('broadcasts', 'broadcast_stats') and record is not null and json_valid(record)
            )
            select stream, id, arg_max_null(what, observed_at) from said where id is not null group by stream, id
            """,
            [list(map(pattern, segments))],
        ).fetchall()
    subjects, statuses = ({id_: what for name, id_, what in rows if name == stream} for stream in _BROADCASTS)
    return subjects, statuses
