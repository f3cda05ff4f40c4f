-- One row per membership of a person in a form, sequence or tag, current or ended.
-- @key: subscribable_type, subscribable_id, subscription_id
-- @filter: is_current and subscribable_type = 'form' and subscriber_id = 412000000
-- @unknown: When a membership ended, except between which two pulls. Memberships that ended before the first pull.
-- subscribable_type: `form`, `sequence` or `tag`.
-- subscribable_id: Id of the form, sequence or tag.
-- name: Its name; null if it is gone.
-- subscription_id: The membership's id.
-- subscriber_id: The person; null if v3 named none.
-- joined_at: When the membership was created; null if the API gave no readable time, or one before
-- model_settings.plausible_from or after plausible_to.
-- state: The person's state as last shown in the membership.
-- referrer: The page with the form, if v3 knows it.
-- source: What created the membership, if v3 knows it.
-- is_current: Whether it still exists.
-- left_after: Start of the last pull before it was found gone; null if it exists, or no such pull is known.
-- left_before: When it was found gone; null: it exists.
-- left_precision: `interval`: it ended between the two; `unknown`: only before left_before; null: it exists.
with gone as (
    select
        ended.subscribable_type, ended.subscribable_id, ended.id, ended.subscriber_id, ended.created_at, ended.state,
        ended.referrer, ended.source, ended.valid_from as left_before
    from history.subscriptions as ended
    anti join subscriptions as current
        on current.subscribable_type = ended.subscribable_type
        and current.subscribable_id = ended.subscribable_id
        and current.id = ended.id
    where ended.change = 'delete'
    qualify row_number() over (
        partition by ended.subscribable_type, ended.subscribable_id, ended.id order by ended.valid_from desc
    ) = 1
),

memberships as (
    select
        subscribable_type, subscribable_id, id, subscriber_id, created_at, state, referrer, source, true as is_current,
        null::timestamptz as left_before, null::timestamptz as left_after
    from subscriptions
    union all
    select
        gone.subscribable_type, gone.subscribable_id, gone.id, gone.subscriber_id, gone.created_at, gone.state,
        gone.referrer, gone.source, false, gone.left_before, dim_pull.began_at
    from gone
    asof left join dim_pull on gone.left_before > dim_pull.ended_at
),

parents as (
    select 'form' as subscribable_type, id, name from forms
    union all
    select 'sequence', id, name from sequences
    union all
    select 'tag', id, name from tags
)

select
    memberships.subscribable_type,
    memberships.subscribable_id,
    parents.name,
    memberships.id as subscription_id,
    memberships.subscriber_id,
    case
        when memberships.created_at between model_settings.plausible_from and model_settings.plausible_to
        then memberships.created_at
    end as joined_at,
    memberships.state,
    memberships.referrer,
    memberships.source,
    memberships.is_current,
    memberships.left_after,
    memberships.left_before,
    case
        when memberships.is_current then null
        when memberships.left_after is null then 'unknown'
        else 'interval'
    end as left_precision
from memberships
cross join model_settings
left join parents
    on parents.subscribable_type = memberships.subscribable_type
    and parents.id = memberships.subscribable_id
