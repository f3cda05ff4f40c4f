-- One row per sent broadcast, with the alarms of model_settings that it triggers.
-- @key: id
-- @filter: alarms > 0
-- @unknown: Bounces and complaints of a broadcast (v3 shows only a person's state, without a time; those found after
-- a send are shown beside it, whatever caused them), spam folders, and everything before the end of the first pull.
-- id: The broadcast's id.
-- subject: Its subject; null if it has none.
-- sent_at: When it was sent, as far as known (see fct_broadcast).
-- recipients: People it was sent to.
-- unsubscribes: People who unsubscribed from it.
-- unsubscribe_rate: In percent: 100 * unsubscribes / recipients.
-- is_unsubscribe_alarm: Whether unsubscribe_rate is above model_settings.unsubscribe_alarm.
-- opens: People who opened it; null if opens were not tracked.
-- open_rate: In percent: 100 * opens / recipients, as the API gives it.
-- sends_before: Number of earlier sends that track opens, at most ten with recipients.
-- median_open_rate: In percent: the median of their open rates; null if fewer than three.
-- open_rate_drop: In percent of the median: 100 * (median_open_rate - open_rate) / median_open_rate; negative: a
-- rise.
-- is_open_rate_alarm: Whether open_rate_drop is above model_settings.open_rate_drop_alarm.
-- watched_from: When it was sent; null if before the end of the first pull.
-- watched_to: The next send, seven days later, or model_settings.as_of, whichever is earliest.
-- new_bounced: People found bounced for the first time between the two.
-- new_complained: People found to have complained for the first time between the two.
-- bounce_rate: In percent: 100 * (new_bounced + new_complained) / recipients.
-- is_bounce_alarm: Whether bounce_rate is above model_settings.bounce_alarm.
-- alarms: Number of alarms, up to three.
-- precision: Of the bounces: interval (found by a pull between the two; the exact time lies between two pulls) or
-- unknown (sent before the end of the first pull).
with first_pull as (
    -- the first pull's own observations precede its end, so that the newest one of a new mirror counts
    select least(ended_at, as_of) as known_from
    from dim_pull
    cross join model_settings
    where is_first
),

sends as (
    select
        id,
        subject,
        sent_at,
        recipients,
        unsubscribes,
        unsubscribe_rate,
        opens,
        case when recipients > 0 then open_rate end as open_rate,
        lead(sent_at) over (order by sent_at, id) as next_sent_at
    from fct_broadcast
    where is_sent
),

open_rates as (
    select id, open_rate, row_number() over (order by sent_at nulls first, id) as place
    from sends
    where open_rate is not null
),

usual as (
    select open_rates.id, count(*) as sends_before, median(before.open_rate) as median_open_rate
    from open_rates
    join open_rates as before on before.place between open_rates.place - 10 and open_rates.place - 1
    group by all
),

watched as (
    select
        sends.id,
        sends.sent_at as watched_from,
        least(next_sent_at, sent_at + to_hours(7 * 24), as_of) as watched_to
    from sends
    cross join first_pull
    cross join model_settings
    where sends.sent_at >= first_pull.known_from
),

bounces as (
    select
        watched.id,
        watched.watched_from,
        watched.watched_to,
        count(distinct subscriber_id) filter (to_state = 'bounced') as new_bounced,
        count(distinct subscriber_id) filter (to_state = 'complained') as new_complained
    from watched
    left join fct_state_change
        on fct_state_change.seen_at > watched.watched_from
        and fct_state_change.seen_at <= watched.watched_to
        and fct_state_change.to_state in ('bounced', 'complained')
    group by all
),

measured as (
    select
        sends.*,
        coalesce(sends_before, 0) as sends_before,
        case when sends_before >= 3 then median_open_rate end as median_open_rate,
        case when sends_before >= 3 then 100.0 * (median_open_rate - open_rate) / nullif(median_open_rate, 0) end
            as open_rate_drop,
        watched_from,
        watched_to,
        new_bounced,
        new_complained,
        100.0 * (new_bounced + new_complained) / nullif(recipients, 0) as bounce_rate
    from sends
    left join usual on usual.id = sends.id
    left join bounces on bounces.id = sends.id
),

judged as (
    select
        measured.*,
        coalesce(unsubscribe_rate > unsubscribe_alarm, false) as is_unsubscribe_alarm,
        coalesce(open_rate_drop > open_rate_drop_alarm, false) as is_open_rate_alarm,
        coalesce(bounce_rate > bounce_alarm, false) as is_bounce_alarm
    from measured
    cross join model_settings
)

select
    id,
    subject,
    sent_at,
    recipients,
    unsubscribes,
    unsubscribe_rate,
    is_unsubscribe_alarm,
    opens,
    open_rate,
    sends_before,
    median_open_rate,
    open_rate_drop,
    is_open_rate_alarm,
    watched_from,
    watched_to,
    new_bounced,
    new_complained,
    bounce_rate,
    is_bounce_alarm,
    is_unsubscribe_alarm::integer + is_open_rate_alarm::integer + is_bounce_alarm::integer as alarms,
    case when watched_from is null then 'unknown' else 'interval' end as precision
from judged
