-- Changes history: the version that held till now ended when the first one of `changed` began.
-- table: The table's name.
-- key: The columns of its key.
-- same_key: That `old` and `new` have the same key.
update history."{table}" as old set valid_to = new.at
from (
    select {key}, min(_at) as at
    from changed
    group by all
) as new
where old.valid_to is null and {same_key}
