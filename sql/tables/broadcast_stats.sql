-- One row per broadcast: its figures when they were last read; history has how they grew.
-- @key: broadcast_id
-- @from: broadcast_stats
-- @child_of: broadcasts (broadcast_id)
-- @unknown: Who opened or clicked; bounces and complaints; figures older than a week are read again less often.
-- broadcast_id: Id of the broadcast.
-- recipients: How many people it was sent to.
-- open_rate: Opens in percent of the recipients, 0 to 100.
-- click_rate: Clickers in percent of the recipients, 0 to 100.
-- unsubscribes: How many people unsubscribed from it.
-- total_clicks: Clicks in all.
-- show_total_clicks: Whether Kit shows total clicks.
-- status: `draft`, `scheduled`, `sending`, `completed` or `aborted`.
-- progress: How much of it is sent, in percent.
-- open_tracking_disabled: Whether opens are not tracked.
-- click_tracking_disabled: Whether clicks are not tracked.
with answers as (
    select
        record,
        case
            when json_type(record, '$.stats') = 'OBJECT' then record -> 'stats'
            when json_array_length(record, '$.stats') = 1 then record -> 'stats' -> 0
        end as stats,
        observed_at
    from records
    where stream = 'broadcast_stats'
),

stats as (
    select
        *,
        case
            when json_type(stats) = 'OBJECT' and len(json_keys(record)) = 2 then stats
            when json_type(stats) = 'OBJECT' then json_merge_patch(json_remove(record, '$.stats'), stats)
            when coalesce(json_type(record, '$.stats'), 'NULL') = 'NULL' then json_remove(record, '$.stats')
            else record
        end as beside
    from answers
)

select
    as_bigint(record ->> 'id') as broadcast_id,
    as_bigint(stats ->> 'recipients') as recipients,
    as_double(stats ->> 'open_rate') as open_rate,
    as_double(stats ->> 'click_rate') as click_rate,
    as_bigint(stats ->> 'unsubscribes') as unsubscribes,
    as_bigint(stats ->> 'total_clicks') as total_clicks,
    as_boolean(stats ->> 'show_total_clicks') as show_total_clicks,
    stats ->> 'status' as status,
    as_double(stats ->> 'progress') as progress,
    as_boolean(stats ->> 'open_tracking_disabled') as open_tracking_disabled,
    as_boolean(stats ->> 'click_tracking_disabled') as click_tracking_disabled,
    json_remove(beside, '$.id') as _extra,
    observed_at as _synced_at
from stats
