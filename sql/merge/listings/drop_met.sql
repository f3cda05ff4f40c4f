-- Deletes the people of `met` from the listings, before they are inserted again.
-- by_id: The slice of people requested by id.
delete from _cksync.listings as old using met
where old.slice = {by_id} and old.key = met.key
