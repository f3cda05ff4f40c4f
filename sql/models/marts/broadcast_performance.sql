-- One row per sent broadcast: its rates compared with those of up to ten sends before it, with rank and z-score.
-- @key: id
-- @filter: sent_at >= (select as_of from model_settings) - to_days(365)
-- @unknown: Opens and clicks of a person, of a device, or of a machine that opens email by itself (Apple's privacy
-- protection raises open rates); which part of the list received a broadcast; bounces of a broadcast; and replies.
-- Numbers of opens and clickers are the rates times the recipients.
-- id: The broadcast's id.
-- subject: Its subject; null if it has none.
-- sent_at: When it was sent, as far as known (see fct_broadcast).
-- sent_on: The day in the configured zone.
-- weekday: Day of the week of sending in the configured zone, 1 Monday to 7 Sunday.
-- hour: Hour of sending in the configured zone.
-- recipients: People it was sent to.
-- opens: People who opened it; null if opens were not tracked.
-- open_rate: In percent: 100 * opens / recipients, as the API gives it.
-- clickers: People who clicked; null if clicks were not tracked.
-- click_rate: In percent: 100 * clickers / recipients, as the API gives it.
-- click_to_open_rate: In percent: 100 * clickers / opens, from the rates.
-- total_clicks: Clicks, including repeated clicks by one person.
-- unsubscribes: People who unsubscribed from it.
-- unsubscribe_rate: In percent: 100 * unsubscribes / recipients.
-- baseline_sends: Number of earlier sends it is compared with, at most ten with recipients.
-- baseline_recipients: Their recipients.
-- baseline_opens: Their opens.
-- baseline_open_rate: In percent: opens of those sends / recipients of those that track opens.
-- baseline_clickers: Their clickers.
-- baseline_click_rate: In percent: clickers of those sends / recipients of those that track clicks.
-- baseline_unsubscribes: Their unsubscribes; null if unknown for all.
-- baseline_unsubscribe_rate: In percent: baseline_unsubscribes / recipients of the sends with known unsubscribes.
-- open_rate_rank: Rank by open rate among itself and the baseline, 1 is the highest.
-- click_rate_rank: The same by click rate.
-- open_rate_z: (open_rate - baseline_open_rate) / deviation of the baseline's rates, both weighted by recipients;
-- null with fewer than three sends or without deviation.
-- click_rate_z: The same for the click rate.
-- open_rate_low: Lower bound of the open rate, given the number of recipients (Wilson, 95 %).
-- open_rate_high: Upper bound.
-- click_rate_low: Lower bound of the click rate, likewise.
-- click_rate_high: Upper bound.
-- open_verdict: `above` or `below` the baseline if z is at least 1 or at most -1 and the baseline is outside the
-- bounds of the rate; else `near`; null if z is null.
-- click_verdict: The same for the click rate.
with sends as (
    -- place numbers the sends with recipients up to this one. A send without recipients is not compared and gets no
    -- place, so "the ten before" is a range of places that needs no second ordering by time
    select
        *,
        count(*) filter (recipients > 0) over (order by sent_at nulls first, id) as place
    from fct_broadcast
    where is_sent
),

measured as (
    select
        sends.* replace (
            case when recipients > 0 then open_rate end as open_rate,
            case when recipients > 0 then click_rate end as click_rate
        ),
        place - (coalesce(recipients, 0) > 0)::integer as sends_before,
        timezone(timezone, sent_at) as sent_local
    from sends
    cross join model_settings
),

compared as (
    -- one row per send and send of its baseline, to be summed, weighted and ranked
    select
        measured.id,
        measured.open_rate,
        measured.click_rate,
        before.recipients as recipients,
        before.opens,
        before.clickers,
        before.unsubscribes,
        before.open_rate as open_rate_before,
        before.click_rate as click_rate_before,
        case when before.opens is not null then before.recipients end as open_recipients,
        case when before.clickers is not null then before.recipients end as click_recipients,
        case when before.unsubscribes is not null then before.recipients end as unsubscribe_recipients
    from measured
    join measured as before
        on before.recipients > 0
        and before.place between measured.sends_before - 9 and measured.sends_before
        and before.id <> measured.id
),

baselines as (
    select
        id,
        count(*) as baseline_sends,
        try_cast(sum(recipients) as bigint) as baseline_recipients,
        try_cast(sum(opens) as bigint) as baseline_opens,
        100.0 * sum(opens) / sum(open_recipients) as baseline_open_rate,
        try_cast(sum(clickers) as bigint) as baseline_clickers,
        100.0 * sum(clickers) / sum(click_recipients) as baseline_click_rate,
        try_cast(sum(unsubscribes) as bigint) as baseline_unsubscribes,
        100.0 * sum(unsubscribes) / sum(unsubscribe_recipients) as baseline_unsubscribe_rate,
        1 + count(*) filter (open_rate_before > open_rate) as open_rate_rank,
        1 + count(*) filter (click_rate_before > click_rate) as click_rate_rank,
        count(open_rate_before) as open_sends,
        count(click_rate_before) as click_sends
    from compared
    group by all
),

deviations as (
    -- doubles are summed in the order of their values, so that every build gives the same
    select
        compared.id,
        sqrt(
            list_sum(list_sort(list(open_recipients * pow(open_rate_before - baseline_open_rate, 2))))
                / sum(open_recipients)
        ) as open_deviation,
        sqrt(
            list_sum(list_sort(list(click_recipients * pow(click_rate_before - baseline_click_rate, 2))))
                / sum(click_recipients)
        ) as click_deviation
    from compared
    join baselines on baselines.id = compared.id
    group by all
),

scored as (
    select
        measured.id,
        -- rates are sums of rounded doubles: a deviation below a millionth counts as none
        case
            when open_sends >= 3 and open_deviation > 1e-6
                then (measured.open_rate - baseline_open_rate) / open_deviation
        end as open_rate_z,
        case
            when click_sends >= 3 and click_deviation > 1e-6
                then (measured.click_rate - baseline_click_rate) / click_deviation
        end as click_rate_z
    from measured
    join baselines on baselines.id = measured.id
    join deviations on deviations.id = measured.id
),

ranges as (
    select
        id,
        100 * (opens + 1.9208 - 1.96 * sqrt(opens * (recipients - opens) / recipients + 0.9604)) / (recipients + 3.8416)
            as open_rate_low,
        100 * (opens + 1.9208 + 1.96 * sqrt(opens * (recipients - opens) / recipients + 0.9604)) / (recipients + 3.8416)
            as open_rate_high,
        100 * (clickers + 1.9208 - 1.96 * sqrt(clickers * (recipients - clickers) / recipients + 0.9604))
            / (recipients + 3.8416) as click_rate_low,
        100 * (clickers + 1.9208 + 1.96 * sqrt(clickers * (recipients - clickers) / recipients + 0.9604))
            / (recipients + 3.8416) as click_rate_high
    from (
        select
            id,
            recipients::double as recipients,
            case when opens between 0 and recipients then opens end::double as opens,
            case when clickers between 0 and recipients then clickers end::double as clickers
        from measured
        where recipients > 0
    )
)

select
    measured.id,
    subject,
    sent_at,
    sent_on,
    isodow(sent_local)::integer as weekday,
    hour(sent_local)::integer as hour,
    recipients,
    opens,
    measured.open_rate,
    clickers,
    measured.click_rate,
    click_to_open_rate,
    total_clicks,
    unsubscribes,
    unsubscribe_rate,
    coalesce(baseline_sends, 0) as baseline_sends,
    baseline_recipients,
    baseline_opens,
    baseline_open_rate,
    baseline_clickers,
    baseline_click_rate,
    baseline_unsubscribes,
    baseline_unsubscribe_rate,
    case when measured.open_rate is not null then coalesce(open_rate_rank, 1) end as open_rate_rank,
    case when measured.click_rate is not null then coalesce(click_rate_rank, 1) end as click_rate_rank,
    open_rate_z,
    click_rate_z,
    open_rate_low,
    open_rate_high,
    click_rate_low,
    click_rate_high,
    case
        when open_rate_z >= 1 and open_rate_low > baseline_open_rate then 'above'
        when open_rate_z <= -1 and open_rate_high < baseline_open_rate then 'below'
        when open_rate_z is not null then 'near'
    end as open_verdict,
    case
        when click_rate_z >= 1 and click_rate_low > baseline_click_rate then 'above'
        when click_rate_z <= -1 and click_rate_high < baseline_click_rate then 'below'
        when click_rate_z is not null then 'near'
    end as click_verdict
from measured
left join baselines on baselines.id = measured.id
left join scored on scored.id = measured.id
left join ranges on ranges.id = measured.id
