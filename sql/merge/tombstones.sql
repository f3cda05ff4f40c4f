-- Creates `tombstones`, from `missing`: the keys of a table that the API reported as missing (404), with the latest
-- time in each round.
-- table: The table's name.
create or replace temp table tombstones as
select round, key, observed_at
from missing
where stream = '{table}'
