-- Deletes from the listings all entries of a table's deleted rows, by the tombstones of `gone_<table>`.
-- table: The table's name.
-- key: The columns of its key.
-- listed_key: The column with the row's id in its list.
-- same_key: Condition that `ended` and `version` have the same key.
-- slices: The slices whose listings lose a row when it is gone.
delete from _cksync.listings as old using (
    select version.*
    from history."{table}" as version
    semi join gone_{table} as ended
        on ended.found_at = version.valid_from
        and {same_key}
    anti join main."{table}" using ({key})
    where version.change = 'delete'
) as gone
where old.key = gone."{listed_key}" and old.slice in {slices}
