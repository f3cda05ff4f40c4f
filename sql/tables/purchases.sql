-- One row per purchase, with amounts exactly as the API gives them.
-- @key: id
-- @from: purchases
-- @slice: purchases
-- @kept: subscriber_id
-- @unknown: Refunds: v3 has only the status of today. Which person bought: the address tells.
-- id: The purchase's id. (transaction_id is not unique.)
-- transaction_id: The shop's id of the order, as text.
-- status: `paid`; older purchases may have others.
-- email_address: The buyer's address as given with the purchase.
-- subscriber_id: The person who had that address when the purchase was first read; v3 does not give it.
-- currency: The currency's code; never sum across currencies.
-- transaction_time: When the purchase was made.
-- subtotal: Amount before tax, shipping and discount.
-- tax: Tax.
-- shipping: Shipping.
-- discount: Discount.
-- total: Amount paid.
with exact as (
    select
        record,
        observed_at,
        from_json(
            record,
            '{"subtotal": "DECIMAL(38,18)", "tax": "DECIMAL(38,18)", "shipping": "DECIMAL(38,18)",
              "discount": "DECIMAL(38,18)", "total": "DECIMAL(38,18)"}'
        ) as number
    from records
    where stream = 'purchases'
)

select
    as_bigint(record ->> 'id') as id,
    record ->> 'transaction_id' as transaction_id,
    record ->> 'status' as status,
    record ->> 'email_address' as email_address,
    coalesce(
        as_bigint(record ->> 'subscriber_id'),
        (
            select min(person.id)
            from history.subscribers as person
            where lower(person.email_address) = lower(record ->> 'email_address')
                and person.change <> 'delete'
                and person.valid_from <= observed_at
                and (person.valid_to is null or person.valid_to > observed_at)
        )
    ) as subscriber_id,
    record ->> 'currency' as currency,
    as_timestamp(record ->> 'transaction_time') as transaction_time,
    as_money(record ->> 'subtotal', number.subtotal) as subtotal,
    as_money(record ->> 'tax', number.tax) as tax,
    as_money(record ->> 'shipping', number.shipping) as shipping,
    as_money(record ->> 'discount', number.discount) as discount,
    as_money(record ->> 'total', number.total) as total,
    case
        when json_type(record, '$.products') in ('ARRAY', 'OBJECT', 'NULL') then json_remove(record, '$.products')
        else record
    end as _extra,
    observed_at as _synced_at
from exact
