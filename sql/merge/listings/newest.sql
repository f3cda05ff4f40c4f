-- Creates `newest`, from `stood` and `whole`: the latest status of each row, if newer than its list's complete scan,
-- with the round and position in which it first appeared. The lists of API v4 have no order that counts.
-- single: The slices whose records are requested by id.
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
where stood.version = 'v3' or stood.slice in ({single})
group by slice, key
