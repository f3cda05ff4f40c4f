-- Changes `incoming`: a time or number that only has fewer digits than the one in main takes that.
-- table: The table's name.
-- sets: The assignments.
-- same_key: Condition that `incoming` and `held` have the same key.
update incoming set {sets}
from main."{table}" as held
where {same_key}
