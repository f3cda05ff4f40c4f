-- One row per customer (a buyer) and currency: recency, frequency and money in bands from 1 to 5 (5 is best), with
-- the totals of all customers of the currency.
-- @key: buyer, currency
-- @filter: currency = 'USD'
-- @unknown: People who buy under several addresses, unless the mirror saw a person change the address (each counts as
-- a customer); costs and margins; and orders never reported to the account.
-- buyer: The buyer, as in fct_purchase.
-- subscriber_id: The person; null for an orphan.
-- currency: The currency's code, '' if the order has none; never sum across currencies.
-- orders: Counted orders.
-- orders_without_amount: Orders whose amount is unknown; they are in no sum and no average.
-- revenue: Net of discount, without tax and shipping; null if no amount is known.
-- average_order_value: revenue / (orders - orders_without_amount).
-- first_purchase_at: The first counted order.
-- last_purchase_at: The latest counted order.
-- days_since_last: Whole days from the latest order to model_settings.as_of; null if no order has a plausible time.
-- is_repeat: Whether there is more than one order in the currency.
-- recency_band: 5: bought within 30 days, 4: 90, 3: 180, 2: 365, 1: longer ago.
-- frequency_band: The number of orders, 5 for five and more.
-- monetary_band: Fifths of the valued customers by revenue, with equal revenue in the same band; null without
-- revenue.
-- segment: champion (repeat, within 90 days, upper two fifths of revenue), loyal (repeat, within 180 days), at risk
-- (repeat, longer ago), new (one order, within 90 days), waning (one order, within 180 days), lost.
-- customers: All customers of the currency.
-- repeat_customers: Those with more than one order.
-- repeat_rate: In percent: 100 * repeat_customers / customers.
-- currency_revenue: Revenue of all customers of the currency.
-- valued_customers: Customers whose revenue is known.
-- customer_value: currency_revenue / valued_customers.
with customers as materialized (
    select
        buyer,
        max(subscriber_id) as subscriber_id,
        coalesce(currency, '') as currency,
        count(*) as orders,
        count(*) - count(net) as orders_without_amount,
        sum(net)::decimal(38, 4) as revenue,
        min(transaction_time) as first_purchase_at,
        max(transaction_time) as last_purchase_at
    from fct_purchase
    where is_counted
    group by 1, 3
),

currencies as (
    select
        currency,
        count(*) as customers,
        count(*) filter (orders > 1) as repeat_customers,
        sum(revenue)::decimal(38, 4) as currency_revenue,
        count(revenue) as valued_customers
    from customers
    group by currency
),

ranked as (
    select
        customers.*,
        case
            when customers.last_purchase_at is not null
            then floor(greatest(0, epoch(model_settings.as_of) - epoch(customers.last_purchase_at)) / 86400)
        end::bigint as days_since_last,
        rank() over (partition by customers.currency order by customers.revenue nulls last) as place,
        currencies.* exclude (currency)
    from customers
    join currencies on currencies.currency = customers.currency
    cross join model_settings
),

banded as (
    select
        *,
        case
            when days_since_last is null then null
            when days_since_last <= 30 then 5
            when days_since_last <= 90 then 4
            when days_since_last <= 180 then 3
            when days_since_last <= 365 then 2
            else 1
        end as recency_band,
        least(orders, 5)::integer as frequency_band,
        case
            when revenue is not null then least(5, 1 + 5 * (place - 1) // greatest(valued_customers - 1, 1))
        end::integer as monetary_band
    from ranked
)

select
    buyer,
    subscriber_id,
    currency,
    orders,
    orders_without_amount,
    revenue,
    try_cast(revenue::double / (orders - orders_without_amount) as decimal(18, 4)) as average_order_value,
    first_purchase_at,
    last_purchase_at,
    days_since_last,
    orders > 1 as is_repeat,
    recency_band,
    frequency_band,
    monetary_band,
    case
        when recency_band is null then null
        when orders > 1 and recency_band >= 4 and monetary_band >= 4 then 'champion'
        when orders > 1 and recency_band >= 3 then 'loyal'
        when orders > 1 then 'at risk'
        when recency_band >= 4 then 'new'
        when recency_band = 3 then 'waning'
        else 'lost'
    end as segment,
    customers,
    repeat_customers,
    100.0 * repeat_customers / customers as repeat_rate,
    currency_revenue,
    valued_customers,
    try_cast(currency_revenue::double / nullif(valued_customers, 0) as decimal(18, 4)) as customer_value
from banded
