-- Adds to `gone_<table>` the rows that ended, from `changed`.
-- table: The table's name.
-- key: The columns of its key.
insert into gone_{table}
select {key}, _at, _round
from changed
where _end is not null
