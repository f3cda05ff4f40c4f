-- Forms by the value of a sign-up: people who joined, were still active after 30 days (lower bound), and bought.
-- @empty: no form has members
select
    magnet.name as form,
    earned.signup_value,
    earned.currency,
    magnet.joins,
    round(magnet.conversion_rate, 1) as conversion_rate,
    magnet.buyers,
    earned.revenue,
    round(magnet.active_after_30_days_rate, 1) as active_after_30_days_rate,
    round(magnet.conversion_low, 1) as by_chance_from,
    round(magnet.conversion_high, 1) as by_chance_to
from lead_magnet_conversion as magnet
join lead_magnet_revenue as earned using (subscribable_type, subscribable_id)
where subscribable_type = 'form' and earned.currency_rank = 1
order by earned.signup_value desc nulls last, magnet.joins desc, subscribable_id
