"""What the segments of a round say already, before the mirror has taken them in."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from cksync.load.tables import casts

_BROADCASTS = ("broadcasts", "broadcast_stats")


def said_of_broadcasts(segments: Sequence[Path]) -> tuple[dict[int, str | None], dict[int, str | None]]:
    """The subjects that the list of broadcasts shows, and the statuses of the figures, as `segments` have them."""
    if not segments:
        return {}, {}
    with duckdb.connect() as db:
        db.execute(casts())
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
            [list(map(str, segments))],
        ).fetchall()
    subjects, statuses = ({id_: what for name, id_, what in rows if name == stream} for stream in _BROADCASTS)
    return subjects, statuses
