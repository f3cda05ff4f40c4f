-- Creates `ends`, empty, with the key columns of `incoming`.
-- key: The columns of its key.
create or replace temp table ends as
select {key}, _synced_at as found_at, 0 as round, null::varchar as slice, null::bigint as listed_key
from incoming
limit 0
