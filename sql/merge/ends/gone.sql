-- Creates `gone_<table>`, empty: the keys of rows that a merge removes, with the time and round of the evidence.
-- table: The table's name.
-- key: The columns of its key.
create or replace temp table gone_{table} as
select {key}, _synced_at as found_at, 0 as round
from main."{table}"
limit 0
