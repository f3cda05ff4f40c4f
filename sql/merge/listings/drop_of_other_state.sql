-- Deletes from the lists of people those who are in another state.
delete from _cksync.listings as old using main.subscribers as person
where old.key = person.id
    and (
        (old.slice = 'subscribers/active' and person.state is distinct from 'active')
        or (old.slice = 'subscribers/cancelled' and person.state is distinct from 'cancelled')
    )
