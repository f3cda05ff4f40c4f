-- In every dimension, the people of ltv_by_source are all people, and the orders and revenue of revenue_by_source are
-- all except those of orphans.
with dimensions as (
    select dimension, sum(new_leads) as people, sum(new_buyers) as buyers
    from ltv_by_source
    group by dimension
),

earned as (
    select dimension, currency, sum(orders) as orders, sum(new_lead_revenue) as revenue
    from revenue_by_source
    group by all
),

currencies as (
    select
        coalesce(currency, '') as currency,
        count(*) filter (not is_orphan) as orders,
        sum(net) filter (not is_orphan) as revenue
    from fct_purchase
    where is_counted
    group by all
)

select dimensions.dimension, earned.currency, currencies.revenue as expected_revenue
from dimensions
join earned on earned.dimension = dimensions.dimension
left join currencies on currencies.currency = earned.currency
where dimensions.people <> (select count(*) from dim_subscriber)
    or dimensions.buyers <> (select count(*) filter (is_customer) from dim_subscriber)
    or earned.orders <> coalesce(currencies.orders, 0)
    or coalesce(earned.revenue, 0) <> coalesce(currencies.revenue, 0)
