-- One row per form or tag and currency of the account: purchases made afterwards by people who joined.
-- lead_magnet_conversion has the number who joined, once.
-- @key: subscribable_type, subscribable_id, currency
-- @stored: table
-- @filter: currency_rank = 1
-- @unknown: Whether the form or tag caused a purchase (an order by a person in several counts in each, so their
-- revenues must not be summed), and orders of people whose join date is unknown.
-- subscribable_type: `form` or `tag`.
-- subscribable_id: The id of the form or tag.
-- name: Its current name; names need not be unique.
-- currency: The currency's code, '' if orders have none or there are no orders; never sum across currencies.
-- currency_rank: 1 for the currency with the most counted orders of the account.
-- currency_buyers: People who joined and bought in the currency at or after joining; a person who bought in several
-- is in several rows.
-- orders: Their counted orders in the currency since joining.
-- orders_without_amount: Orders whose amount is unknown; they are in no sum.
-- revenue: Net of discount, without tax and shipping, of these orders; 0 if there are none, null if no amount is
-- known.
-- signup_value: revenue / joins of lead_magnet_conversion.
with joins as (
    select subscribable_type, subscribable_id, subscriber_id, min(joined_at) as joined_at
    from bridge_membership
    where subscribable_type in ('form', 'tag')
        and subscriber_id in (select subscriber_id from fct_purchase where is_counted)
    group by all
),

earned as (
    select
        joins.subscribable_type,
        joins.subscribable_id,
        coalesce(orders.currency, '') as currency,
        count(distinct joins.subscriber_id) as currency_buyers,
        count(*) as orders,
        count(*) - count(orders.net) as orders_without_amount,
        sum(orders.net)::decimal(38, 4) as revenue
    from fct_purchase as orders
    join joins on joins.subscriber_id = orders.subscriber_id and orders.transaction_time >= joins.joined_at
    where orders.is_counted
    group by all
),

-- without orders revenue is 0; with only unknown amounts it is unknown
counted as (
    select
        magnets.*,
        dim_currency.currency,
        dim_currency.currency_rank,
        coalesce(earned.currency_buyers, 0) as currency_buyers,
        coalesce(earned.orders, 0) as orders,
        coalesce(earned.orders_without_amount, 0) as orders_without_amount,
        case when earned.orders > 0 then earned.revenue else 0 end::decimal(38, 4) as revenue
    from lead_magnet_conversion as magnets
    cross join dim_currency
    left join earned
        on earned.subscribable_type = magnets.subscribable_type
        and earned.subscribable_id = magnets.subscribable_id
        and earned.currency = dim_currency.currency
)

select
    subscribable_type,
    subscribable_id,
    name,
    currency,
    currency_rank,
    currency_buyers,
    orders,
    orders_without_amount,
    revenue,
    try_cast(revenue::double / nullif(joins, 0) as decimal(18, 4)) as signup_value
from counted
