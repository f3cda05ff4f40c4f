-- Takes out of the listings what a look proved to be in its list no more, by `newest`.
delete from _cksync.listings as old using newest
where newest.is_absent
    and newest.slice = old.slice
    and newest.key = old.key
