-- Deletes the lists of `renewed` from the listings, before they are inserted again.
delete from _cksync.listings
where slice in (select slice from renewed)
