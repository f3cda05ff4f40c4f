-- Deletes from the people requested by id those that a list shows again, by `newest`: if they leave it, they may be
-- requested again.
-- active: The slice of active people.
-- cancelled: The slice of cancelled people.
-- by_id: The slice of people requested by id.
delete from _cksync.listings as old using newest
where old.slice = {by_id}
    and newest.key = old.key
    and not newest.is_absent
    and newest.slice in ({active}, {cancelled})
    and epoch_us(newest.observed_at) > old.place
