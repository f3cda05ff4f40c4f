-- One row per purchase, with its net value and its buyer.
-- @key: id
-- @stored: table
-- @filter: is_counted
-- @unknown: When a purchase was refunded: v3 has only its current status, and old accounts may have values other than
-- `paid`.
-- id: The purchase's id.
-- transaction_id: The shop's order id.
-- status: As the shop gave it; usually `paid`.
-- is_counted: Whether it is a sale: not refunded, voided, failed or still open.
-- subscriber_id: The buyer in the mirror: the person who had the address when the purchase was first seen, else who
-- has it now or had it last; null: the mirror has no such person.
-- email_address: The buyer's address, as the shop gave it.
-- buyer: The buyer: the person's current address in lower case, so that orders under a former address belong to the
-- same buyer; for an orphan, the address of the order.
-- is_orphan: Whether the buyer is not in the mirror.
-- currency: The currency code of all amounts, in capitals; null if the shop gave none.
-- transaction_time: When it was made; null if the API gave no readable time, or one before
-- model_settings.plausible_from or after plausible_to.
-- purchased_on: The day in the configured zone.
-- subtotal: As the shop gave it: the price before discount, tax and shipping. Null if unknown, as with all amounts.
-- discount: As the shop gave it.
-- tax: As the shop gave it.
-- shipping: As the shop gave it.
-- total: As the shop gave it: the amount paid.
-- gross: Price before discount, without tax and shipping: subtotal, else derived from net.
-- net: Revenue: subtotal less discount, else total less tax and shipping. An amount that the shop did not give counts
-- as 0; an unreadable one makes net null.
-- units: Number of units in its lines; null if there is no line, or a quantity is unknown.
-- order_number: 1 for the buyer's first counted purchase; null if it is not counted.
-- is_first_order: Whether it is the buyer's first counted purchase.
with orders as (
    select
        purchases.* replace (
            nullif(upper(trim(currency)), '') as currency,
            case when transaction_time between plausible_from and plausible_to then transaction_time end
                as transaction_time
        ),
        nullif(lower(trim(email_address)), '') as address,
        lower(trim(coalesce(status, ''))) not in (
            'refunded', 'refund', 'voided', 'void', 'failed', 'pending', 'cancelled', 'canceled', 'declined',
            'disputed', 'chargeback', 'charged_back', 'incomplete', 'expired', 'unpaid', 'open', 'error'
        ) as is_counted,
        -- 0 if the shop gave none, null if it gave an unreadable value, which is in _extra
        case when not coalesce(json_exists(_extra, '$.discount'), false) then coalesce(discount, 0) else discount end
            as discount_taken,
        case when not coalesce(json_exists(_extra, '$.tax'), false) then coalesce(tax, 0) else tax end as tax_taken,
        case when not coalesce(json_exists(_extra, '$.shipping'), false) then coalesce(shipping, 0) else shipping end
            as shipping_taken,
        timezone
    from purchases
    cross join model_settings
),

last_addresses as (
    -- of everyone named in an order, including people who are gone
    select id, arg_max(nullif(lower(trim(email_address)), ''), (valid_from, change)) as address
    from history.subscribers
    where id in (select subscriber_id from orders)
    group by id
),

addressed as (
    select
        orders.id,
        people.id as named_id,
        coalesce(last_addresses.address, orders.address) as address
    from orders
    left join last_addresses on last_addresses.id = orders.subscriber_id
    left join subscribers as people on people.id = orders.subscriber_id
),

holders as (
    -- the person who has an address now, else who had it last
    select
        nullif(lower(trim(email_address)), '') as address,
        arg_max(id, (valid_to is null, valid_from, -id)) as id
    from history.subscribers
    where change <> 'delete' and lower(trim(email_address)) in (select address from addressed where named_id is null)
    group by 1
),

buyers as (
    select
        addressed.id,
        person.id as subscriber_id,
        coalesce(nullif(lower(trim(person.email_address)), ''), addressed.address, 'purchase ' || addressed.id) as buyer
    from addressed
    left join holders on holders.address = addressed.address
    left join subscribers as person on person.id = coalesce(addressed.named_id, holders.id)
),

units as (
    select purchase_id, case when count(quantity) = count(*) then sum(quantity) end as units
    from purchase_products
    group by purchase_id
),

priced as (
    select
        *,
        try_cast(
            coalesce(subtotal - discount_taken, total - tax_taken - shipping_taken) as decimal(18, 4)
        ) as net
    from orders
),

numbered as (
    select
        priced.* exclude (subscriber_id),
        buyers.subscriber_id,
        buyers.buyer,
        case when is_counted then row_number() over (
            partition by buyers.buyer, priced.is_counted order by priced.transaction_time nulls last, priced.id
        ) end as order_number
    from priced
    join buyers on buyers.id = priced.id
)

select
    numbered.id,
    numbered.transaction_id,
    numbered.status,
    numbered.is_counted,
    numbered.subscriber_id,
    numbered.email_address,
    numbered.buyer,
    numbered.subscriber_id is null as is_orphan,
    numbered.currency,
    numbered.transaction_time,
    timezone(numbered.timezone, numbered.transaction_time)::date as purchased_on,
    numbered.subtotal,
    numbered.discount,
    numbered.tax,
    numbered.shipping,
    numbered.total,
    try_cast(coalesce(numbered.subtotal, numbered.net + numbered.discount_taken) as decimal(18, 4)) as gross,
    numbered.net,
    try_cast(units.units as bigint) as units,
    numbered.order_number,
    coalesce(numbered.order_number = 1, false) as is_first_order
from numbered
left join units on units.purchase_id = numbered.id
