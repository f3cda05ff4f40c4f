-- Deletes from `incoming` what a list of API v3 showed of a row under an id other than the best one in the same round:
-- the one created last, then the highest.
-- key: The columns of its key.
-- listed_key: The column with the row's id in its list.
-- same_key: Condition that `incoming` and `best` have the same key.
delete from incoming using (
    select {key}, rounds.round, arg_max("{listed_key}", (coalesce(created_at, '-infinity'), "{listed_key}")) as id
    from incoming
    join rounds on rounds.begins_at <= incoming._synced_at and rounds.ends_at > incoming._synced_at
    where "{listed_key}" is not null
    group by all
    having min("{listed_key}") <> max("{listed_key}")
) as best, rounds
where {same_key}
    and incoming."{listed_key}" <> best.id
    and rounds.round = best.round
    and rounds.begins_at <= incoming._synced_at
    and rounds.ends_at > incoming._synced_at
