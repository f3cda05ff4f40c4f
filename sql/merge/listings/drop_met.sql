-- Deletes the people of `met` from the listings, before they are inserted again.
delete from _cksync.listings as old using met
where old.slice = 'subscribers/by_id' and old.key = met.key
