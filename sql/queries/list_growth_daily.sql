-- The last 30 days of the list: people who joined (with the 7-day mean), who left, and who are active.
-- @empty: the list is empty, or was never read to the end; the first pull was {first_pull}
select day, joined, lost, net, active_end, round(joined_average_7d, 1) as average_7d, precision
from list_growth_daily
where day > (select max(day) from list_growth_daily) - 30
order by day desc
