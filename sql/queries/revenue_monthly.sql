-- Revenue by month and currency, newest first, with new and repeat orders.
select
    date_trunc('month', purchased_on)::date as month,
    currency,
    count(*) as orders,
    count(*) filter (is_first_order) as first_orders,
    count(*) - count(net) as orders_without_amount,
    sum(net) as revenue,
    (sum(net) / nullif(count(net), 0))::decimal(18, 2) as average_order_value
from fct_purchase
where is_counted
group by all
order by month desc, currency
