-- Creates `renewed`, from `whole`, `present` and the listings: the lists that changed.
create or replace temp table renewed as
with now as (
    select slice, list(try_cast(key as bigint) order by place) as keys
    from present
    semi join whole using (round, slice)
    where key is not null
    group by slice
),

before as (
    select slice, list(key order by place, key) as keys
    from _cksync.listings
    semi join whole using (slice)
    group by slice
)

select round, slice
from whole
left join now using (slice)
left join before using (slice)
where now.keys is distinct from before.keys
