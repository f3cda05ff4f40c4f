-- Deletes the rows of `changed` from main: each has a newer version or none.
-- table: The table's name.
-- same_key: Condition that `old` and `new` have the same key.
delete from main."{table}" as old using changed as new
where {same_key}
