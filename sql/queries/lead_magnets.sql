-- Forms by what a signup is worth: who came, who was still active after 30 days (at least), who bought.
select
    name as form,
    joins,
    round(active_after_30_days_rate, 1) as active_after_30_days_rate,
    buyers,
    round(conversion_rate, 1) as conversion_rate,
    currency,
    revenue,
    signup_value
from lead_magnet_conversion
where subscribable_type = 'form' and currency_rank = 1
order by signup_value desc nulls last, joins desc, subscribable_id
