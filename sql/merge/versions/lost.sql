-- Gives for each complete reading that rows are gone by: its round, its slice, how many it lost and how many it knew;
-- from `changed` and `ends`, the earliest first.
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
