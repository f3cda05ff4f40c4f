-- Takes out of `added` what the listings have by now.
delete from added using _cksync.listings as old
where old.slice = added.slice and old.key = added.key
