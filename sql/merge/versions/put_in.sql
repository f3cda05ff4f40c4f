-- Inserts into main the last version of each row in `changed` that still exists.
-- table: The table's name.
-- row: The columns of the table, from `incoming`, and those that every table has.
insert into main."{table}"
select {row}
from changed
join incoming on incoming.rowid = changed._row
where _until is null
