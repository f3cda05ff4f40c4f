-- One row per day of sale and currency: counted orders only; days without a sale have no row.
-- @filter: day >= (select as_of from model_settings)::date - 365
-- @unknown: Refunds made after the sale (v3 shows a status, never a refund's time or partial amount), shop fees, and
-- orders never reported to the account.
-- day: The day of sale in the configured zone; null if the API gave no readable time, or an impossible one (see
-- fct_purchase).
-- currency: The currency's code, '' if the order has none; never sum across currencies.
-- orders: Counted orders.
-- orders_without_amount: Orders whose net amount is unknown; they are in no sum of money and no average.
-- units: Units sold, in orders with a known quantity; null if unknown for all, as with every sum here.
-- orders_without_units: Orders whose number of units is unknown.
-- gross: Price before discount, without tax and shipping.
-- discount: Discount given, if the shop reported it.
-- revenue: Net of discount, without tax and shipping.
-- tax: Tax, not part of revenue.
-- shipping: Shipping, not part of revenue.
-- average_order_value: revenue / (orders - orders_without_amount).
-- buyers: Distinct buyers of the day.
-- new_buyers: Buyers whose first order ever is among these.
-- repeat_buyers: The other buyers of the day.
-- new_orders: Orders that are their buyer's first.
-- new_revenue: Revenue of these; 0 if there are none, null if no amount is known.
-- repeat_orders: Orders that are not their buyer's first.
-- repeat_revenue: Revenue of these, likewise.
select
    purchased_on as day,
    coalesce(currency, '') as currency,
    count(*) as orders,
    count(*) - count(net) as orders_without_amount,
    try_cast(sum(units) as bigint) as units,
    count(*) - count(units) as orders_without_units,
    sum(gross)::decimal(38, 4) as gross,
    sum(discount)::decimal(38, 4) as discount,
    sum(net)::decimal(38, 4) as revenue,
    sum(tax)::decimal(38, 4) as tax,
    sum(shipping)::decimal(38, 4) as shipping,
    try_cast(sum(net)::double / nullif(count(net), 0) as decimal(18, 4)) as average_order_value,
    count(distinct buyer) as buyers,
    count(distinct buyer) filter (is_first_order) as new_buyers,
    count(distinct buyer) - count(distinct buyer) filter (is_first_order) as repeat_buyers,
    count(*) filter (is_first_order) as new_orders,
    case
        when count(*) filter (is_first_order) > 0 then sum(net) filter (is_first_order)
        else 0
    end::decimal(38, 4) as new_revenue,
    count(*) filter (not is_first_order) as repeat_orders,
    case
        when count(*) filter (not is_first_order) > 0 then sum(net) filter (not is_first_order)
        else 0
    end::decimal(38, 4) as repeat_revenue
from fct_purchase
where is_counted
group by all
