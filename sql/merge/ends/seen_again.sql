-- Changes `ends`: a row that `incoming` shows again in the same round is not gone.
-- same_key: Condition that `ends` and `incoming` have the same key.
delete from ends using incoming, rounds
where {same_key}
    and rounds.round = ends.round
    and incoming._synced_at > ends.found_at
    and incoming._synced_at < rounds.ends_at
