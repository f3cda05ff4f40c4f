-- Adds to history the versions of `changed`, with values from `incoming`.
-- table: The table's name.
-- row: The columns of the table, from `incoming`, and those that every table has.
insert into history."{table}"
select {row}, _at, _until, case when _before = 0::ubigint then 'insert' else 'update' end
from changed
join incoming on incoming.rowid = changed._row
