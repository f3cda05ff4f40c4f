-- One row per counted order and touch within model_settings.attribution_hours before it: every join, and the first
-- and last broadcast. An order without a touch has one row. attribution_first_touch and attribution_last_touch choose
-- among them.
-- @filter: purchased_on >= (select as_of from model_settings)::date - 365
-- @unknown: Who was sent, opened or clicked a broadcast: v3 has no rows of recipients. A broadcast is an *assumed
-- exposure* of everyone who had signed up before it was sent, whether or not it went to the whole list. Emails of a
-- sequence after the person entered it, and joins that ended before the first pull, are unknown.
-- purchase_id: The order.
-- subscriber_id: The buyer; null for an orphan, who has no touch.
-- currency: The currency's code, '' if the order has none; never sum across currencies.
-- transaction_time: When the order was placed.
-- purchased_on: The day of the order in the configured zone.
-- revenue: Net of discount, without tax and shipping; null if unknown.
-- is_first_order: Whether it is the buyer's first order.
-- is_attributed: Whether the order has a touch.
-- touch_type: `broadcast`, `form`, `sequence` or `tag`; null: none.
-- touch_id: Id of the broadcast, form, sequence or tag.
-- touch: Its subject or name.
-- touched_at: When the broadcast was sent or the person joined.
-- hours_before: Hours from the touch to the order.
-- exposure: `assumed` (a broadcast: v3 does not say who received it) or `known` (a join); null: no touch.
-- precision: exact (a join, or no touch is possible), interval (a broadcast, for which only the time of sending is
-- known), unknown (the order has no readable time).
-- tie_rank: Which of several touches at the same instant wins: 1 a form, 2 a sequence, 3 a tag, 4 a broadcast; then
-- the larger id.
with orders as (
    select
        purchase.id as purchase_id,
        person.id as subscriber_id,
        coalesce(purchase.currency, '') as currency,
        purchase.transaction_time,
        purchase.purchased_on,
        purchase.net as revenue,
        purchase.is_first_order,
        purchase.transaction_time - to_hours(model_settings.attribution_hours) as window_from,
        -- a person received nothing sent before sign-up, and an orphan nothing at all
        case when person.created_at is not null then greatest(person.created_at, window_from) end as sent_from
    from fct_purchase as purchase
    cross join model_settings
    left join dim_subscriber as person on person.id = purchase.subscriber_id
    where purchase.is_counted
),

broadcasts_sent as (
    select sent_at, id, subject
    from fct_broadcast
    where is_sent and sent_at is not null
    qualify row_number() over (partition by sent_at order by id desc) = 1
),

-- only the ends of the window: neither model chooses one between, and a long window has hundreds
first_broadcasts as (
    select orders.purchase_id, broadcasts_sent.*
    from orders
    asof join broadcasts_sent on broadcasts_sent.sent_at >= orders.sent_from
    where broadcasts_sent.sent_at <= orders.transaction_time
),

last_broadcasts as (
    select orders.purchase_id, broadcasts_sent.*
    from orders
    asof join broadcasts_sent on broadcasts_sent.sent_at <= orders.transaction_time
    where broadcasts_sent.sent_at >= orders.sent_from
),

broadcasts_of_orders as (
    select * from first_broadcasts
    union
    select * from last_broadcasts
),

touches as (
    select
        purchase_id,
        'broadcast' as touch_type,
        id as touch_id,
        subject as touch,
        sent_at as touched_at,
        4 as tie_rank
    from broadcasts_of_orders

    union all

    select
        orders.purchase_id,
        joined.subscribable_type,
        joined.subscribable_id,
        joined.name,
        joined.joined_at,
        case joined.subscribable_type when 'form' then 1 when 'sequence' then 2 else 3 end
    from orders
    join bridge_membership as joined
        on joined.subscriber_id = orders.subscriber_id
        and joined.joined_at between orders.window_from and orders.transaction_time
)

select
    orders.purchase_id,
    orders.subscriber_id,
    orders.currency,
    orders.transaction_time,
    orders.purchased_on,
    orders.revenue,
    orders.is_first_order,
    touches.touch_type is not null as is_attributed,
    touches.touch_type,
    touches.touch_id,
    touches.touch,
    touches.touched_at,
    (epoch(orders.transaction_time) - epoch(touches.touched_at)) / 3600 as hours_before,
    case when touches.touch_type = 'broadcast' then 'assumed' when touches.touch_type is not null then 'known' end
        as exposure,
    case
        when orders.transaction_time is null then 'unknown'
        when touches.touch_type = 'broadcast' then 'interval'
        else 'exact'
    end as precision,
    touches.tie_rank
from orders
left join touches on touches.purchase_id = orders.purchase_id
