-- One row per form or tag: people who joined, were still active later, and bought afterwards, in any currency
-- (lead_magnet_revenue has their revenue).
-- @key: subscribable_type, subscribable_id
-- @stored: table
-- @filter: joins > 0
-- @unknown: Views of a form (so a rate of views to joins is unavailable); people removed before the first pull;
-- whether the form or tag caused a purchase (a person in several counts in each); and when people left that the first
-- pull found gone: they are the unknown ones in the active columns.
-- subscribable_type: `form` or `tag`.
-- subscribable_id: The id of the form or tag.
-- name: Its current name; names need not be unique.
-- joins: People who ever joined, each counted once, at the first time.
-- members: Current members, in any state.
-- joins_30_days: People who joined at least 30 days ago.
-- active_after_30_days: Of these, people active 30 days after joining. A person active when first seen counts as
-- active before.
-- unknown_after_30_days: Of these, people whose status then is unknown: first seen after that day, and no longer
-- active.
-- active_after_30_days_rate: In percent, lower bound: 100 * active_after_30_days / joins_30_days.
-- active_after_30_days_rate_at_most: In percent, upper bound: 100 * (active_after_30_days + unknown_after_30_days) /
-- joins_30_days.
-- joins_90_days: People who joined at least 90 days ago.
-- active_after_90_days: Of these, people active 90 days after joining.
-- unknown_after_90_days: Of these, people whose status then is unknown.
-- active_after_90_days_rate: In percent, lower bound: 100 * active_after_90_days / joins_90_days.
-- active_after_90_days_rate_at_most: In percent, upper bound: 100 * (active_after_90_days + unknown_after_90_days) /
-- joins_90_days.
-- buyers: People with a counted order at or after joining.
-- conversion_rate: In percent: 100 * buyers / joins.
-- conversion_low: Lower bound of the rate, given the number of joins (Wilson, 95 %).
-- conversion_high: Upper bound. Rates whose ranges overlap do not rank.
-- median_days_to_buy: Median over the buyers of the days from joining to the first such order.
-- precision: Of the active columns: exact (all statuses are known), interval (the rates lie between the two bounds),
-- unknown (no status is known).
with orders as materialized (
    select subscriber_id, transaction_time
    from fct_purchase
    where is_counted and subscriber_id is not null
),

joined as (
    -- is_first counts a join once, regardless of the person's number of absences
    select
        subscribable_type,
        subscribable_id,
        count(*) filter (is_first) as joins,
        count(*) filter (is_first and is_current) as members,
        count(*) filter (is_first and day_30 <= as_of) as joins_30_days,
        count(*) filter (day_30 <= as_of and day_30 >= away_from and day_30 < away_to) as away_after_30_days,
        count(*) filter (day_30 <= as_of and day_30 >= away_from and day_30 < least(seen_from, away_to))
            as unknown_after_30_days,
        count(*) filter (is_first and day_90 <= as_of) as joins_90_days,
        count(*) filter (day_90 <= as_of and day_90 >= away_from and day_90 < away_to) as away_after_90_days,
        count(*) filter (day_90 <= as_of and day_90 >= away_from and day_90 < least(seen_from, away_to))
            as unknown_after_90_days
    from membership_absences
    cross join model_settings
    where subscribable_type in ('form', 'tag')
    group by subscribable_type, subscribable_id
),

buyers_joins as (
    -- only for buyers: they are few, and this avoids grouping all joins twice
    select subscribable_type, subscribable_id, subscriber_id, min(joined_at) as joined_at
    from bridge_membership
    where subscribable_type in ('form', 'tag') and subscriber_id in (select subscriber_id from orders)
    group by all
),

first_sales as (
    select
        buyers_joins.subscribable_type,
        buyers_joins.subscribable_id,
        buyers_joins.subscriber_id,
        min((epoch(orders.transaction_time) - epoch(buyers_joins.joined_at)) / 86400) as days
    from orders
    join buyers_joins
        on buyers_joins.subscriber_id = orders.subscriber_id and orders.transaction_time >= buyers_joins.joined_at
    group by all
),

bought as (
    select subscribable_type, subscribable_id, count(*) as buyers, median(days) as median_days_to_buy
    from first_sales
    group by all
),

magnets as (
    select 'form' as subscribable_type, id as subscribable_id, name from forms
    union all
    select 'tag', id, name from tags
),

counted as (
    select
        magnets.*,
        coalesce(joins, 0) as joins,
        coalesce(members, 0) as members,
        coalesce(joins_30_days, 0) as joins_30_days,
        coalesce(joins_30_days - away_after_30_days, 0) as active_after_30_days,
        coalesce(unknown_after_30_days, 0) as unknown_after_30_days,
        coalesce(joins_90_days, 0) as joins_90_days,
        coalesce(joins_90_days - away_after_90_days, 0) as active_after_90_days,
        coalesce(unknown_after_90_days, 0) as unknown_after_90_days,
        coalesce(buyers, 0) as buyers,
        median_days_to_buy
    from magnets
    left join joined
        on joined.subscribable_type = magnets.subscribable_type and joined.subscribable_id = magnets.subscribable_id
    left join bought
        on bought.subscribable_type = magnets.subscribable_type and bought.subscribable_id = magnets.subscribable_id
)

select
    subscribable_type,
    subscribable_id,
    name,
    joins,
    members,
    joins_30_days,
    active_after_30_days,
    unknown_after_30_days,
    100.0 * active_after_30_days / nullif(joins_30_days, 0) as active_after_30_days_rate,
    100.0 * (active_after_30_days + unknown_after_30_days) / nullif(joins_30_days, 0)
        as active_after_30_days_rate_at_most,
    joins_90_days,
    active_after_90_days,
    unknown_after_90_days,
    100.0 * active_after_90_days / nullif(joins_90_days, 0) as active_after_90_days_rate,
    100.0 * (active_after_90_days + unknown_after_90_days) / nullif(joins_90_days, 0)
        as active_after_90_days_rate_at_most,
    buyers,
    100.0 * buyers / nullif(joins, 0) as conversion_rate,
    100 * (buyers + 1.9208 - 1.96 * sqrt(buyers * (joins - buyers) / nullif(joins, 0) + 0.9604)) / (joins + 3.8416)
        as conversion_low,
    100 * (buyers + 1.9208 + 1.96 * sqrt(buyers * (joins - buyers) / nullif(joins, 0) + 0.9604)) / (joins + 3.8416)
        as conversion_high,
    median_days_to_buy,
    case
        when unknown_after_30_days + unknown_after_90_days = 0 then 'exact'
        when unknown_after_30_days = joins_30_days and unknown_after_90_days = joins_90_days then 'unknown'
        else 'interval'
    end as precision
from counted
