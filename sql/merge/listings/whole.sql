-- Creates `whole`, from `found`: the last accepted complete scan of each list.
-- listed: The streams with paged lists.
-- doubted: Rounds and slices that are not accepted.
create or replace temp table whole as
select slice, max(round) as round, arg_max(found_at, round) as found_at
from found
where (round, slice) not in ({doubted})
    and version = 'v3'
    and split_part(list, '/', 1) in ({listed})
group by slice
