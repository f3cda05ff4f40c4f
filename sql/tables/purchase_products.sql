-- One row per line of a purchase, in the order given.
-- @key: purchase_id, position
-- @from: purchases
-- @part_of: purchases (purchase_id)
-- purchase_id: Id of the purchase.
-- position: The line's place in the purchase, from 1.
-- name: The product's name.
-- sku: The product's SKU; may be null.
-- pid: The shop's id of the product; equal for its variants.
-- lid: The shop's id of the line.
-- unit_price: Price of one.
-- quantity: How many.
with purchase as (
    select
        as_bigint(record ->> 'id') as purchase_id,
        case json_type(record, '$.products')
            when 'ARRAY' then record -> 'products'
            when 'OBJECT' then json_array(record -> 'products')
            else '[]'::json
        end as products,
        from_json(record, '{"products": [{"unit_price": "DECIMAL(38,18)"}]}').products as numbers,
        from_json(record, '{"products": {"unit_price": "DECIMAL(38,18)"}}').products as number,
        observed_at
    from records
    where stream = 'purchases'
),

lines as (
    select *, unnest(range(1, json_array_length(products)::bigint + 1)) as position
    from purchase
),

products as (
    select *, json_extract(products, '$[' || (position - 1) || ']') as product
    from lines
)

select
    purchase_id,
    position,
    product ->> 'name' as name,
    product ->> 'sku' as sku,
    product ->> 'pid' as pid,
    product ->> 'lid' as lid,
    as_money(
        product ->> 'unit_price',
        coalesce(
            numbers[position].unit_price, number.unit_price, try_cast(product ->> 'unit_price' as decimal(38, 18))
        )
    ) as unit_price,
    as_bigint(product ->> 'quantity') as quantity,
    case json_type(product) when 'OBJECT' then product else json_object('product', product) end as _extra,
    observed_at as _synced_at
from products
