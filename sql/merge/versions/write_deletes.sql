-- Adds to history a tombstone for each end in `changed`, with the row's last values, from `incoming` or else from
-- main.
-- table: The table's name.
-- row: The columns of the table, from `incoming`, and those that every table has.
-- same_key: Condition that `old` and `new` have the same key (which sqlfluff does not see).
insert into history."{table}"
select {row}, _at, _at, 'delete'
from changed
join incoming on incoming.rowid = changed._row_before
where _end is not null
union all
select old.*, _at, _at, 'delete'
from changed as new -- noqa: AL05
join main."{table}" as old on {same_key}
where _end is not null and _row_before is null
