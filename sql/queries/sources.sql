-- Where people come from, and how good they are: still active, cold (v4), buying; the largest sources first.
-- @empty: the list is empty, or was never read to the end
select
    coalesce(source, '(none)') as source,
    new_leads,
    round(active_rate, 1) as active_rate,
    round(conversion_rate, 1) as conversion_rate,
    round(cold_rate, 1) as cold_rate,
    round(open_rate, 1) as open_rate,
    active,
    round(early_lost_rate, 1) as early_lost_rate,
    round(active_low, 1) as by_chance_from,
    round(active_high, 1) as by_chance_to,
    source_precision
from list_quality_by_source
where dimension = 'acquisition_source'
order by new_leads desc, source_key
