-- Makes `ends`, empty, with the columns of a key as `incoming` has them.
-- key: The columns of its key.
create or replace temp table ends as
select {key}, _synced_at as found_at, 0 as round, null::varchar as slice
from incoming
limit 0
