-- Returns rows not seen (`present`) in a slice that was scanned completely (`complete`).
-- table: The table's name.
-- key: The columns of its key.
-- last_key: The last column of its key, the row's id in its list.
-- slice: The slice that a row belongs to.
-- in_complete_lists: Condition that a row of main belongs to such a slice.
select {key}, found.found_at, found.round, held._slice as slice
from (
    select {key}, {slice} as _slice, cast("{last_key}" as varchar) as _key
    from main."{table}"
    {in_complete_lists}
    union all
    select {key}, {slice} as _slice, cast("{last_key}" as varchar) as _key
    from incoming
    where {slice} in (select slice from complete)
) as held
join found on found.slice = held._slice
anti join present
    on present.round = found.round
    and present.slice = held._slice
    and present.key = held._key
