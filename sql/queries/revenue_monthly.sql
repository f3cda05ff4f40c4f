-- Revenue by month and currency, newest first, with new and repeat orders.
-- @empty: no purchase counts as revenue; with a key of API v4 alone, purchases are not read
select
    date_trunc('month', purchased_on)::date as month,
    currency,
    sum(net) as revenue,
    count(*) as orders,
    (sum(net) / nullif(count(net), 0))::decimal(18, 2) as average_order_value,
    count(*) filter (is_first_order) as first_orders,
    count(*) - count(net) as orders_without_amount
from fct_purchase
where is_counted
group by all
order by month desc, currency
