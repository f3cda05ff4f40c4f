-- Changes history: closes the open version at the time of the first one in `changed`.
-- table: The table's name.
-- key: The columns of its key.
-- same_key: Condition that `old` and `new` have the same key.
update history."{table}" as old set valid_to = new.at
from (
    select {key}, min(_at) as at
    from changed
    group by all
) as new
where old.valid_to is null and {same_key}
