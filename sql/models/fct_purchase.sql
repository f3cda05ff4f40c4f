-- One row per purchase, with what it is worth net and who made it.
-- @key: id
-- @stored: table
-- @filter: is_counted
-- @unknown: When a purchase was refunded: v3 has only its status of today, and old accounts may have others than `paid`.
-- id: The purchase's id.
-- transaction_id: The seller's own number.
-- status: As the shop gave it; mostly `paid`.
-- is_counted: Whether it is a sale; not one that was refunded, voided, failed or is still open.
-- subscriber_id: The buyer in the mirror; null: nobody there has the address.
-- email_address: The buyer's address, as the shop gave it.
-- buyer: The buyer: the address in lower case.
-- is_orphan: Whether the buyer is no person of the mirror.
-- currency: Of all amounts of this purchase.
-- transaction_time: When it was made.
-- purchased_on: The day in the configured zone.
-- subtotal: As the shop gave it; what was bought, before discount, tax and shipping.
-- discount: As the shop gave it; 0 where it gave none.
-- tax: As the shop gave it; 0 where it gave none.
-- shipping: As the shop gave it; 0 where it gave none.
-- total: As the shop gave it; what was paid.
-- net: Revenue: what was bought less the discount, without tax and shipping; null where no amount is known.
-- units: How many pieces all its lines have.
-- order_number: 1 for the buyer's first counted purchase; null where it is not counted.
-- is_first_order: Whether it is the buyer's first counted purchase.
with orders as (
    select
        purchases.*,
        coalesce(lower(trim(email_address)), 'purchase ' || id) as buyer,
        lower(trim(coalesce(status, ''))) not in (
            'refunded', 'refund', 'voided', 'void', 'failed', 'pending', 'cancelled', 'canceled', 'declined',
            'disputed', 'chargeback', 'charged_back', 'incomplete', 'expired', 'unpaid', 'open', 'error'
        ) as is_counted
    from purchases
),

numbered as (
    select id, row_number() over (partition by buyer order by transaction_time nulls last, id) as order_number
    from orders
    where is_counted
),

units as (
    select purchase_id, sum(quantity)::bigint as units
    from purchase_products
    group by purchase_id
),

addresses as (
    select lower(trim(email_address)) as email_address, min(id) as id
    from subscribers
    where lower(trim(email_address)) in (select buyer from orders)
    group by 1
),

people as (
    select id from subscribers where id in (select subscriber_id from orders)
)

select
    orders.id,
    orders.transaction_id,
    orders.status,
    orders.is_counted,
    coalesce(addresses.id, people.id) as subscriber_id,
    orders.email_address,
    orders.buyer,
    coalesce(addresses.id, people.id) is null as is_orphan,
    orders.currency,
    orders.transaction_time,
    timezone(model_settings.timezone, orders.transaction_time)::date as purchased_on,
    orders.subtotal,
    coalesce(orders.discount, 0) as discount,
    coalesce(orders.tax, 0) as tax,
    coalesce(orders.shipping, 0) as shipping,
    orders.total,
    (
        coalesce(
            orders.subtotal,
            orders.total - coalesce(orders.tax, 0) - coalesce(orders.shipping, 0) + coalesce(orders.discount, 0)
        ) - coalesce(orders.discount, 0)
    )::decimal(18, 4) as net,
    coalesce(units.units, 0) as units,
    numbered.order_number,
    coalesce(numbered.order_number = 1, false) as is_first_order
from orders
cross join model_settings
left join numbered on numbered.id = orders.id
left join units on units.purchase_id = orders.id
left join addresses on addresses.email_address = orders.buyer
left join people on people.id = orders.subscriber_id
