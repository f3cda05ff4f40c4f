-- Deletes from the lists of people those who are in another state.
-- active: The slice of active people.
-- cancelled: The slice of cancelled people.
delete from _cksync.listings as old using main.subscribers as person
where old.key = person.id
    and (
        (old.slice = {active} and person.state is distinct from 'active')
        or (old.slice = {cancelled} and person.state is distinct from 'cancelled')
    )
