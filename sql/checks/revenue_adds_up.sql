-- Revenue and orders by currency are the same in fct_purchase, revenue_daily, revenue_by_product, customer_value,
-- organic_vs_attributed and both attributions; none includes unknown amounts.
with told as (
    select 'fct_purchase' as model, coalesce(currency, '') as currency, sum(net) as revenue, count(*) as orders
    from fct_purchase
    where is_counted
    group by all

    union all

    select 'revenue_daily', currency, sum(revenue), sum(orders) from revenue_daily group by all

    union all

    select 'revenue_by_product', currency, sum(revenue), null from revenue_by_product group by all

    union all

    select 'customer_value', currency, sum(revenue), sum(orders) from customer_value group by all

    union all

    select 'attribution_last_touch', currency, sum(revenue), count(*) from attribution_last_touch group by all

    union all

    select 'attribution_first_touch', currency, sum(revenue), count(*) from attribution_first_touch group by all

    union all

    select 'organic_vs_attributed', currency, sum(revenue),
        sum(attributed_orders) + sum(organic_orders)
    from organic_vs_attributed
    group by all
)

select currency, list((model, revenue, orders) order by model) as told
from told
group by currency
having count(*) <> 7 or max(revenue) <> min(revenue) or count(revenue) not in (0, 7) or max(orders) <> min(orders)
