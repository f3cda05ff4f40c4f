-- Deletes from the listings rows that a spot check proved gone from their list, by `newest`.
delete from _cksync.listings as old using newest
where newest.is_absent
    and newest.slice = old.slice
    and newest.key = old.key
