-- Inserts the lists of `renewed` into the listings, as in `present`.
insert into _cksync.listings
select slice, cast(key as bigint), place
from present
semi join renewed using (round, slice)
where key is not null
order by slice, place
