-- Creates `added`, from `newest`: rows seen in a known list that have no position in it yet.
-- single: The slices whose records are requested one by one.
create or replace temp table added as
select newest.slice, newest.key, newest.round, newest.place
from newest
semi join (
    select slice from _cksync.slices where cursor_at is not null
    union
    select slice from whole
) as known on known.slice = newest.slice
anti join _cksync.listings as old on old.slice = newest.slice and old.key = newest.key
where not newest.is_absent and newest.slice not in ({single})
