-- One row per day of sale and currency: counted orders only, days without a sale have no row.
-- @filter: day >= (select as_of from model_settings)::date - 365
-- @unknown: Refunds made after the sale (v3 shows a status, never a refund's moment or part of an amount), fees of the shop, and orders never reported to the account.
-- day: The day of sale in the configured zone; null where the API gave no readable time.
-- currency: The currency's code, '' where the order has none; never sum across currencies.
-- orders: Counted orders.
-- units: Pieces sold in them.
-- gross: Price before discount, without tax and shipping: revenue + discount.
-- discount: Discount given.
-- revenue: Net of discount, without tax and shipping.
-- tax: Tax, not part of revenue.
-- shipping: Shipping, not part of revenue.
-- average_order_value: revenue / orders.
-- buyers: Different buyers of the day (by address, whatever its case).
-- new_buyers: Buyers whose first order ever is among these.
-- repeat_buyers: The other buyers of the day.
-- new_orders: Orders that are their buyer's first.
-- new_revenue: Revenue of these.
-- repeat_orders: Orders that are not their buyer's first.
-- repeat_revenue: Revenue of these.
select
    purchased_on as day,
    coalesce(currency, '') as currency,
    count(*) as orders,
    sum(units)::bigint as units,
    (coalesce(sum(net), 0) + sum(discount))::decimal(38, 4) as gross,
    sum(discount)::decimal(38, 4) as discount,
    coalesce(sum(net), 0)::decimal(38, 4) as revenue,
    sum(tax)::decimal(38, 4) as tax,
    sum(shipping)::decimal(38, 4) as shipping,
    (coalesce(sum(net), 0)::double / count(*))::decimal(18, 4) as average_order_value,
    count(distinct buyer) as buyers,
    count(distinct buyer) filter (is_first_order) as new_buyers,
    count(distinct buyer) - count(distinct buyer) filter (is_first_order) as repeat_buyers,
    count(*) filter (is_first_order) as new_orders,
    coalesce(sum(net) filter (is_first_order), 0)::decimal(38, 4) as new_revenue,
    count(*) filter (not is_first_order) as repeat_orders,
    coalesce(sum(net) filter (not is_first_order), 0)::decimal(38, 4) as repeat_revenue
from fct_purchase
where is_counted
group by all
