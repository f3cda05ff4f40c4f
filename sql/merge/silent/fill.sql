-- Changes rows of main, or the open versions of history, in place to the values of `filled`.
-- relation: The table.
-- sets: The assignments.
-- same_key: Condition that `old` and `filled` have the same key.
-- which: Condition that a row may be changed.
update {relation} as old set {sets}
from filled
where {same_key} and {which}
