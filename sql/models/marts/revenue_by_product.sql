-- One row per product and currency: lines of counted orders. A product is identified by its pid, else by its sku,
-- else by its name.
-- @key: product_key, currency
-- @filter: revenue > 0
-- @unknown: A line's price after the order's discount (which is spread over the lines by their gross amounts), and
-- which line was refunded.
-- product_key: pid:..., sku:... or name:...; `none` for orders without a line; `unsplit` for the revenue of orders
-- that cannot be split, because the price or quantity of one of several lines is unknown.
-- product: The product's name in its latest sale; null for `none` and `unsplit`.
-- currency: The currency's code, '' if the order has none; never sum across currencies.
-- orders: Counted orders that include the product.
-- lines: Lines with the product; for `none` and `unsplit`, their orders.
-- units: Units sold, in lines with a known quantity; null if unknown for all, as with every sum here.
-- lines_without_units: Lines with an unknown quantity.
-- gross: unit_price * quantity, of the lines for which both are known.
-- discount: The lines' share of the orders' discounts, as far as known.
-- revenue: The lines' share of the orders' revenue (net of discount, without tax and shipping), as far as known.
-- lines_without_amount: Lines whose share of the revenue is unknown.
-- average_unit_price: gross / units, of the lines for which both are known.
-- revenue_per_order: revenue / orders with a known amount.
-- buyers: Distinct buyers.
-- new_buyers: Buyers whose first order ever includes the product.
-- first_sold_on: The first day of sale.
-- last_sold_on: The last day of sale.
-- currency_revenue: Revenue of all products in the currency.
-- revenue_share_rate: In percent: 100 * revenue / currency_revenue.
with lines as (
    select
        case
            when nullif(pid, '') is not null then 'pid:' || pid
            when nullif(sku, '') is not null then 'sku:' || sku
            else 'name:' || coalesce(product, '')
        end as product_key,
        purchase_id,
        position,
        product,
        quantity,
        gross,
        discount_share as discount,
        net
    from fct_purchase_item

    union all

    select 'none', id, null, null, null, gross, discount, net
    from fct_purchase
    where id not in (select purchase_id from fct_purchase_item)

    union all

    select 'unsplit', id, null, null, null, null, discount, net
    from fct_purchase
    where net is not null and id in (select purchase_id from fct_purchase_item where net is null)
),

products as (
    select
        lines.product_key,
        arg_max(
            lines.product,
            (fct_purchase.transaction_time is not null, fct_purchase.transaction_time, fct_purchase.id, lines.position)
        ) as product,
        coalesce(fct_purchase.currency, '') as currency,
        count(distinct fct_purchase.id) as orders,
        count(*) as lines,
        try_cast(sum(lines.quantity) as bigint) as units,
        count(*) - count(lines.quantity) as lines_without_units,
        sum(lines.gross)::decimal(38, 4) as gross,
        sum(lines.discount)::decimal(38, 4) as discount,
        sum(lines.net)::decimal(38, 4) as revenue,
        count(*) - count(lines.net) as lines_without_amount,
        sum(lines.quantity) filter (lines.gross is not null) as priced_units,
        count(distinct fct_purchase.id) filter (lines.net is not null) as priced_orders,
        count(distinct fct_purchase.buyer) as buyers,
        count(distinct fct_purchase.buyer) filter (fct_purchase.is_first_order) as new_buyers,
        min(fct_purchase.purchased_on) as first_sold_on,
        max(fct_purchase.purchased_on) as last_sold_on
    from lines
    join fct_purchase on fct_purchase.id = lines.purchase_id
    where fct_purchase.is_counted
    group by all
)

select
    product_key,
    product,
    currency,
    orders,
    lines,
    units,
    lines_without_units,
    gross,
    discount,
    revenue,
    lines_without_amount,
    try_cast(gross::double / nullif(priced_units, 0)::double as decimal(18, 4)) as average_unit_price,
    try_cast(revenue::double / nullif(priced_orders, 0) as decimal(18, 4)) as revenue_per_order,
    buyers,
    new_buyers,
    first_sold_on,
    last_sold_on,
    sum(revenue) over (partition by currency)::decimal(38, 4) as currency_revenue,
    100.0 * revenue::double / nullif(sum(revenue) over (partition by currency), 0)::double as revenue_share_rate
from products
