-- Deletes from the listings all entries of a table's deleted rows, by `gone_<table>`.
-- table: The table's name.
-- key: The columns of its key.
-- slices: The slices whose listings lose a row when it is gone.
delete from _cksync.listings as old using (
    from gone_{table}
    anti join main."{table}" using ({key})
) as gone
where old.key = gone.id and old.slice in {slices}
