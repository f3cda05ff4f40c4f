-- Returns rows not seen (`present`) in a slice that was scanned completely (`complete`).
-- table: The table's name.
-- key: The columns of its key.
-- listed_key: The column with the row's id in its list.
-- version: The version of the API that lists it by that id.
-- slice: The slice that a row belongs to.
-- in_complete_lists: Condition that a row of main belongs to such a slice.
-- is_shown: Condition that this version of the API would list the row of `held` if it existed.
select {key}, found.found_at, found.round, found.slice::varchar as slice, held._listed_key as listed_key
from (
    select {key}, {slice} as _slice, "{listed_key}" as _listed_key
    from main."{table}"
    {in_complete_lists}
    union all
    select {key}, {slice} as _slice, "{listed_key}" as _listed_key
    from incoming
    where {slice} in (select list from found)
) as held
join found on found.list = held._slice and found.version = '{version}'
anti join present
    on present.round = found.round
    and present.slice = found.slice
    and present.key = cast(held._listed_key as varchar)
where {is_shown}
