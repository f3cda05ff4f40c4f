-- One row per product and currency: lines of counted orders. A product is known by its pid, where there is none by its sku, else by its name.
-- @key: product_key, currency
-- @filter: revenue > 0
-- @unknown: What a line was sold for after the order's discount (it is spread over the lines by their gross amounts) and which line was refunded.
-- product_key: pid:..., sku:... or name:..., and `none` for orders without a line.
-- product: The product's name in its latest sale; null for orders without a line.
-- currency: The currency's code, '' where the order has none; never sum across currencies.
-- orders: Counted orders that have the product.
-- units: Pieces sold.
-- gross: unit_price * quantity.
-- discount: Gross less revenue: the lines' part of the orders' discounts.
-- revenue: The lines' part of the orders' revenue (net of discount, without tax and shipping).
-- average_unit_price: gross / units.
-- revenue_per_order: revenue / orders.
-- buyers: Different buyers (by address, whatever its case).
-- new_buyers: Buyers whose first order ever has the product.
-- first_sold_on: The first day of sale.
-- last_sold_on: The last day of sale.
-- currency_revenue: Revenue of all products in the currency.
-- revenue_share_rate: Percent: 100 * revenue / currency_revenue.
with lines as (
    select
        case
            when nullif(pid, '') is not null then 'pid:' || pid
            when nullif(sku, '') is not null then 'sku:' || sku
            else 'name:' || coalesce(product, '')
        end as product_key,
        purchase_id,
        product,
        quantity,
        gross,
        net
    from fct_purchase_item

    union all

    select 'none', id, null, 0, net, net
    from fct_purchase
    where id not in (select purchase_id from fct_purchase_item)
),

products as (
    select
        lines.product_key,
        arg_max(lines.product, (fct_purchase.transaction_time, fct_purchase.id)) as product,
        coalesce(fct_purchase.currency, '') as currency,
        count(distinct fct_purchase.id) as orders,
        coalesce(sum(lines.quantity), 0)::bigint as units,
        coalesce(sum(lines.gross), 0)::decimal(38, 4) as gross,
        coalesce(sum(lines.net), 0)::decimal(38, 4) as revenue,
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
    units,
    gross,
    (gross - revenue)::decimal(38, 4) as discount,
    revenue,
    (gross::double / nullif(units, 0))::decimal(18, 4) as average_unit_price,
    (revenue::double / orders)::decimal(18, 4) as revenue_per_order,
    buyers,
    new_buyers,
    first_sold_on,
    last_sold_on,
    sum(revenue) over (partition by currency)::decimal(38, 4) as currency_revenue,
    100.0 * revenue::double / nullif(sum(revenue) over (partition by currency), 0)::double as revenue_share_rate
from products
