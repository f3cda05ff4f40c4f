-- Changes `incoming`: a column keeps its first known value, from main or from earlier in `incoming`.
-- table: The table's name.
-- key: The columns of its key.
-- column: The column that keeps its value.
-- is_silent: Condition that a record is silent about the column.
-- same_key: Condition that `incoming` and `known` have the same key.
update incoming set "{column}" = known.kept
from (
    select {key}, arg_min("{column}", seen_at) as kept, min(seen_at) as seen_at
    from (
        select {key}, "{column}", '-infinity'::timestamptz as seen_at from main."{table}"
        union all
        select {key}, "{column}", _synced_at from incoming
    )
    where "{column}" is not null
    group by all
) as known
where {same_key} and incoming._synced_at >= known.seen_at and {is_silent}
