-- One row per broadcast, with its latest statistics.
-- @key: id
-- @filter: is_sent
-- @unknown: Who opened or clicked: there are only statistics of the whole broadcast; numbers of openers and clickers
-- are derived from rates. An exact time of sending, and under v3 the tags or segments that received it. Statistics
-- that are older than five years have left the API: they are as last read, or null.
-- id: The broadcast's id.
-- subject: The subject; null for a draft without one.
-- created_at: When it was created.
-- published_at: When it was published; null before.
-- send_at: When it is or was scheduled.
-- sent_at: When it was sent, as far as the API shows: scheduled, else published, else created, the first of them
-- between model_settings.plausible_from and plausible_to; null if it was not sent.
-- sent_on: The day of sent_at in the configured zone.
-- status: `draft`, `scheduled`, `sending`, `completed`, `aborted`; null if v3 has no statistics. v4 lists it.
-- progress: Share already sent, in percent.
-- is_sent: Whether it was sent completely.
-- recipients: Number of people it was sent to.
-- open_rate: 100 * opens / recipients, as Kit gives it; null if opens are not tracked.
-- click_rate: 100 * clickers / recipients, as Kit gives it; null if clicks are not tracked.
-- opens: People who opened it, derived from the rate.
-- clickers: People who clicked, derived from the rate.
-- total_clicks: Clicks, including repeated clicks by one person.
-- unsubscribes: People who unsubscribed from it.
-- unsubscribe_rate: 100 * unsubscribes / recipients.
-- click_to_open_rate: 100 * clickers / opens, from the rates.
-- stats_seen_at: When a change of its statistics was last seen.
with figures as (
    select
        broadcast_id,
        recipients,
        case when not coalesce(open_tracking_disabled, false) then open_rate end as open_rate,
        case when not coalesce(click_tracking_disabled, false) then click_rate end as click_rate,
        total_clicks,
        unsubscribes,
        status as stats_status,
        progress,
        _synced_at as stats_seen_at
    from broadcast_stats
),

told as (
    -- a broadcast does not leave its last state; any other may be the one that was read earlier
    select
        broadcasts.* exclude (status),
        figures.* exclude (broadcast_id, stats_status),
        case
            when lower(figures.stats_status) in ('completed', 'aborted') then figures.stats_status
            else coalesce(broadcasts.status, figures.stats_status)
        end as status
    from broadcasts
    left join figures on figures.broadcast_id = broadcasts.id
),

sent as (
    select
        told.*,
        coalesce(lower(status) = 'completed', coalesce(progress = 100 and recipients > 0, false)) as is_sent,
        case
            when is_sent
            then coalesce(
                case when send_at between plausible_from and plausible_to then send_at end,
                case when published_at between plausible_from and plausible_to then published_at end,
                case when created_at between plausible_from and plausible_to then created_at end
            )
        end as sent_at
    from told
    cross join model_settings
)

select
    id,
    subject,
    created_at,
    published_at,
    send_at,
    sent_at,
    timezone(model_settings.timezone, sent_at)::date as sent_on,
    status,
    progress,
    is_sent,
    recipients,
    open_rate,
    click_rate,
    try_cast(round(recipients * open_rate / 100) as bigint) as opens,
    try_cast(round(recipients * click_rate / 100) as bigint) as clickers,
    total_clicks,
    unsubscribes,
    100 * unsubscribes / nullif(recipients, 0) as unsubscribe_rate,
    100 * click_rate / nullif(open_rate, 0) as click_to_open_rate,
    stats_seen_at
from sent
cross join model_settings
