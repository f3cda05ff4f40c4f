-- Inserts the people of `met` into the listings, as if they had been requested by id.
-- by_id: The slice of people requested by id.
insert into _cksync.listings
select {by_id}, key, place
from met
