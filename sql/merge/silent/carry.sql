-- Changes `incoming`: columns that its records are silent about get their values from `carried`.
-- sets: The assignments.
update incoming set {sets}
from carried
where incoming.rowid = carried._row
