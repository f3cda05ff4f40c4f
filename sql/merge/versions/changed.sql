-- Creates `changed`, from `incoming`, `ends`, main and history: everything that differs from the previous version,
-- both observations (by their `_row` of `incoming`) and ends of existing rows (by their `_end` of `ends`). `_at` is
-- the time, in `_round`; `_before` the hash of the previous version (0: no row), `_row_before` its row (null: it is
-- in main), `_before_round` the hash of the last version before the round; `_until` the time of the next version,
-- `_is_last` whether that was in another round; `_first_seen_at` the earliest time the row was ever seen.
-- table: The table's name.
-- key: The columns of its key.
-- values: The columns of the table; with _extra they make the hash of a version.
create or replace temp table changed as
with observed as (
    select rowid as _row, null as _end, {key}, _synced_at as _at, hash({values}, _extra) as _hash
    from incoming
    union all
    select null, rowid, {key}, found_at, 0::ubigint from ends
),

current as (
    select {key}, hash({values}, _extra) as _current, _synced_at as _current_at, _first_seen_at
    from main."{table}"
    semi join observed using ({key})
),

ordered as (
    select *, lag(_hash, 1, coalesce(_current, 0::ubigint)) over in_order as _before
    from observed
    left join current using ({key})
    where _current_at is null or _at >= _current_at
    window in_order as (partition by {key} order by _at, _end nulls first, _hash)
),

different as materialized (
    select ordered.*, rounds.round as _round
    from ordered
    join rounds on rounds.begins_at <= _at and rounds.ends_at > _at
    where _before <> _hash
),

placed as (
    select
        *,
        lead(_at) over in_order as _until,
        lag(_row) over in_order as _row_before,
        coalesce(lead(_round) over in_order <> _round, true) as _is_last,
        first_value(_before) over (
            partition by {key}, _round order by _at, _end nulls first, _hash
        ) as _before_round,
        min(_at) over (partition by {key}) as _seen_at
    from different
    window in_order as (partition by {key} order by _at, _end nulls first, _hash)
),

returned as (
    select {key}, min(valid_from) as _ever_at
    from history."{table}"
    semi join different using ({key})
    group by all
)

select
    placed.* exclude (_hash, _current, _current_at, _first_seen_at, _seen_at),
    coalesce(_first_seen_at, _ever_at, _seen_at) as _first_seen_at
from placed
left join returned using ({key})
