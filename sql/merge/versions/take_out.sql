-- Takes the rows of `changed` out of main, for there are newer ones or none.
-- table: The table's name.
-- same_key: That `old` and `new` have the same key.
delete from main."{table}" as old using changed as new
where {same_key}
