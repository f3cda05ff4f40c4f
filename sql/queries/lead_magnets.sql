-- Forms by the value of a sign-up: people who joined, were still active after 30 days (lower bound), and bought.
select
    magnet.name as form,
    magnet.joins,
    round(magnet.active_after_30_days_rate, 1) as active_after_30_days_rate,
    magnet.buyers,
    round(magnet.conversion_rate, 1) as conversion_rate,
    round(magnet.conversion_low, 1) as by_chance_from,
    round(magnet.conversion_high, 1) as by_chance_to,
    earned.currency,
    earned.revenue,
    earned.signup_value
from lead_magnet_conversion as magnet
join lead_magnet_revenue as earned using (subscribable_type, subscribable_id)
where subscribable_type = 'form' and earned.currency_rank = 1
order by earned.signup_value desc nulls last, magnet.joins desc, subscribable_id
