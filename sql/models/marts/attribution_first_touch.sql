-- One row per counted order: the first touch within model_settings.attribution_hours before it, so that the same orders
-- are attributed as in attribution_last_touch. Where people came from at all is in ltv_by_source. Touches are
-- broadcasts, and forms, sequences and tags that the buyer joined. Numbers differ from those that Kit shows.
-- @key: purchase_id
-- @filter: purchased_on >= (select as_of from model_settings)::date - 365
-- @unknown: Who was sent, opened or clicked a broadcast: v3 has no rows of recipients. A broadcast is an *assumed
-- exposure* of everybody who had signed up before it was sent, whether or not it went to all of the list. Mails of a
-- sequence after the person entered it, and joins that were gone before the first pull, are not known.
-- purchase_id: The order.
-- subscriber_id: The person who bought; null for an orphan, who has no touch.
-- currency: The currency's code, '' where the order has none; never sum across currencies.
-- transaction_time: When the order was made.
-- purchased_on: Its day in the configured zone.
-- revenue: Net of discount, without tax and shipping; null where it is not known.
-- is_first_order: Whether it is the buyer's first.
-- is_attributed: Whether there was a touch within the hours before.
-- touch_type: `broadcast`, `form`, `sequence` or `tag`; null: none. At the same instant a join goes before a broadcast,
-- a form before a sequence before a tag, then the larger id.
-- touch_id: Its id.
-- touch: Its subject or name.
-- touched_at: When the broadcast was sent or the person joined.
-- hours_before: Hours from the touch to the order.
-- exposure: `assumed` (a broadcast: v3 does not say who got it) or `known` (a join); null: no touch.
-- precision: exact (a join, or no touch is possible), interval (a broadcast, of which only the time of sending is
-- known), unknown (the order has no readable time).
select * exclude (tie_rank)
from purchase_touches
qualify row_number() over (partition by purchase_id order by touched_at, tie_rank, touch_id desc) = 1
