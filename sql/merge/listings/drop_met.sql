-- Takes the people of `met` out of the listings, to be put in anew.
delete from _cksync.listings as old using met
where old.slice = 'subscribers/by_id' and old.key = met.key
