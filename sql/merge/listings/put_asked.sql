-- Inserts into the listings when single records were requested, from `newest`.
-- single: The slices whose records are requested one by one.
insert into _cksync.listings
select slice, key, epoch_us(observed_at)
from newest
where slice in ({single})
