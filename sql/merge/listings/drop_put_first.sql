-- Deletes from `added` rows that the listings now have.
delete from added using _cksync.listings as old
where old.slice = added.slice and old.key = added.key
