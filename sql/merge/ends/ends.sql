-- Makes `ends`, from the selects `by_*` and `with_owner`: keys, and when and in which round something said that the row
-- is not there; of a complete reading `slice` says which.
-- key: The columns of its key.
-- finds: Those of the selects that are about the table, with `union all` between.
-- during: That found_at lies in the time that is meant.
create or replace temp table ends as
select {key}, found_at, round, any_value(slice) as slice
from (
    {finds}
)
where {during}
group by all
