-- Makes `tombstones`, from `missing`: the keys of a table that the API said are not there (404), and when last in each
-- round.
-- table: The table's name.
create or replace temp table tombstones as
select round, key, observed_at
from missing
where stream = '{table}'
