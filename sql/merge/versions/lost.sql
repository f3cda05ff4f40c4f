-- Returns each complete scan that removes rows, earliest first, from `changed` and `ends`: its round, its slice, and
-- the numbers of rows lost and known.
with lost as (
    select ends.round, ends.slice, min(ends.found_at) as found_at, count(*) as lost
    from changed
    join ends on ends.rowid = changed._end
    where ends.slice is not null
    group by all
)

select
    lost.round,
    lost.slice,
    lost.lost,
    lost.lost + (
        select count(*) from present where present.round = lost.round and present.slice = lost.slice
    ) as known
from lost
join complete on complete.round = lost.round and complete.slice = lost.slice
where not complete.is_exempt
order by lost.found_at, lost.slice
