-- Returns rows that are missing from their owner's record, as in `seen`.
-- table: The table's name.
-- key_of_held: The columns of its key, in `held`.
-- owner: The table of the owner.
-- owner_id: The column with the owner's id.
-- columns: The key, plus owner_id if it is not part of it.
-- same_key: Condition that `incoming` and `held` have the same key.
-- during: Condition that observed_at is within the period.
select {key_of_held}, parent.observed_at as found_at, rounds.round, null::varchar as slice, null::bigint as listed_key
from (
    select {columns} from main."{table}"
    union all
    select {columns} from incoming
) as held
join (
    select distinct key, observed_at
    from seen
    semi join arrivals using (file)
    where stream = '{owner}' and state = 'usable' and {during}
) as parent on parent.key = cast(held."{owner_id}" as varchar)
join rounds on rounds.begins_at <= parent.observed_at and rounds.ends_at > parent.observed_at
anti join incoming on {same_key} and incoming._synced_at = parent.observed_at
