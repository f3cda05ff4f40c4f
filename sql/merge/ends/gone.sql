-- Makes `gone_<table>`, still empty: the keys of rows that a merge takes out, and when and in which round that
-- was found.
-- table: The table's name.
-- key: The columns of its key.
create or replace temp table gone_{table} as
select {key}, _synced_at as found_at, 0 as round
from main."{table}"
limit 0
