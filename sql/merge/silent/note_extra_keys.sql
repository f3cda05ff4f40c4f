-- Adds to `_cksync.extra_keys` the keys without a column in `incoming`.
-- table: The table's name.
-- version: The version of the API that gave them.
insert into _cksync.extra_keys
select distinct '{table}', '{version}', unnest(json_keys(_extra)) as key
from incoming
where _extra is not null
except
from _cksync.extra_keys
