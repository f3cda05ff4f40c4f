-- Returns rows that a spot check proved gone from their list and that were not seen there since, from `stood`.
-- table: The table's name.
-- key: The columns of its key.
-- key_of_held: The columns of its key, in `held`.
-- listed_key: The column with the row's id in its list.
-- version: The version of the API that lists it by that id.
-- slice: The slice that a row belongs to.
select {key_of_held}, stood.observed_at as found_at, stood.round, null::varchar as slice, stood.key as listed_key
from (
    select {key}, "{listed_key}" as _listed_key, {slice} as _slice from main."{table}"
    union all
    select {key}, "{listed_key}", {slice} from incoming
) as held
join stood on stood.key = held._listed_key and stood.list = held._slice
where stood.is_absent and stood.version = '{version}'
