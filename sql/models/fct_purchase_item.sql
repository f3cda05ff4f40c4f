-- One row per line of a purchase, with its share of the purchase's net amount.
-- @key: purchase_id, position
-- @stored: table
-- @filter: is_counted
-- @unknown: How a discount was really split: it is split by what the lines cost, and the first line takes what rounding leaves.
-- purchase_id: The purchase.
-- position: The line's place in it, from 1.
-- subscriber_id: The buyer in the mirror; null: nobody there has the address.
-- buyer: The buyer: the address in lower case.
-- currency: Of all amounts of this line.
-- purchased_on: The day in the configured zone.
-- transaction_time: When the purchase was made.
-- is_counted: Whether the purchase is a sale.
-- is_first_order: Whether it is the buyer's first counted purchase.
-- product: The product's name.
-- sku: The seller's number of the product.
-- pid: The shop's number of the product.
-- lid: The shop's number of the line.
-- unit_price: Of one piece.
-- quantity: Pieces.
-- gross: unit_price times quantity.
-- discount_share: The line's share of the purchase's discount.
-- net: The line's share of the purchase's net; those of a purchase add up to it.
with lines as (
    select
        *,
        coalesce(unit_price * quantity, 0)::decimal(18, 4) as gross,
        row_number() over (partition by purchase_id order by position) = 1 as is_first
    from purchase_products
),

shares as (
    select
        lines.* exclude (unit_price, quantity),
        lines.unit_price,
        lines.quantity,
        orders.* exclude (id, net, discount, units, order_number),
        orders.net as order_net,
        orders.discount as order_discount,
        -- a purchase whose lines cost nothing gives all to the first
        coalesce(
            lines.gross::double / nullif(sum(lines.gross) over (partition by lines.purchase_id), 0)::double,
            lines.is_first::int
        ) as share
    from lines
    join fct_purchase as orders on orders.id = lines.purchase_id
),

split as (
    select
        *,
        round(order_net::double * share, 4)::decimal(18, 4) as net_share,
        round(order_discount::double * share, 4)::decimal(18, 4) as discount_share
    from shares
)

select
    purchase_id,
    position,
    subscriber_id,
    buyer,
    currency,
    purchased_on,
    transaction_time,
    is_counted,
    is_first_order,
    name as product,
    sku,
    pid,
    lid,
    unit_price,
    quantity,
    gross,
    (
        discount_share
        + case when is_first then order_discount - sum(discount_share) over (partition by purchase_id) else 0 end
    )::decimal(18, 4) as discount_share,
    (
        net_share + case when is_first then order_net - sum(net_share) over (partition by purchase_id) else 0 end
    )::decimal(18, 4) as net
from split
