-- The 100 cold people most worth winning back: customers first, then those who once opened or clicked (v4).
-- @empty: no active person is cold; only API v4 gives engagement
select
    email_address,
    reason,
    revenue,
    revenue_currency as currency,
    order_count as orders,
    last_engaged_at::date as last_engaged_on,
    sent,
    tenure_days,
    acquisition_source,
    place,
    subscriber_id
from reengagement_candidates
order by place
limit 100
