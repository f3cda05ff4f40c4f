-- One row per way in which people came, and currency: their revenue to date and within 30, 90 and 180 days of signing up. Somebody is in one row of every dimension (and currency). Counts of people are over all currencies and the same in each of a source's rows.
-- @key: dimension, source_key, currency
-- @stored: table
-- @filter: dimension = 'first_form' and currency_rank = 1
-- @unknown: Where somebody came from who joined no form, costs of acquiring people, people deleted before the first pull, and whose an order is that was made with an address of nobody on the list (orphans are in no row).
-- dimension: `first_form`, `first_tag`, `acquisition_source`, `referrer_host`, `utm_source`, `utm_medium`, `utm_campaign` or `signup_month` (in the configured zone).
-- source_key: The id of the form or tag, the host, the utm value or the month as 2026-01; '' where there is none.
-- source: Its name; null where there is none. Names of forms and tags need not be unique.
-- currency: The currency's code, '' where orders have none or there are none; never sum across currencies.
-- currency_rank: 1 for the currency with the most counted orders of the account.
-- new_leads: People who came so, in whatever state.
-- new_buyers: Those of them who have bought.
-- conversion_rate: Percent: 100 * new_buyers / new_leads.
-- orders: Their counted orders in the currency.
-- new_lead_revenue: Revenue ever from them: net of discount, without tax and shipping.
-- new_lead_value: new_lead_revenue / new_leads.
-- customers: Those of them who have bought in the currency.
-- customer_value: new_lead_revenue / customers.
-- leads_30_days: People who signed up at least 30 days ago.
-- revenue_30_days: Revenue from these by the end of their 30th day; what they bought before they signed up counts.
-- value_30_days: revenue_30_days / leads_30_days.
-- leads_90_days: People who signed up at least 90 days ago.
-- revenue_90_days: Revenue from these by the end of their 90th day.
-- value_90_days: revenue_90_days / leads_90_days.
-- leads_180_days: People who signed up at least 180 days ago.
-- revenue_180_days: Revenue from these by the end of their 180th day.
-- value_180_days: revenue_180_days / leads_180_days.
with orders as materialized (
    select id, subscriber_id, coalesce(currency, '') as currency, transaction_time, net
    from fct_purchase
    where is_counted
),

currencies as (
    select currency, row_number() over (order by count(*) desc, currency) as currency_rank
    from orders
    group by currency

    union all

    select '', 1 where not exists (from orders)
),

people as (
    select
        dim_subscriber.id,
        first_form_id,
        first_tag_id,
        acquisition_source,
        referrer_host,
        utm_source,
        utm_medium,
        utm_campaign,
        date_trunc('month', created_on) as signup_month,
        is_customer,
        created_at,
        created_at <= as_of - to_hours(30 * 24) as is_30_days,
        created_at <= as_of - to_hours(90 * 24) as is_90_days,
        created_at <= as_of - to_hours(180 * 24) as is_180_days
    from dim_subscriber
    cross join model_settings
),

sales as (
    select
        orders.subscriber_id as id,
        orders.currency,
        count(*) as orders,
        coalesce(sum(net), 0) as revenue,
        sum(net) filter (is_30_days and transaction_time < people.created_at + to_hours(30 * 24)) as revenue_30_days,
        sum(net) filter (is_90_days and transaction_time < people.created_at + to_hours(90 * 24)) as revenue_90_days,
        sum(net) filter (is_180_days and transaction_time < people.created_at + to_hours(180 * 24))
            as revenue_180_days
    from orders
    join people on people.id = orders.subscriber_id
    group by 1, 2
),

leads as (
    select
        case grouping_id(
            first_form_id, first_tag_id, acquisition_source, referrer_host,
            utm_source, utm_medium, utm_campaign, signup_month
        )
            when 127 then 'first_form'
            when 191 then 'first_tag'
            when 223 then 'acquisition_source'
            when 239 then 'referrer_host'
            when 247 then 'utm_source'
            when 251 then 'utm_medium'
            when 253 then 'utm_campaign'
            when 254 then 'signup_month'
        end as dimension,
        coalesce(
            first_form_id::varchar, first_tag_id::varchar, acquisition_source, referrer_host,
            utm_source, utm_medium, utm_campaign, strftime(signup_month, '%Y-%m'), ''
        ) as source_key,
        count(*) as new_leads,
        count(*) filter (is_customer) as new_buyers,
        count(*) filter (is_30_days) as leads_30_days,
        count(*) filter (is_90_days) as leads_90_days,
        count(*) filter (is_180_days) as leads_180_days
    from people
    group by grouping sets (
        first_form_id, first_tag_id, acquisition_source, referrer_host,
        utm_source, utm_medium, utm_campaign, signup_month
    )
),

earned as (
    select
        case grouping_id(
            first_form_id, first_tag_id, acquisition_source, referrer_host,
            utm_source, utm_medium, utm_campaign, signup_month
        )
            when 127 then 'first_form'
            when 191 then 'first_tag'
            when 223 then 'acquisition_source'
            when 239 then 'referrer_host'
            when 247 then 'utm_source'
            when 251 then 'utm_medium'
            when 253 then 'utm_campaign'
            when 254 then 'signup_month'
        end as dimension,
        coalesce(
            first_form_id::varchar, first_tag_id::varchar, acquisition_source, referrer_host,
            utm_source, utm_medium, utm_campaign, strftime(signup_month, '%Y-%m'), ''
        ) as source_key,
        currency,
        count(*) as customers,
        sum(orders)::bigint as orders,
        sum(revenue)::decimal(38, 4) as revenue,
        sum(revenue_30_days)::decimal(38, 4) as revenue_30_days,
        sum(revenue_90_days)::decimal(38, 4) as revenue_90_days,
        sum(revenue_180_days)::decimal(38, 4) as revenue_180_days
    from sales
    join people on people.id = sales.id
    group by currency, grouping sets (
        first_form_id, first_tag_id, acquisition_source, referrer_host,
        utm_source, utm_medium, utm_campaign, signup_month
    )
)

select
    leads.dimension,
    leads.source_key,
    case leads.dimension
        when 'first_form' then forms.name
        when 'first_tag' then tags.name
        else nullif(leads.source_key, '')
    end as source,
    currencies.currency,
    currencies.currency_rank,
    leads.new_leads,
    leads.new_buyers,
    100.0 * leads.new_buyers / leads.new_leads as conversion_rate,
    coalesce(earned.orders, 0) as orders,
    coalesce(earned.revenue, 0)::decimal(38, 4) as new_lead_revenue,
    (coalesce(earned.revenue, 0)::double / leads.new_leads)::decimal(18, 4) as new_lead_value,
    coalesce(earned.customers, 0) as customers,
    (earned.revenue::double / earned.customers)::decimal(18, 4) as customer_value,
    leads.leads_30_days,
    coalesce(earned.revenue_30_days, 0)::decimal(38, 4) as revenue_30_days,
    (coalesce(earned.revenue_30_days, 0)::double / nullif(leads.leads_30_days, 0))::decimal(18, 4) as value_30_days,
    leads.leads_90_days,
    coalesce(earned.revenue_90_days, 0)::decimal(38, 4) as revenue_90_days,
    (coalesce(earned.revenue_90_days, 0)::double / nullif(leads.leads_90_days, 0))::decimal(18, 4) as value_90_days,
    leads.leads_180_days,
    coalesce(earned.revenue_180_days, 0)::decimal(38, 4) as revenue_180_days,
    (coalesce(earned.revenue_180_days, 0)::double / nullif(leads.leads_180_days, 0))::decimal(18, 4) as value_180_days
from leads
cross join currencies
left join earned
    on earned.dimension = leads.dimension
    and earned.source_key = leads.source_key
    and earned.currency = currencies.currency
left join forms on leads.dimension = 'first_form' and forms.id::varchar = leads.source_key
left join tags on leads.dimension = 'first_tag' and tags.id::varchar = leads.source_key
