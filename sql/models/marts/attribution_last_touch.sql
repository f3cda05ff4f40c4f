-- One row per counted order: the last touch within model_settings.attribution_hours before it. Touches are
-- broadcasts, and forms, sequences and tags that the buyer joined. Numbers differ from those in Kit.
-- @key: purchase_id
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
-- is_attributed: Whether there is a touch within those hours.
-- touch_type: `broadcast`, `form`, `sequence` or `tag`; null: none. At the same instant a join precedes a broadcast,
-- a form a sequence, a sequence a tag; then the larger id wins.
-- touch_id: Id of the broadcast, form, sequence or tag.
-- touch: Its subject or name.
-- touched_at: When the broadcast was sent or the person joined.
-- hours_before: Hours from the touch to the order.
-- exposure: `assumed` (a broadcast: v3 does not say who received it) or `known` (a join); null: no touch.
-- precision: exact (a join, or no touch is possible), interval (a broadcast, for which only the time of sending is
-- known), unknown (the order has no readable time).
select * exclude (tie_rank)
from purchase_touches
qualify row_number() over (partition by purchase_id order by touched_at desc, tie_rank, touch_id desc) = 1
