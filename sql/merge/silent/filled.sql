-- Creates `filled`: the first rows of `incoming` that differ from main in first and finer values alone.
-- table: The table's name.
-- key: The columns of its key.
-- values: The values of main, with first and finer ones.
-- held_values: The values of main.
-- now_values: The values of `incoming`.
-- same_key: Condition that `held` and `now` have the same key.
-- unfilled_key: Condition that `held` and `unfilled` have the same key.
create or replace temp table filled as
select now.*
from (
    from incoming
    semi join main."{table}" using ({key})
    qualify row_number() over (partition by {key} order by _synced_at, rowid) = 1
) as now
join main."{table}" as held on {same_key}
left join unfilled on {unfilled_key}
where hash({values}) = hash({now_values})
    and hash({held_values}) <> hash({now_values})
