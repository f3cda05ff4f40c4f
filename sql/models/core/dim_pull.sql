-- One row per pull that read the lists of people to the end: the times between which any change can be dated.
-- @key: load_id
-- @filter: is_first
-- @unknown: When exactly something happened between two pulls: only the two are known as bounds.
-- load_id: Its last load; a stopped pull continues in another load.
-- began_at: When it started reading.
-- ended_at: When it had read everything.
-- is_first: Whether it is the first; the start of anything it found is unknown.
with loads as (
    select
        *,
        count(*) filter (is_finished) over (order by load_id rows between unbounded preceding and 1 preceding) as round
    from _cksync.loads
    where streams = 'all' or list_contains(string_split(streams, ', '), 'subscribers')
)

select
    max(load_id) as load_id,
    min(started_at) as began_at,
    max(ended_at) as ended_at,
    round = 0 as is_first
from loads
group by round
having bool_or(is_finished)
