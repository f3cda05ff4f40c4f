-- The 100 cold people most worth winning back: customers first, then those who once opened or clicked (v4).
select
    place,
    subscriber_id,
    email_address,
    reason,
    order_count as orders,
    revenue,
    revenue_currency as currency,
    sent,
    last_engaged_at::date as last_engaged_on,
    tenure_days,
    acquisition_source
from reengagement_candidates
order by place
limit 100
