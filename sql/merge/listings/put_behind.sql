-- Inserts the rest of `added` into the listings: cancelled people last, in the order seen; all others after the row
-- with the next lower id.
insert into _cksync.listings
select
    slice,
    key,
    row_number() over (order by added.round, added.place)
    + (select coalesce(max(place), 0) from _cksync.listings where slice = 'subscribers/cancelled')
from added
where slice = 'subscribers/cancelled'
union all
select added.slice, added.key, coalesce(before.place, 0)
from (from added where slice <> 'subscribers/cancelled') as added
asof left join (
    from _cksync.listings
    semi join added using (slice)
) as before on before.slice = added.slice and added.key >= before.key
