-- One row per person who ever joined a form, sequence or tag, and period in which that person was not active; one row
-- for a person who was always active. lead_magnet_conversion and sequence_funnel use it to count who was still there
-- after 30 and 90 days.
-- @filter: subscribable_type = 'form' and subscribable_id = 5000000
-- @unknown: When people who were inactive at the first pull became so, unless they cancelled and v4 gives the date; and
-- people removed before it.
-- subscribable_type: `form`, `sequence` or `tag`.
-- subscribable_id: Its id.
-- subscriber_id: The person.
-- joined_at: When the person first joined; null if unknown (see bridge_membership).
-- is_current: Whether the person is a member now.
-- is_first: Whether this is the first of the person's rows here; those rows count each join once.
-- day_30: 30 days after joined_at.
-- day_90: 90 days after joined_at.
-- state: The state during the period: `deleted` for people who are gone, `unknown` if the API gave none; null if there
-- is no period.
-- seen_from: When the period was first seen, or the date of the cancellation (v4).
-- away_from: When it began; -infinity if the person was already away when first seen, and the start is unknown.
-- away_to: When it ended; infinity if it continues.
with joins as (
    select
        subscribable_type,
        subscribable_id,
        subscriber_id,
        min(joined_at) as joined_at,
        bool_or(is_current) as is_current
    from bridge_membership
    where subscriber_id is not null
    group by all
),

away_people as (
    select id from history.subscribers where change <> 'delete' and state is distinct from 'active'
),

versions as (
    select
        id, coalesce(state, 'unknown') as state, valid_from, coalesce(valid_to, 'infinity'::timestamptz) as valid_to,
        _first_seen_at, case when state = 'cancelled' then canceled_at end as canceled_at
    from history.subscribers
    where change <> 'delete' and id in (select id from away_people)
),

changes as (
    select *, (state is distinct from lag(state) over (partition by id order by valid_from))::int as is_change
    from versions
),

runs as (
    select *, sum(is_change) over (partition by id order by valid_from) as run
    from changes
),

periods as (
    select
        id, state, min(valid_from) as seen_from, max(valid_to) as away_to, min(canceled_at) as canceled_at,
        min(valid_from) <= min(_first_seen_at) as is_first_seen
    from runs
    where state <> 'active'
    group by id, run, state
),

dated as (
    -- a date earlier than the end of another absence would count the person twice
    select
        *,
        case
            when canceled_at between plausible_from and seen_from
            then greatest(canceled_at, lag(away_to) over (partition by id order by seen_from))
        end as dated_from
    from periods
    cross join model_settings
),

absences as (
    -- the first version of a person also covers the time before it
    select
        id,
        state,
        coalesce(dated_from, seen_from) as seen_from,
        coalesce(dated_from, case when is_first_seen then '-infinity'::timestamptz else seen_from end) as away_from,
        away_to
    from dated

    union all

    select id, 'deleted', max(valid_from), max(valid_from), 'infinity'::timestamptz
    from history.subscribers
    where change = 'delete' and id not in (select id from subscribers)
    group by id
),

numbered as (
    select *, row_number() over (partition by id order by seen_from) as number
    from absences
)

select
    joins.subscribable_type,
    joins.subscribable_id,
    joins.subscriber_id,
    joins.joined_at,
    joins.is_current,
    -- a join has as many rows as its person has periods: counts of people use only the first
    coalesce(numbered.number, 1) = 1 as is_first,
    joins.joined_at + to_hours(30 * 24) as day_30,
    joins.joined_at + to_hours(90 * 24) as day_90,
    numbered.state,
    numbered.seen_from,
    numbered.away_from,
    numbered.away_to
from joins
left join numbered on numbered.id = joins.subscriber_id
