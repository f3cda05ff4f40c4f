-- Inserts the purchases of `added` at the start of their list, where the API shows the newest.
insert into _cksync.listings
select
    slice,
    key,
    (select min(place) from _cksync.listings where slice = 'purchases') - row_number() over (order by round, key)
from added
where slice = 'purchases'
    and (
        select arg_min(key, place) > arg_max(key, place) from _cksync.listings where slice = 'purchases'
    )
