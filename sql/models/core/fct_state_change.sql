-- One row per change of a person's state seen since the first pull; a new person's first state counts as one.
-- @key: subscriber_id, seen_at, to_state
-- @stored: table
-- @filter: is_leaving
-- @unknown: When someone left, except between which two pulls. Everything before the first pull. Two changes between
-- two pulls are seen as one, or as none.
-- subscriber_id: The person.
-- created_at: When the person joined the account; null if unknown (see dim_subscriber).
-- from_state: The state before; null: the person was not known.
-- to_state: The state after; `deleted`: the person is gone from the account.
-- seen_at: When the change was seen.
-- changed_after: It happened after this: the start of the previous pull, or when the person joined.
-- changed_before: It happened before this.
-- precision: `exact`: a person's first state, since created_at; `interval`: between the two times.
-- happened_on: The day it counts for, in the configured zone: that of created_at if exact, else of seen_at.
-- is_entering: Whether the person thereby became active.
-- is_leaving: Whether the person was active until then.
with first_pull as (
    select ended_at from dim_pull where is_first
),

changed_people as (
    select id from history.subscribers where valid_from > (select ended_at from first_pull)
),

versions as (
    select
        id,
        created_at,
        valid_from,
        case when change = 'delete' then 'deleted' else coalesce(state, 'unknown') end as state
    from history.subscribers
    where id in (select id from changed_people)
),

steps as (
    select
        *,
        lag(state) over (
            partition by id order by valid_from, (state = 'deleted')::int
        ) as state_before
    from versions
),

seen as (
    select steps.*, dim_pull.began_at as looked_before_at
    from steps
    asof left join dim_pull on steps.valid_from > dim_pull.ended_at
    where steps.valid_from > (select ended_at from first_pull)
        and steps.state is distinct from steps.state_before
        and not (steps.state_before is null and steps.state = 'deleted')
),

dated as (
    select
        *,
        state_before is null and created_at >= looked_before_at and created_at <= valid_from as is_new
    from seen
),

changes as (
    select
        id, created_at, state_before, state, valid_from, looked_before_at, is_new and state <> 'inactive' as is_exact,
        -- a new person who has already left was active in between
        case when is_new and state not in ('active', 'inactive') then 'active' else state end as to_state
    from dated
    union all
    select id, created_at, 'active', state, valid_from, greatest(looked_before_at, created_at), false, state
    from dated
    where is_new and state not in ('active', 'inactive')
)

select
    changes.id as subscriber_id,
    case
        when changes.created_at between model_settings.plausible_from and model_settings.plausible_to
        then changes.created_at
    end as created_at,
    changes.state_before as from_state,
    changes.to_state,
    changes.valid_from as seen_at,
    case when changes.is_exact then changes.created_at else changes.looked_before_at end as changed_after,
    case when changes.is_exact then changes.created_at else changes.valid_from end as changed_before,
    case when changes.is_exact then 'exact' else 'interval' end as precision,
    timezone(
        model_settings.timezone, case when changes.is_exact then changes.created_at else changes.valid_from end
    )::date as happened_on,
    changes.to_state = 'active' as is_entering,
    coalesce(changes.state_before = 'active', false) as is_leaving
from changes
cross join model_settings
