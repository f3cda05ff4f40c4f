-- Deletes from the people requested by id those that a list shows again, by `newest`: if they leave it, they may be
-- requested again.
delete from _cksync.listings as old using newest
where old.slice = 'subscribers/by_id'
    and newest.key = old.key
    and not newest.is_absent
    and newest.slice in ('subscribers/active', 'subscribers/cancelled')
    and epoch_us(newest.observed_at) > old.place
