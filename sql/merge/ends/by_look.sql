-- Returns rows that a spot check proved gone from their list and that were not seen there since, from `stood`.
-- table: The table's name.
-- key: The columns of its key.
-- key_of_held: The columns of its key, in `held`.
-- last_key: The last column of its key, the row's id in its list.
-- slice: The slice that a row belongs to.
select {key_of_held}, stood.observed_at as found_at, stood.round, null::varchar as slice
from (
    select {key} from main."{table}"
    union all
    select {key} from incoming
) as held
join stood on stood.is_absent and stood.key = held."{last_key}" and stood.slice = {slice}
