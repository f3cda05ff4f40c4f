-- Tags by the share of their people who bought after getting the tag, with confidence bounds and revenue.
-- @empty: no tag has as many people as [models] minimum_support requires
select
    magnet.name as tag,
    round(magnet.conversion_rate, 1) as conversion_rate,
    magnet.buyers,
    magnet.joins,
    earned.revenue,
    earned.currency,
    round(magnet.conversion_low, 1) as by_chance_from,
    round(magnet.conversion_high, 1) as by_chance_to
from lead_magnet_conversion as magnet
join lead_magnet_revenue as earned using (subscribable_type, subscribable_id)
where subscribable_type = 'tag'
    and earned.currency_rank = 1
    and magnet.joins >= (select minimum_support from model_settings)
order by magnet.conversion_rate desc, magnet.joins desc, subscribable_id
