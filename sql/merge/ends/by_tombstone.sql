-- Returns rows that the API reported as missing (404), from `tombstones`.
-- table: The table's name.
-- key: The columns of its key.
-- key_of_held: The columns of its key, in `held`.
-- last_key: The last column of its key, the row's id in its list.
select
    {key_of_held}, tombstones.observed_at as found_at, tombstones.round, null::varchar as slice,
    null::bigint as listed_key
from (
    select {key} from main."{table}"
    union all
    select {key} from incoming
) as held
join tombstones on tombstones.key = cast(held."{last_key}" as varchar)
