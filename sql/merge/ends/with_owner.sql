-- Returns rows whose owner went in this merge (`gone_<owner>`), or is missing (`missing`, a 404) and never was a row.
-- table: The table's name.
-- key_of_held: The columns of its key, in `held`.
-- owner: The table of the owner.
-- owner_id: The column with the owner's id.
-- columns: The key, plus owner_id if it is not part of it.
select {key_of_held}, parent.found_at, parent.round, null::varchar as slice, null::bigint as listed_key
from (
    select {columns} from main."{table}"
    union all
    select {columns} from incoming
) as held
join (
    select id, found_at, round from gone_{owner}
    union all
    select try_cast(key as bigint) as id, observed_at, round
    from missing
    anti join main."{owner}" as owner on owner.id = try_cast(key as bigint)
    where stream = '{owner}'
) as parent on parent.id = held."{owner_id}"
