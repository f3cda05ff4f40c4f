-- One row per week (from Monday) or month in which a broadcast was sent: rates over all its recipients, not means of
-- rates.
-- @key: period, starts_on
-- @filter: period = 'month'
-- @unknown: Opens and clicks of a person (under v4 see subscriber_engagement); and how many people were active before
-- the end of the first pull, for which list_growth_daily has a lower bound under v4.
-- period: `week` or `month`.
-- starts_on: Its first day in the configured zone.
-- ends_on: Its last day.
-- broadcasts: Broadcasts sent.
-- recipients: Emails sent: the sum of the broadcasts' recipients; null if unknown for all, as with all sums here.
-- average_recipients: recipients / broadcasts whose recipients are known.
-- open_recipients: Recipients of broadcasts that track opens.
-- opens: Their opens.
-- open_rate: In percent: 100 * opens / open_recipients.
-- click_recipients: Recipients of broadcasts that track clicks.
-- clickers: Their clickers.
-- click_rate: In percent: 100 * clickers / click_recipients.
-- both_opens: Opens of broadcasts that track both.
-- both_clickers: Their clickers.
-- click_to_open_rate: In percent: 100 * both_clickers / both_opens.
-- total_clicks: Clicks, including repeated clicks by one person.
-- unsubscribes: People who unsubscribed from a broadcast.
-- unsubscribe_recipients: Recipients of broadcasts whose unsubscribes are known.
-- unsubscribe_rate: In percent: 100 * unsubscribes / unsubscribe_recipients.
-- active: Active people at the end of the period, for the current one at model_settings.as_of; before the end of the
-- first pull as in list_growth_daily, null under v3.
-- reach_rate: In percent: 100 * average_recipients / active, the share of the list that a send reached.
-- precision: Of active: interval (as seen by the latest pull before the end), at least (before the end of the first
-- pull, under v4) or unknown.
with periods as (
    select 'week' as period, date_trunc('week', sent_on)::date as starts_on, *
    from fct_broadcast
    where is_sent and sent_on is not null

    union all

    select 'month' as period, date_trunc('month', sent_on)::date as starts_on, *
    from fct_broadcast
    where is_sent and sent_on is not null
),

summed as (
    select
        period,
        starts_on,
        (starts_on + case period when 'week' then interval 7 days else interval 1 month end)::date as next_starts_on,
        count(*) as broadcasts,
        try_cast(sum(recipients) as bigint) as recipients,
        sum(recipients) / count(recipients) as average_recipients,
        try_cast(sum(recipients) filter (opens is not null) as bigint) as open_recipients,
        try_cast(sum(opens) as bigint) as opens,
        try_cast(sum(recipients) filter (clickers is not null) as bigint) as click_recipients,
        try_cast(sum(clickers) as bigint) as clickers,
        try_cast(sum(opens) filter (clickers is not null) as bigint) as both_opens,
        try_cast(sum(clickers) filter (opens is not null) as bigint) as both_clickers,
        try_cast(sum(total_clicks) as bigint) as total_clicks,
        try_cast(sum(unsubscribes) as bigint) as unsubscribes,
        try_cast(sum(recipients) filter (unsubscribes is not null) as bigint) as unsubscribe_recipients
    from periods
    group by all
),

first_pull as (
    -- the first pull's own observations precede its end, so that the newest one of a new mirror counts
    select least(ended_at, as_of) as known_from
    from dim_pull
    cross join model_settings
    where is_first
),

moves as (
    -- people who became active minus those who stopped being active, by time
    select valid_from as moment, count(*) as people
    from history.subscribers
    where state = 'active' and change <> 'delete'
    group by all

    union all

    select valid_to as moment, -count(*) as people
    from history.subscribers
    where state = 'active' and change <> 'delete' and valid_to is not null
    group by all
),

active_people as (
    select moment, sum(sum(people)) over (order by moment)::bigint as active
    from moves
    group by moment
),

dated as (
    select
        summed.*,
        least(timezone(model_settings.timezone, next_starts_on::timestamp), model_settings.as_of) as counted_at
    from summed
    cross join model_settings
),

counted as (
    select
        dated.*,
        case when counted_at >= known_from then active_people.active else growth.active_end end as active,
        case
            when counted_at >= known_from then 'interval'
            when growth.active_end is not null then 'at least'
            else 'unknown'
        end as precision
    from dated
    left join list_growth_daily as growth on growth.day = dated.next_starts_on - 1 and growth.precision = 'at least'
    asof left join active_people on active_people.moment <= dated.counted_at
    left join first_pull on true
)

select
    period,
    starts_on,
    next_starts_on - 1 as ends_on,
    broadcasts,
    recipients,
    average_recipients,
    open_recipients,
    opens,
    100.0 * opens / nullif(open_recipients, 0) as open_rate,
    click_recipients,
    clickers,
    100.0 * clickers / nullif(click_recipients, 0) as click_rate,
    both_opens,
    both_clickers,
    100.0 * both_clickers / nullif(both_opens, 0) as click_to_open_rate,
    total_clicks,
    unsubscribes,
    unsubscribe_recipients,
    100.0 * unsubscribes / nullif(unsubscribe_recipients, 0) as unsubscribe_rate,
    active,
    100.0 * average_recipients / nullif(active, 0) as reach_rate,
    precision
from counted
