-- One row per broadcast and day on which its statistics were seen to change: the statistics at the end of the day,
-- and the increase.
-- @key: broadcast_id, day
-- @filter: broadcast_id = 12049964
-- @unknown: When something happened between two pulls; everything before the statistics were first seen counts on the
-- first day.
-- broadcast_id: The broadcast.
-- day: The day, in the configured zone, on which the statistics were seen.
-- sent_on: The day it was sent.
-- days_since_sent: Days between the two.
-- recipients: Number of people it was sent to.
-- opens: People who opened it, derived from the rate.
-- clickers: People who clicked, derived from the rate.
-- total_clicks: Clicks, including repeated clicks by one person.
-- unsubscribes: People who unsubscribed from it.
-- new_recipients: Increase since the previous row.
-- new_opens: Increase since the previous row; negative if Kit corrected the number; null if it was unknown then.
-- new_clickers: Increase since the previous row.
-- new_total_clicks: Increase since the previous row.
-- new_unsubscribes: Increase since the previous row.
-- seen_at: When the statistics were seen.
-- seen_before_at: When those of the previous row were seen; null for the first row.
-- precision: `interval`: the increase happened between the two times; `unknown`: on the first row, at any time
-- before.
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
    -- before its first day a broadcast had nothing; is_first marks it, since a null from lag may be an unknown value
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
