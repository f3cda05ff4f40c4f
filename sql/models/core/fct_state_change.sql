-- One row per change of a person's state seen since the first pull, and per cancellation before it that has a date; a
-- new person's first state counts as a change.
-- @key: subscriber_id, seen_at, to_state
-- @stored: table
-- @filter: is_leaving
-- @unknown: Exactly when someone bounced, complained, was deleted or came back, and under v3 when someone cancelled:
-- only the two pulls around it are known. Everything before the first pull, except the latest cancellation under v4.
-- Two changes between two pulls are seen as one, or as none.
-- subscriber_id: The person.
-- created_at: When the person joined the account; null if unknown (see dim_subscriber).
-- from_state: The state before; null: the person was new to the mirror.
-- to_state: The state after; `deleted`: the person is gone from the account.
-- seen_at: When the change was seen.
-- changed_after: It happened after this: the start of the previous pull, or when the person joined.
-- changed_before: It happened before this; if exact, it happened then.
-- precision: `exact`: a person's first state, since created_at, or a cancellation with a date (v4); `interval`: between
-- the two times.
-- happened_on: The day it counts for, in the configured zone: that of changed_before.
-- is_entering: Whether the person became active with this change.
-- is_leaving: Whether the person was active until this change.
-- is_before_first_pull: Whether the first pull already saw its result, so that only its date tells of it.
with first_pull as (
    select ended_at from dim_pull where is_first
),

told_people as (
    select id from history.subscribers where valid_from > (select ended_at from first_pull) or canceled_at is not null
),

versions as (
    select
        subscribers.id,
        subscribers.created_at,
        subscribers.created_at between plausible_from and plausible_to as is_plausible,
        subscribers.valid_from,
        case when subscribers.change = 'delete' then 'deleted' else coalesce(subscribers.state, 'unknown') end as state,
        case when subscribers.state = 'cancelled' and subscribers.change <> 'delete' then subscribers.canceled_at end
            as canceled_at
    from history.subscribers as subscribers
    cross join model_settings
    where subscribers.id in (select id from told_people)
),

steps as (
    select *, lag(state) over in_order as state_before, lead(valid_from) over in_order as next_from
    from versions
    window in_order as (partition by id order by valid_from, (state = 'deleted')::int)
),

runs as (
    select
        *,
        sum((state is distinct from state_before)::int) over (
            partition by id order by valid_from, (state = 'deleted')::int
        ) as run
    from steps
),

-- a version that was closed before v4 gave the date has it from a later one
cancelled as (
    select
        *,
        first_value(canceled_at ignore nulls) over (
            in_order rows between unbounded preceding and unbounded following
        ) as run_canceled_at,
        lag(canceled_at ignore nulls) over in_order as canceled_before
    from runs
    window in_order as (partition by id, run order by valid_from)
),

begun as (
    select
        *,
        canceled_before is not null and canceled_at > canceled_before as is_again,
        case when is_again then canceled_at else run_canceled_at end as dated_at,
        -- the beginning of the state before; unknown for the first
        case when run > 2 then lag(valid_from) over (partition by id order by valid_from, (state = 'deleted')::int) end
            as state_seen_at
    from cancelled
    where state is distinct from state_before or (canceled_before is not null and canceled_at > canceled_before)
),

seen as (
    select
        begun.*,
        dim_pull.began_at as looked_before_at,
        coalesce(
            state = 'cancelled' and is_plausible
            and dated_at between greatest(created_at, coalesce(state_seen_at, created_at)) and valid_from,
            false
        ) as is_dated
    from begun
    asof left join dim_pull on begun.valid_from > dim_pull.ended_at
    where begun.valid_from > (select ended_at from first_pull)
        and not (begun.state_before is null and begun.state = 'deleted')
),

dated as (
    select
        *,
        state_before is null and created_at >= looked_before_at and created_at <= valid_from as is_new
    from seen
),

changes as (
    select
        id, created_at, state_before as from_state,
        -- a new person who has already left was active in between
        case when is_new and state not in ('active', 'inactive') then 'active' else state end as to_state,
        valid_from,
        case when is_new and state <> 'inactive' then created_at when is_dated then dated_at else looked_before_at end
            as changed_after,
        case when is_new and state <> 'inactive' then created_at when is_dated then dated_at else valid_from end
            as changed_before,
        (is_new and state <> 'inactive') or is_dated as is_exact, false as is_before_first_pull
    from dated
    where not is_again

    union all

    select
        id, created_at, 'active', state, valid_from,
        case when is_dated then dated_at else greatest(looked_before_at, created_at) end,
        case when is_dated then dated_at else valid_from end, is_dated, false
    from dated
    where (is_new and state not in ('active', 'inactive')) or is_again

    union all

    -- a second date shows that someone had come back unseen
    select
        id, created_at, 'cancelled', 'active', valid_from, greatest(looked_before_at, canceled_before),
        case when is_dated then dated_at else valid_from end, false, false
    from dated
    where is_again

    union all

    select id, created_at, 'active', 'cancelled', valid_from, run_canceled_at, run_canceled_at, true, true
    from cancelled
    where state = 'cancelled'
        and is_plausible
        and valid_from <= (select ended_at from first_pull)
        and (next_from is null or next_from > (select ended_at from first_pull))
        and run_canceled_at between created_at and (select ended_at from first_pull)
)

select
    changes.id as subscriber_id,
    case
        when changes.created_at between model_settings.plausible_from and model_settings.plausible_to
        then changes.created_at
    end as created_at,
    changes.from_state,
    changes.to_state,
    changes.valid_from as seen_at,
    changes.changed_after,
    changes.changed_before,
    case when changes.is_exact then 'exact' else 'interval' end as precision,
    timezone(model_settings.timezone, changes.changed_before)::date as happened_on,
    changes.to_state = 'active' as is_entering,
    coalesce(changes.from_state = 'active', false) as is_leaving,
    changes.is_before_first_pull
from changes
cross join model_settings
