-- Changes `tombstones`: a 404 is void if `incoming` shows the row later.
-- last_key: The last column of its key, the row's id in its list.
delete from tombstones using incoming
where tombstones.key = cast(incoming."{last_key}" as varchar)
    and tombstones.observed_at < incoming._synced_at
