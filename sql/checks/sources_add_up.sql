-- In every dimension of ltv_by_source the people are all people, and the revenue all revenue that is not an orphan's.
with dimensions as (
    select dimension, currency, sum(new_leads) as people, sum(new_lead_revenue) as revenue
    from ltv_by_source
    group by all
),

currencies as (
    select coalesce(currency, '') as currency, coalesce(sum(net) filter (not is_orphan), 0) as revenue
    from fct_purchase
    where is_counted
    group by all
)

select dimensions.*, currencies.revenue as expected_revenue
from dimensions
left join currencies on currencies.currency = dimensions.currency
where dimensions.people <> (select count(*) from dim_subscriber)
    or dimensions.revenue <> coalesce(currencies.revenue, 0)
