-- Creates `carried`: for rows of `incoming` whose record is silent about a column, the value last given before, or
-- else the first one given later in the same round.
-- table: The table's name.
-- key: The columns of its key.
-- values: The values of each column to carry.
-- held: What main holds of each such column; null if it was never given.
-- given: What the records of `incoming` give of each.
create or replace temp table carried as
with silent as (
    select distinct {key} from incoming where len(_lacks) > 0
),

told as (
    select {key}, null::bigint as _row, null::integer as _round, '-infinity'::timestamptz as _at, {held}
    from (from main."{table}" semi join silent using ({key})) as held
    left join unfilled using ({key})
    union all
    select {key}, incoming.rowid, rounds.round, _synced_at, {given}
    from incoming
    semi join silent using ({key})
    join rounds on rounds.begins_at <= incoming._synced_at and rounds.ends_at > incoming._synced_at
)

select * from (
    select
        _row,
        {values}
    from told
    window
        before as (
            partition by {key} order by _at, _row nulls first rows between unbounded preceding and current row
        ),
        behind as (
            partition by {key}, _round order by _at, _row rows between current row and unbounded following
        )
)
where _row is not null
