-- Takes the lists of `renewed` out of the listings, to be put in anew.
delete from _cksync.listings
where slice in (select slice from renewed)
