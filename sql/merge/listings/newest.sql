-- Makes `newest`, from `stood` and `whole`: how each row stood at last, if that is newer than its list's complete
-- reading, and the round and the place in which it came first.
create or replace temp table newest as
select
    slice,
    key,
    max(observed_at) as observed_at,
    arg_max(is_absent, observed_at) as is_absent,
    min(round) as round,
    arg_min(place, observed_at) as place
from stood
anti join whole on whole.slice = stood.slice and whole.found_at >= stood.observed_at
group by slice, key
