-- One row per broadcast with its statistics as last read; history shows how they grew.
-- @key: broadcast_id
-- @from: broadcast_stats
-- @child_of: broadcasts (broadcast_id)
-- @partly: emails_opened, unsubscribe_rate
-- @unknown: Who opened or clicked; bounces and complaints. Statistics older than a week are read less often.
-- broadcast_id: Id of the broadcast.
-- recipients: Number of people it was sent to.
-- open_rate: Opens as a percentage of recipients, 0 to 100.
-- click_rate: Clickers as a percentage of recipients, 0 to 100.
-- unsubscribes: Number of people who unsubscribed from it.
-- total_clicks: Total clicks.
-- show_total_clicks: Whether Kit shows total clicks.
-- status: `draft`, `scheduled`, `sending`, `completed` or `aborted`.
-- progress: Share already sent, in percent.
-- open_tracking_disabled: Whether open tracking is off.
-- click_tracking_disabled: Whether click tracking is off.
-- emails_opened: Number of emails opened (v4).
-- unsubscribe_rate: Unsubscribes as a percentage of recipients, 0 to 100 (v4).
with answers as (
    select
        record,
        case
            when json_type(record, '$.stats') = 'OBJECT' then record -> 'stats'
            when json_array_length(record, '$.stats') = 1 then record -> 'stats' -> 0
        end as stats,
        version,
        observed_at
    from records
    where stream = 'broadcast_stats'
),

figures as (
    select
        from_json(record, '{"id": "VARCHAR"}').id as broadcast_id,
        from_json(
            stats,
            texts(
                'recipients, open_rate, click_rate, unsubscribes, total_clicks, show_total_clicks, status, '
                || 'progress, open_tracking_disabled, click_tracking_disabled, emails_opened, unsubscribe_rate'
            )
        ) as given,
        case
            when json_type(stats) = 'OBJECT' and len(json_keys(record)) = 2 then stats
            when json_type(stats) = 'OBJECT' then json_merge_patch(json_remove(record, '$.stats'), stats)
            when coalesce(json_type(record, '$.stats'), 'NULL') = 'NULL' then json_remove(record, '$.stats')
            else record
        end as beside,
        stats,
        version,
        observed_at
    from answers
)

select
    as_bigint(broadcast_id) as broadcast_id,
    as_bigint(given.recipients) as recipients,
    as_double(given.open_rate) as open_rate,
    as_double(given.click_rate) as click_rate,
    as_bigint(given.unsubscribes) as unsubscribes,
    as_bigint(given.total_clicks) as total_clicks,
    as_boolean(given.show_total_clicks) as show_total_clicks,
    given.status,
    as_double(given.progress) as progress,
    as_boolean(given.open_tracking_disabled) as open_tracking_disabled,
    as_boolean(given.click_tracking_disabled) as click_tracking_disabled,
    as_bigint(given.emails_opened) as emails_opened,
    as_double(given.unsubscribe_rate) as unsubscribe_rate,
    beside as _record,
    if(version = 'v4', ['id', 'subject', 'send_at'], ['id']) as _read, -- the others are in `broadcasts`
    lacking(stats, 'emails_opened, unsubscribe_rate') as _lacks,
    observed_at as _synced_at
from figures
