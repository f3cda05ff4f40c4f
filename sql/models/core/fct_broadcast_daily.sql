-- One row per broadcast and day on which its figures were seen to change: the figures at the end of the day, and what
-- was new.
-- @key: broadcast_id, day
-- @filter: broadcast_id = 12049964
-- @unknown: When in the time between two pulls something happened; what happened before the figures were first seen
-- comes as one lump, on the first day.
-- broadcast_id: The broadcast.
-- day: The day, in the configured zone, on which the figures were seen.
-- sent_on: The day it was sent.
-- days_since_sent: Days between the two.
-- recipients: To how many people.
-- opens: People who opened it, worked back from the rate.
-- clickers: People who clicked in it, worked back from the rate.
-- total_clicks: Clicks, several of a person counted.
-- unsubscribes: People who unsubscribed from it.
-- new_recipients: More than on the row before.
-- new_opens: More than on the row before; below zero where Kit took some back; null where they were not known then.
-- new_clickers: More than on the row before.
-- new_total_clicks: More than on the row before.
-- new_unsubscribes: More than on the row before.
-- seen_at: When the figures were seen.
-- seen_before_at: When those of the row before were; null for the first row.
-- precision: `interval`: what is new came between the two; `unknown`: on the first row, at any time before.
with seen as (
    select
        versions.broadcast_id,
        timezone(model_settings.timezone, versions.valid_from)::date as day,
        versions.valid_from as seen_at,
        versions.recipients,
        case
            when not coalesce(versions.open_tracking_disabled, false)
            then try_cast(round(versions.recipients * versions.open_rate / 100) as bigint)
        end as opens,
        case
            when not coalesce(versions.click_tracking_disabled, false)
            then try_cast(round(versions.recipients * versions.click_rate / 100) as bigint)
        end as clickers,
        versions.total_clicks,
        versions.unsubscribes
    from history.broadcast_stats as versions
    cross join model_settings
    where versions.change <> 'delete'
        and versions.recipients > 0
    qualify row_number() over (partition by versions.broadcast_id, day order by versions.valid_from desc) = 1
),

numbered as (
    -- before its first day a broadcast had nothing, and is_first says so: a null of lag may be an unknown figure, too
    select *, row_number() over (partition by broadcast_id order by day) = 1 as is_first
    from seen
)

select
    seen.broadcast_id,
    seen.day,
    fct_broadcast.sent_on,
    seen.day - fct_broadcast.sent_on as days_since_sent,
    seen.recipients,
    seen.opens,
    seen.clickers,
    seen.total_clicks,
    seen.unsubscribes,
    seen.recipients - case when is_first then 0 else lag(seen.recipients) over earlier end as new_recipients,
    seen.opens - case when is_first then 0 else lag(seen.opens) over earlier end as new_opens,
    seen.clickers - case when is_first then 0 else lag(seen.clickers) over earlier end as new_clickers,
    seen.total_clicks - case when is_first then 0 else lag(seen.total_clicks) over earlier end as new_total_clicks,
    seen.unsubscribes - case when is_first then 0 else lag(seen.unsubscribes) over earlier end as new_unsubscribes,
    seen.seen_at,
    lag(seen.seen_at) over earlier as seen_before_at,
    case when lag(seen.seen_at) over earlier is null then 'unknown' else 'interval' end as precision
from numbered as seen
left join fct_broadcast on fct_broadcast.id = seen.broadcast_id
window earlier as (partition by seen.broadcast_id order by seen.day)
