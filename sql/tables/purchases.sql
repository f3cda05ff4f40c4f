-- One row per purchase, with amounts exactly as the API gives them.
-- @key: id
-- @from: purchases
-- @slice: purchases
-- @kept: subscriber_id
-- @partly: subscriber_id, shipping, source
-- @unknown: Refunds: the API has only the current status. Under v3 the buyer: it gives only an address.
-- id: The purchase's id. (transaction_id is not unique.)
-- transaction_id: The shop's order id, as text.
-- status: `paid`; older purchases may have other values.
-- email_address: The buyer's address, as given with the purchase.
-- subscriber_id: The person who had that address when the purchase was first read; v4 gives it.
-- currency: The currency code; never sum across currencies.
-- transaction_time: When the purchase was made.
-- subtotal: Amount before tax, shipping and discount.
-- tax: Tax.
-- shipping: Shipping (v3).
-- discount: Discount.
-- total: Amount paid.
-- source: Where it comes from, such as `kit_commerce` or `api` (v4).
with orders as (
    select
        from_json(
            record,
            texts(
                'id, transaction_id, status, email_address, subscriber_id, currency, transaction_time, '
                || 'subtotal, tax, shipping, discount, total, source'
            )
        ) as given,
        from_json(
            record,
            '{"subtotal": "DECIMAL(38,18)", "tax": "DECIMAL(38,18)", "shipping": "DECIMAL(38,18)",
              "discount": "DECIMAL(38,18)", "total": "DECIMAL(38,18)"}'
        ) as number,
        version,
        record,
        observed_at
    from records
    where stream = 'purchases'
)

select
    as_bigint(given.id) as id,
    given.transaction_id,
    given.status,
    given.email_address,
    case
        when version = 'v4' and json_exists(record, '$.subscriber_id') then as_bigint(given.subscriber_id)
        else coalesce(
            as_bigint(given.subscriber_id),
            (
                select min(person.id)
                from history.subscribers as person
                where as_address(person.email_address) = as_address(given.email_address)
                    and person.change <> 'delete'
                    and person.valid_from <= observed_at
                    and (person.valid_to is null or person.valid_to > observed_at)
            )
        )
    end as subscriber_id,
    given.currency,
    as_timestamp(given.transaction_time) as transaction_time,
    as_money(given.subtotal, number.subtotal) as subtotal,
    as_money(given.tax, number.tax) as tax,
    as_money(given.shipping, number.shipping) as shipping,
    as_money(given.discount, number.discount) as discount,
    as_money(given.total, number.total) as total,
    given.source,
    record as _record,
    case when json_type(record, '$.products') in ('ARRAY', 'OBJECT', 'NULL') then ['products'] end as _read,
    lacking(record, 'subscriber_id, shipping, source') as _lacks,
    observed_at as _synced_at
from orders
