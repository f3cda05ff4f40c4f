-- Deletes from `ends` rows that their list showed under another id in the same round: somebody left and joined again,
-- or is listed twice.
-- same_key: Condition that `ends` and `incoming` have the same key.
-- listed_key: The column with the row's id in its list.
delete from ends using incoming, rounds
where {same_key}
    and incoming."{listed_key}" <> ends.listed_key
    and rounds.round = ends.round
    and incoming._synced_at >= rounds.begins_at
    and incoming._synced_at < rounds.ends_at
