-- One row per origin of people and currency of the account: their revenue to date and within 30, 90 and 180 days of
-- signing up. ltv_by_source has the number of people, once.
-- @key: dimension, source_key, currency
-- @stored: table
-- @filter: dimension = 'first_form' and currency_rank = 1
-- @unknown: The origin of people who joined no form, acquisition costs, and the buyer of an order whose address
-- is not on the list (orphans are in no row).
-- dimension: `first_form`, `first_tag`, `acquisition_source`, `referrer_host`, `utm_source`, `utm_medium`,
-- `utm_campaign`, `signup_month` (in the configured zone), or by Kit's attribution `source_type`, `source_name` or
-- `source_mechanism` (v4; missing where the mirror has none).
-- source_key: Id of the form or tag, the host, the value, or the month as 2026-01; '' if there is none.
-- source: Its name; null if there is none. Names of forms and tags need not be unique.
-- currency: The currency's code, '' if orders have none or there are no orders; never sum across currencies.
-- currency_rank: 1 for the currency with the most counted orders of the account.
-- orders: Counted orders in the currency by people of this origin.
-- orders_without_amount: Orders whose amount is unknown; they are in no sum.
-- new_lead_revenue: Revenue to date from them: net of discount, without tax and shipping; 0 if there are no orders,
-- null if no amount is known, as with all sums here.
-- new_lead_value: new_lead_revenue / new_leads of ltv_by_source.
-- currency_customers: Of these people, those who have bought in the currency; a person who bought in several is in
-- several rows.
-- valued_customers: Of these, people with a known amount.
-- customer_value: new_lead_revenue / valued_customers.
-- revenue_30_days: Revenue, by the end of their 30th day, from people who signed up at least 30 days ago; purchases
-- before sign-up count.
-- value_30_days: revenue_30_days / leads_30_days of ltv_by_source.
-- revenue_90_days: The same by the end of the 90th day.
-- value_90_days: revenue_90_days / leads_90_days of ltv_by_source.
-- revenue_180_days: The same by the end of the 180th day.
-- value_180_days: revenue_180_days / leads_180_days of ltv_by_source.
-- precision: Of the source, as in ltv_by_source.
with people as (
    select
        id as subscriber_id,
        created_at,
        created_at <= as_of - to_hours(30 * 24) as is_30_days,
        created_at <= as_of - to_hours(90 * 24) as is_90_days,
        created_at <= as_of - to_hours(180 * 24) as is_180_days
    from dim_subscriber
    cross join model_settings
    where is_customer
),

sales as (
    select
        orders.subscriber_id,
        coalesce(orders.currency, '') as currency,
        count(*) as orders,
        count(net) as valued_orders,
        sum(net) as revenue,
        count(*) filter (is_30_days and transaction_time < people.created_at + to_hours(30 * 24)) as orders_30_days,
        sum(net) filter (is_30_days and transaction_time < people.created_at + to_hours(30 * 24)) as revenue_30_days,
        count(*) filter (is_90_days and transaction_time < people.created_at + to_hours(90 * 24)) as orders_90_days,
        sum(net) filter (is_90_days and transaction_time < people.created_at + to_hours(90 * 24)) as revenue_90_days,
        count(*) filter (is_180_days and transaction_time < people.created_at + to_hours(180 * 24)) as orders_180_days,
        sum(net) filter (is_180_days and transaction_time < people.created_at + to_hours(180 * 24)) as revenue_180_days
    from fct_purchase as orders
    join people on people.subscriber_id = orders.subscriber_id
    where orders.is_counted
    group by 1, 2
),

earned as (
    select
        sources.dimension,
        sources.source_key,
        sales.currency,
        count(*) as currency_customers,
        count(sales.revenue) as valued_customers,
        sum(sales.orders)::bigint as orders,
        sum(sales.orders - sales.valued_orders)::bigint as orders_without_amount,
        sum(sales.revenue)::decimal(38, 4) as revenue,
        sum(sales.orders_30_days) as orders_30_days,
        sum(sales.revenue_30_days)::decimal(38, 4) as revenue_30_days,
        sum(sales.orders_90_days) as orders_90_days,
        sum(sales.revenue_90_days)::decimal(38, 4) as revenue_90_days,
        sum(sales.orders_180_days) as orders_180_days,
        sum(sales.revenue_180_days)::decimal(38, 4) as revenue_180_days
    from sales
    join subscriber_sources as sources on sources.subscriber_id = sales.subscriber_id
    where sources.is_customer
    group by sources.dimension, sources.source_key, sales.currency
),

-- without orders revenue is 0; with only unknown amounts it is unknown
counted as (
    select
        leads.*,
        dim_currency.currency,
        dim_currency.currency_rank,
        coalesce(earned.orders, 0) as orders,
        coalesce(earned.orders_without_amount, 0) as orders_without_amount,
        coalesce(earned.currency_customers, 0) as currency_customers,
        coalesce(earned.valued_customers, 0) as valued_customers,
        case when earned.orders > 0 then earned.revenue else 0 end::decimal(38, 4) as new_lead_revenue,
        case when earned.orders_30_days > 0 then earned.revenue_30_days else 0 end::decimal(38, 4) as revenue_30_days,
        case when earned.orders_90_days > 0 then earned.revenue_90_days else 0 end::decimal(38, 4) as revenue_90_days,
        case when earned.orders_180_days > 0 then earned.revenue_180_days else 0 end::decimal(38, 4) as revenue_180_days
    from ltv_by_source as leads
    cross join dim_currency
    left join earned
        on earned.dimension = leads.dimension
        and earned.source_key = leads.source_key
        and earned.currency = dim_currency.currency
)

select
    dimension,
    source_key,
    source,
    currency,
    currency_rank,
    orders,
    orders_without_amount,
    new_lead_revenue,
    try_cast(new_lead_revenue::double / new_leads as decimal(18, 4)) as new_lead_value,
    currency_customers,
    valued_customers,
    case when valued_customers > 0 then try_cast(new_lead_revenue::double / valued_customers as decimal(18, 4)) end
        as customer_value,
    revenue_30_days,
    try_cast(revenue_30_days::double / nullif(leads_30_days, 0) as decimal(18, 4)) as value_30_days,
    revenue_90_days,
    try_cast(revenue_90_days::double / nullif(leads_90_days, 0) as decimal(18, 4)) as value_90_days,
    revenue_180_days,
    try_cast(revenue_180_days::double / nullif(leads_180_days, 0) as decimal(18, 4)) as value_180_days,
    precision
from counted
