-- One row per broadcast, with its latest figures.
-- @key: id
-- @filter: is_sent
-- @unknown: Who opened or clicked: v3 has no recipients, only figures of the whole broadcast; counts of openers and
-- clickers are worked back from rates. A moment of sending of its own, and which tags or segments it went to.
-- id: The broadcast's id.
-- subject: Null for a draft without one.
-- created_at: When it was written.
-- published_at: When it was published; null before.
-- send_at: When it is, or was, scheduled for.
-- sent_at: When it was sent, as well as v3 tells: scheduled for, else published, else created, the first of them that
-- lies between model_settings.plausible_from and plausible_to; null where it was not sent.
-- sent_on: The day of sent_at in the configured zone.
-- status: `draft`, `scheduled`, `sending`, `completed`, `aborted`; null where v3 has no figures.
-- progress: How much of it was sent, in percent.
-- is_sent: Whether all of it was sent.
-- recipients: To how many people.
-- open_rate: 100 * opens / recipients, as Kit gives it; null where opens are not counted.
-- click_rate: 100 * clickers / recipients, as Kit gives it; null where clicks are not counted.
-- opens: People who opened it, worked back from the rate.
-- clickers: People who clicked in it, worked back from the rate.
-- total_clicks: Clicks, several of a person counted.
-- unsubscribes: People who unsubscribed from it.
-- unsubscribe_rate: 100 * unsubscribes / recipients.
-- click_to_open_rate: 100 * clickers / opens, from the rates.
-- stats_seen_at: When its figures were last seen to change.
with figures as (
    select
        broadcast_id,
        recipients,
        case when not coalesce(open_tracking_disabled, false) then open_rate end as open_rate,
        case when not coalesce(click_tracking_disabled, false) then click_rate end as click_rate,
        total_clicks,
        unsubscribes,
        status,
        progress,
        coalesce(lower(status) = 'completed', coalesce(progress = 100 and recipients > 0, false)) as is_sent,
        _synced_at as stats_seen_at
    from broadcast_stats
),

sent as (
    select
        broadcasts.*,
        figures.* exclude (broadcast_id, is_sent),
        coalesce(figures.is_sent, false) as is_sent,
        case
            when figures.is_sent
            then coalesce(
                case when broadcasts.send_at between plausible_from and plausible_to then broadcasts.send_at end,
                case
                    when broadcasts.published_at between plausible_from and plausible_to then broadcasts.published_at
                end,
                case when broadcasts.created_at between plausible_from and plausible_to then broadcasts.created_at end
            )
        end as sent_at
    from broadcasts
    cross join model_settings
    left join figures on figures.broadcast_id = broadcasts.id
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
