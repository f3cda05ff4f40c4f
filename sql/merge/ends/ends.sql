-- Creates `ends`, from the selects `by_*` and `with_owner`: keys, with the time and round of the evidence that the
-- row is gone; for a complete scan, `slice` names it, and `listed_key` is the id under which a list lacks it.
-- key: The columns of its key.
-- finds: The selects that concern the table, joined by `union all`.
-- during: Condition that found_at is within the period.
create or replace temp table ends as
select {key}, found_at, round, any_value(slice) as slice, listed_key
from (
    {finds}
)
where {during}
group by all
