-- One row per sign-up month, month covered by pulls, and group of people: how many were active at its end. Under v4,
-- for everyone together, also the months before the first pull.
-- @key: variant, value, cohort, month
-- @stored: table
-- @filter: variant = 'all'
-- @unknown: When people bounced, complained or came back before the first pull, and under v3 when they cancelled;
-- people deleted before it are in no cohort.
-- variant: How people are grouped: `all`, `form` (first joined), `tag` (first given) or `source`.
-- value: The group: the form's or tag's name, or the source; `all`; `none` without any; `deleted` for people who are
-- gone; `undated` in every variant for people without a plausible join date (see dim_subscriber.created_at).
-- cohort: First day of the month, in the configured zone, in which they joined; for the undated, in which the mirror
-- first saw them.
-- month: First day of the month at whose end they are counted; the current month counts up to the newest observation.
-- months_since: Months between the two.
-- is_complete: Whether the month is over.
-- size: People of the group who joined in the cohort's month, whatever happened since.
-- active: Of these, people active at the end of the month.
-- retention_rate: 100 * active / size.
-- retention_low: Lower bound of the rate, given the size of the group (Wilson, 95 %).
-- retention_high: Upper bound.
-- is_supported: Whether size is at least model_settings.minimum_support.
-- precision: `interval`: people who left count from the pull that saw that, unless they cancelled at a known time; `at
-- least`: the cohort is older than the first pull, size lacks people deleted before, and active those who had not yet
-- bounced or complained; `unknown`: likewise, and cancellations have no date.
with bounds as (
    select
        dim_pull.ended_at as first_pull_at,
        timezone(model_settings.timezone, dim_pull.ended_at)::date as first_pull_on,
        timezone(model_settings.timezone, model_settings.as_of)::date as last_day,
        cancellation_dates.has_dates,
        model_settings.timezone,
        model_settings.minimum_support,
        model_settings.plausible_from,
        model_settings.plausible_to
    from model_settings
    cross join cancellation_dates
    cross join dim_pull
    where dim_pull.is_first
),

deleted as (
    select id, min(created_at) as created_at, min(_first_seen_at) as first_seen_at
    from history.subscribers
    where change = 'delete' and id not in (select id from subscribers)
    group by id
),

everybody as (
    select
        id, created_on as joined_on, first_seen_at, coalesce(state = 'active', false)::int as is_active,
        coalesce(first_form, 'none') as form, coalesce(first_tag, 'none') as tag, acquisition_source as source
    from dim_subscriber
    union all
    select
        id,
        case
            when created_at between plausible_from and plausible_to
            then least(timezone(timezone, created_at)::date, last_day)
        end,
        first_seen_at, 0, 'deleted', 'deleted', 'deleted'
    from deleted
    cross join bounds
),

people as (
    select
        id,
        date_trunc('month', coalesce(joined_on, timezone(timezone, first_seen_at)::date))::date as cohort,
        is_active,
        case when joined_on is null then 'undated' else 'all' end as whole,
        case when joined_on is null then 'undated' else form end as form,
        case when joined_on is null then 'undated' else tag end as tag,
        case when joined_on is null then 'undated' else source end as source
    from everybody
    cross join bounds
),

months as (
    select
        unnest(generate_series(
            least(
                date_trunc('month', first_pull_on),
                case when has_dates then (select min(cohort) from people where whole = 'all') end
            ),
            date_trunc('month', last_day),
            interval 1 month
        ))::date as month,
        date_trunc('month', first_pull_on)::date as first_pull_month
    from bounds
),

moved as (
    select
        subscriber_id as id, date_trunc('month', happened_on)::date as month,
        sum(is_entering::int - is_leaving::int) as net
    from fct_state_change
    group by all
),

-- before the four groupings, so that each person is read once
groups as (
    select cohort, whole, form, tag, source, count(*) as size, sum(is_active) as active_now
    from people
    group by all
),

group_moves as (
    select
        people.cohort, people.whole, people.form, people.tag, people.source, moved.month, sum(moved.net) as net
    from moved
    join people on people.id = moved.id
    group by all
),

sizes as (
    select 'all' as variant, whole as value, cohort, sum(size) as size, sum(active_now) as active_now
    from groups group by all
    union all
    select 'form', form, cohort, sum(size), sum(active_now) from groups group by all
    union all
    select 'tag', tag, cohort, sum(size), sum(active_now) from groups group by all
    union all
    select 'source', source, cohort, sum(size), sum(active_now) from groups group by all
),

moves as (
    select 'all' as variant, whole as value, cohort, month, sum(net) as net from group_moves group by all
    union all
    select 'form', form, cohort, month, sum(net) from group_moves group by all
    union all
    select 'tag', tag, cohort, month, sum(net) from group_moves group by all
    union all
    select 'source', source, cohort, month, sum(net) from group_moves group by all
),

counted as (
    select
        sizes.variant,
        sizes.value,
        sizes.cohort,
        months.month,
        sizes.size::bigint as size,
        -- backwards from the people active now
        (sizes.active_now - coalesce(sum(moves.net), 0))::bigint as active
    from sizes
    join months
        on months.month >= sizes.cohort
        and (months.month >= months.first_pull_month or (sizes.variant = 'all' and sizes.value = 'all'))
    left join moves
        on moves.variant = sizes.variant and moves.value = sizes.value and moves.cohort = sizes.cohort
        and moves.month > months.month
    group by sizes.variant, sizes.value, sizes.cohort, months.month, sizes.size, sizes.active_now
)

select
    variant,
    value,
    cohort,
    month,
    date_diff('month', cohort, month) as months_since,
    month < date_trunc('month', bounds.last_day)::date as is_complete,
    size,
    active,
    100 * active / size as retention_rate,
    100 * (
        (active / size + 1.9208 / size) - 1.96 * sqrt(active / size * (1 - active / size) / size + 0.9604 / size / size)
    ) / (1 + 3.8416 / size) as retention_low,
    100 * (
        (active / size + 1.9208 / size) + 1.96 * sqrt(active / size * (1 - active / size) / size + 0.9604 / size / size)
    ) / (1 + 3.8416 / size) as retention_high,
    size >= bounds.minimum_support as is_supported,
    case
        when cohort > date_trunc('month', bounds.first_pull_on)::date then 'interval'
        when bounds.has_dates then 'at least'
        else 'unknown'
    end as precision
from counted
cross join bounds
