-- One row per line of a purchase, in the order given.
-- @key: purchase_id, position
-- @from: purchases
-- @part_of: purchases (purchase_id)
-- purchase_id: Id of the purchase.
-- position: The line's position in the purchase, from 1.
-- name: The product's name.
-- sku: The product's SKU; may be null.
-- pid: The shop's product id; the same for all variants.
-- lid: The shop's id of the line.
-- unit_price: Price of one unit.
-- quantity: Number of units.
with orders as (
    select
        from_json(record, '{"id": "VARCHAR"}').id as purchase_id,
        case json_type(record, '$.products')
            when 'ARRAY' then record -> 'products'
            when 'OBJECT' then json_array(record -> 'products')
        end as products,
        from_json(record, '{"products": [{"unit_price": "DECIMAL(38,18)"}]}').products as numbers,
        from_json(record, '{"products": {"unit_price": "DECIMAL(38,18)"}}').products as number,
        observed_at
    from records
    where stream = 'purchases'
),

lists as (
    select
        purchase_id,
        from_json(products, '["JSON"]') as texts,
        coalesce(numbers, [number]) as numbers,
        observed_at
    from orders
),

lines as (
    select
        purchase_id,
        generate_subscripts(texts, 1) as position,
        unnest(texts) as text,
        unnest(numbers).unit_price as number,
        observed_at
    from lists
),

products as (
    select
        *,
        from_json(text, texts('name, sku, pid, lid, unit_price, quantity')) as given
    from lines
)

select
    as_bigint(purchase_id) as purchase_id,
    position,
    given.name,
    given.sku,
    given.pid,
    given.lid,
    as_money(given.unit_price, coalesce(number, try_cast(given.unit_price as decimal(38, 18)))) as unit_price,
    as_bigint(given.quantity) as quantity,
    case json_type(text) when 'OBJECT' then text else json_object('product', text) end as _record,
    observed_at as _synced_at
from products
