-- One row per customer (a buyer) and currency: recency, frequency, money in bands from 1 to 5 (5 is best), beside the figures of all customers of the currency.
-- @key: buyer, currency
-- @filter: currency = 'USD'
-- @unknown: People who buy under several addresses (each counts as a customer), costs and margins, and orders never reported to the account.
-- buyer: The buyer: the address in lower case.
-- subscriber_id: The person with that address; null for an orphan.
-- currency: The currency's code, '' where the order has none; never sum across currencies.
-- orders: Counted orders.
-- revenue: Net of discount, without tax and shipping.
-- average_order_value: revenue / orders.
-- first_purchase_at: The first counted order.
-- last_purchase_at: The latest counted order.
-- days_since_last: Whole days from the latest order to model_settings.as_of.
-- is_repeat: Whether there is more than one order in the currency.
-- recency_band: 5: bought within 30 days, 4: 90, 3: 180, 2: 365, 1: longer ago.
-- frequency_band: The number of orders, 5 for five and more.
-- monetary_band: Fifths of the currency's customers by revenue, equal revenue in the same band.
-- segment: champion (repeat, within 90 days, upper two fifths of revenue), loyal (repeat, within 180 days), at risk (repeat, longer ago), new (one order, within 90 days), waning (one order, within 180 days), lost.
-- customers: All customers of the currency.
-- repeat_customers: Those with more than one order.
-- repeat_rate: Percent: 100 * repeat_customers / customers.
-- currency_revenue: Revenue of all customers of the currency.
-- customer_value: currency_revenue / customers.
with customers as materialized (
    select
        buyer,
        max(subscriber_id) as subscriber_id,
        coalesce(currency, '') as currency,
        count(*) as orders,
        coalesce(sum(net), 0)::decimal(38, 4) as revenue,
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
        sum(revenue)::decimal(38, 4) as currency_revenue
    from customers
    group by currency
),

ranked as (
    select
        customers.*,
        floor((epoch(model_settings.as_of) - epoch(customers.last_purchase_at)) / 86400)::bigint as days_since_last,
        rank() over (partition by customers.currency order by customers.revenue) as place,
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
        least(5, 1 + 5 * (place - 1) // greatest(customers - 1, 1))::integer as monetary_band
    from ranked
)

select
    buyer,
    subscriber_id,
    currency,
    orders,
    revenue,
    (revenue::double / orders)::decimal(18, 4) as average_order_value,
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
    (currency_revenue::double / customers)::decimal(18, 4) as customer_value
from banded
