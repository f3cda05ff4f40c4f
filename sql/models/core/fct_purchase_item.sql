-- One row per line of a purchase, with its share of the purchase's net amount.
-- @key: purchase_id, position
-- @stored: table
-- @filter: is_counted
-- @unknown: How a discount was really split: it is split in proportion to gross amounts, and the first line takes the
-- rounding difference. If the price or quantity of one of several lines is unknown, it cannot be split.
-- purchase_id: The purchase.
-- position: The line's position in the purchase, from 1.
-- subscriber_id: The buyer in the mirror; null: the mirror has no one with the address.
-- buyer: The buyer, as in fct_purchase.
-- currency: The currency code of all amounts, in capitals.
-- purchased_on: The day in the configured zone.
-- transaction_time: When the purchase was made.
-- is_counted: Whether the purchase is a sale.
-- is_first_order: Whether it is the buyer's first counted purchase.
-- product: The product's name.
-- sku: The seller's product number.
-- pid: The shop's product id.
-- lid: The shop's id of the line.
-- unit_price: Price of one unit; null if unknown.
-- quantity: Number of units; null if unknown, as with 1.5.
-- gross: unit_price times quantity; null if either is unknown.
-- discount_share: The line's share of the purchase's discount; null if that or the share is unknown.
-- net: The line's share of the purchase's net; the lines of a purchase add up to it, or are null if it cannot be
-- split.
with lines as (
    select
        *,
        try_cast(unit_price * quantity as decimal(18, 4)) as gross,
        -- the first line takes the rounding difference, so that the lines of a purchase add up to it
        row_number() over (partition by purchase_id order by position) = 1 as is_first,
        count(*) over (partition by purchase_id) as lines
    from purchase_products
),

shares as (
    select
        lines.* exclude (unit_price, quantity),
        lines.unit_price,
        lines.quantity,
        orders.* exclude (id, gross, net, discount, units, order_number),
        orders.net as order_net,
        orders.discount as order_discount,
        case
            when lines.lines = 1 then 1
            -- if all lines cost nothing, the first takes everything
            when count(lines.gross) over (partition by lines.purchase_id) = lines.lines then coalesce(
                lines.gross::double / nullif(sum(lines.gross) over (partition by lines.purchase_id), 0)::double,
                lines.is_first::int
            )
        end as share
    from lines
    join fct_purchase as orders on orders.id = lines.purchase_id
),

split as (
    select
        *,
        try_cast(round(order_net::double * share, 4) as decimal(18, 4)) as net_share,
        try_cast(round(order_discount::double * share, 4) as decimal(18, 4)) as discount_share
    from shares
),

summed as (
    -- either all lines of a purchase have a share, or none has
    select
        *,
        case when count(net_share) over purchase = lines then sum(net_share) over purchase end as net_of_lines,
        case when count(discount_share) over purchase = lines then sum(discount_share) over purchase end
            as discount_of_lines
    from split
    window purchase as (partition by purchase_id)
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
    try_cast(
        discount_share + case when is_first then order_discount - discount_of_lines else 0 * discount_of_lines end
        as decimal(18, 4)
    ) as discount_share,
    try_cast(net_share + case when is_first then order_net - net_of_lines else 0 * net_of_lines end as decimal(18, 4))
        as net
from summed
