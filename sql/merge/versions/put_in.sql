-- Puts the last version of each row of `changed` that is there into main.
-- table: The table's name.
-- row: The columns of the table, of `incoming`, and those that every table has.
insert into main."{table}"
select {row}
from changed
join incoming on incoming.rowid = changed._row
where _until is null
