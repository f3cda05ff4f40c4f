-- Puts into the listings when single records were asked for, from `newest`.
-- single: The slices in which single records are asked for one by one.
insert into _cksync.listings
select slice, key, epoch_us(observed_at)
from newest
where slice in ({single})
