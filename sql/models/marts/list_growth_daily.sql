-- One row per day in the configured zone, from the first sign-up to the newest observation: people who joined, who
-- left, and who are active.
-- @key: day
-- @stored: table
-- @filter: day > (select max(day) from list_growth_daily) - 90
-- @unknown: Exactly when someone bounced, complained, was deleted or came back, and under v3 when someone cancelled: it
-- counts on the day of the pull that saw it. Before the first pull, people deleted, and when people bounced, complained
-- or came back; under v3 everyone who left, and therefore how many were active.
-- day: The day.
-- joined: New Leads: people who joined the account that day, whatever happened since; deleted people only if the
-- mirror had them.
-- undated: People first seen that day who have no plausible join date (see dim_subscriber.created_at); they are not
-- in joined.
-- new: People who became active; up to the day of the first pull people who joined that day: under v3 the same as
-- joined, under v4 those who were active at the first pull (undated people on its day), or cancelled at a known time.
-- lost: Active people who cancelled, bounced, complained or were deleted; up to the day of the first pull cancellations
-- alone, and null if they have no date.
-- net: new minus lost.
-- active_start: Active people at the start of the day; up to the day of the first pull those known to have been active,
-- people who came back throughout; null if cancellations have no date.
-- active_end: Active people at the end of the day, likewise; known from the day of the first pull.
-- growth_rate: 100 * net / active_start.
-- joined_average_7d: Mean of joined over this day and the six before; null if there are fewer.
-- joined_average_28d: The same over 28 days.
-- net_average_7d: Mean of net over this day and the six before; null if fewer are known.
-- net_average_28d: The same over 28 days.
-- precision: `exact`: everyone who came or left did so that day; `interval`: some changes count on the day of the pull
-- that saw them; `at least`: up to the day of the first pull, cancellations are known, other losses are not; `unknown`:
-- no losses are.
with bounds as (
    select
        timezone(model_settings.timezone, dim_pull.ended_at)::date as first_pull_on,
        timezone(model_settings.timezone, model_settings.as_of)::date as last_day,
        dim_pull.ended_at as first_pull_at,
        cancellation_dates.has_dates,
        model_settings.timezone,
        model_settings.plausible_from,
        model_settings.plausible_to
    from model_settings
    cross join cancellation_dates
    left join dim_pull on dim_pull.is_first
),

people as (
    select created_at, _first_seen_at from subscribers
    union all
    select min(created_at), min(_first_seen_at)
    from history.subscribers
    where change = 'delete' and id not in (select id from subscribers)
    group by id
),

dated as (
    select
        case when created_at between plausible_from and plausible_to then timezone(timezone, created_at)::date end
            as joined_on,
        least(coalesce(joined_on, timezone(timezone, _first_seen_at)::date), last_day) as day
    from people
    cross join bounds
),

joined as (
    select day, count(joined_on) as joined, count(*) - count(joined_on) as undated
    from dated
    group by day
),

-- people who were active before the first pull, by the day they joined
started as (
    select
        least(
            coalesce(
                timezone(
                    timezone, case when created_at between plausible_from and plausible_to then created_at end
                )::date,
                first_pull_on
            ),
            first_pull_on
        ) as day,
        count(*) as new
    from (
        select created_at
        from history.subscribers
        where state = 'active'
            and change <> 'delete'
            and valid_from <= (select first_pull_at from bounds)
            and (valid_to is null or valid_to > (select first_pull_at from bounds))
        union all
        select created_at from fct_state_change where is_before_first_pull
    )
    cross join bounds
    where bounds.has_dates
    group by 1
),

moved as (
    select
        happened_on as day,
        count(*) filter (is_entering) as new,
        count(*) filter (is_leaving) as lost,
        bool_and(precision = 'exact') as is_exact
    from fct_state_change
    group by happened_on
),

days as (
    select unnest(generate_series(
        coalesce((select min(day) from joined), first_pull_on, last_day), last_day, interval 1 day
    ))::date as day
    from bounds
),

counted as (
    select
        days.day,
        coalesce(joined.joined, 0) as joined,
        coalesce(joined.undated, 0) as undated,
        days.day > bounds.first_pull_on as is_covered,
        is_covered or (bounds.has_dates and bounds.first_pull_on is not null) as is_known,
        days.day = bounds.first_pull_on as is_first_pull,
        case when is_known then coalesce(started.new, 0) + coalesce(moved.new, 0) else coalesce(joined.joined, 0) end
            as new,
        case when is_known then coalesce(moved.lost, 0) end as lost,
        case when is_known then coalesce(started.new, 0) + coalesce(moved.new, 0) - coalesce(moved.lost, 0) end as net,
        case
            when not coalesce(is_known, false) then 'unknown'
            when not is_covered then 'at least'
            when coalesce(moved.is_exact, true) then 'exact'
            else 'interval'
        end as precision
    from days
    cross join bounds
    left join joined on joined.day = days.day
    left join started on started.day = days.day
    left join moved on moved.day = days.day
),

added_up as (
    select
        *,
        -- backwards from the people active now
        (select count(*) from subscribers where state = 'active') - coalesce(sum(net) over (
            order by day rows between 1 following and unbounded following
        ), 0)::bigint as active_end
    from counted
)

select
    day,
    joined,
    undated,
    new,
    lost,
    net,
    case when is_known then active_end - net end as active_start,
    case when is_known or is_first_pull then active_end end as active_end,
    case when is_known then 100 * net / nullif(active_end - net, 0) end as growth_rate,
    case when count(*) over week = 7 then avg(joined) over week end as joined_average_7d,
    case when count(*) over month = 28 then avg(joined) over month end as joined_average_28d,
    case when count(net) over week = 7 then avg(net) over week end as net_average_7d,
    case when count(net) over month = 28 then avg(net) over month end as net_average_28d,
    precision
from added_up
window
    week as (order by day rows between 6 preceding and current row),
    month as (order by day rows between 27 preceding and current row)
