-- One row per month in the configured zone whose losses are known: people who left. Under v3 from the month of the
-- first pull, under v4 from the first sign-up.
-- @key: month
-- @filter: days_covered = days_in_month
-- @unknown: Before the first pull: when people bounced, complained, were deleted or came back, and under v3 cancelled.
-- Since then these count on the day of the pull that saw them.
-- month: First day of the month.
-- days_in_month: Days in the month.
-- days_covered: Days of the month whose losses are known, up to the newest observation; rates refer to these.
-- active_start: Active people at the start of the covered days, as in list_growth_daily.
-- cancelled: Active people who cancelled.
-- bounced: Active people who were seen to have bounced.
-- complained: Active people who were seen to have complained.
-- deleted: Active people who were seen to be gone from the account.
-- lost: All who stopped being active, for any reason.
-- churn_rate: 100 * cancelled / active_start.
-- lost_rate: 100 * lost / active_start.
-- early_lost: Of these, people who had joined at most 30 days before.
-- early_churn_rate: 100 * early_lost / lost.
-- precision: `exact`: everyone who left did so on a known date (v4); `interval`: some count on the day of the pull
-- that saw it; `at least`: the month began before the first pull, and other losses than cancellations are unknown.
with months as (
    select
        date_trunc('month', day)::date as month,
        count(*) as days_covered,
        min_by(active_start, day) as active_start,
        bool_or(precision = 'at least') as is_at_least
    from list_growth_daily
    where active_start is not null
    group by 1
),

left_people as (
    select date_trunc('month', happened_on)::date as month, *
    from fct_state_change
    where is_leaving
),

leaving as (
    select
        month,
        count(*) filter (to_state = 'cancelled') as cancelled,
        count(*) filter (to_state = 'bounced') as bounced,
        count(*) filter (to_state = 'complained') as complained,
        count(*) filter (to_state = 'deleted') as deleted,
        count(*) as lost,
        count(*) filter (changed_before <= created_at + interval 30 day) as early_lost,
        bool_and(precision = 'exact') as is_exact
    from left_people
    where happened_on in (select day from list_growth_daily where active_start is not null)
    group by month
)

select
    months.month,
    date_diff('day', months.month, (months.month + interval 1 month)::date) as days_in_month,
    months.days_covered,
    months.active_start,
    coalesce(leaving.cancelled, 0) as cancelled,
    coalesce(leaving.bounced, 0) as bounced,
    coalesce(leaving.complained, 0) as complained,
    coalesce(leaving.deleted, 0) as deleted,
    coalesce(leaving.lost, 0) as lost,
    100 * coalesce(leaving.cancelled, 0) / nullif(months.active_start, 0) as churn_rate,
    100 * coalesce(leaving.lost, 0) / nullif(months.active_start, 0) as lost_rate,
    coalesce(leaving.early_lost, 0) as early_lost,
    100 * leaving.early_lost / nullif(leaving.lost, 0) as early_churn_rate,
    case
        when months.is_at_least then 'at least'
        when leaving.is_exact then 'exact'
        else 'interval'
    end as precision
from months
left join leaving on leaving.month = months.month
