-- One row per stay of a person in a form, sequence or tag, current or ended; someone who left and joined again has
-- several.
-- @key: subscribable_type, subscribable_id, subscriber_id, stay
-- @filter: is_current and subscribable_type = 'form' and subscriber_id = 412000000
-- @unknown: Exactly when a membership ended: only the two pulls around it are known. Memberships that ended before the
-- first pull, and stays that began and ended between two pulls.
-- subscribable_type: `form`, `sequence` or `tag`.
-- subscribable_id: Id of the form, sequence or tag.
-- name: Its name; null if it is gone.
-- subscriber_id: The person.
-- stay: The number of the stay, from 1, as far as pulls saw.
-- subscription_id: The membership's id, if v3 gave it.
-- joined_at: When the membership was created; null if the API gave no readable time, or one before
-- model_settings.plausible_from or after plausible_to.
-- state: The person's state as last shown in the membership (v3).
-- referrer: The page with the form, if the API gives it.
-- source: What created the membership, if v3 gives it.
-- utm_source: The utm_source of the referrer (v4, forms).
-- utm_medium: Its utm_medium (v4, forms).
-- utm_campaign: Its utm_campaign (v4, forms).
-- is_current: Whether it still exists.
-- left_after: Start of the last pull before it was found gone; null if it exists, or no such pull is known.
-- left_before: When it was found gone, or replaced by the next stay; null: it exists.
-- left_precision: `interval`: it ended between the two; `unknown`: only before left_before; null: it exists.
with touched as (
    -- no other membership has more than one version
    select distinct subscribable_type, subscribable_id, subscriber_id
    from history.subscriptions
    where change <> 'insert'
),

versions as (
    select
        version.*,
        lead(change) over in_order as next_change,
        lead(id) over in_order as next_id,
        lead(created_at) over in_order as next_created_at,
        case when change = 'delete' then valid_from else lead(valid_from) over in_order end as left_before
    from history.subscriptions as version
    semi join touched
        on touched.subscribable_type = version.subscribable_type
        and touched.subscribable_id = version.subscribable_id
        and touched.subscriber_id = version.subscriber_id
    window in_order as (
        partition by version.subscribable_type, version.subscribable_id, version.subscriber_id
        order by version.valid_from, (version.change = 'delete')::int
    )
),

-- a list that once lacked someone, who then returned with the same date, ended no stay
gone as (
    select
        *,
        row_number() over (
            partition by subscribable_type, subscribable_id, subscriber_id order by left_before, valid_from
        ) as stay
    from versions
    where coalesce(next_id <> id, false)
        or case
            when change = 'delete' then next_change is null or next_created_at is distinct from created_at
            else next_created_at <> created_at
        end
),

stays_before as (
    select subscribable_type, subscribable_id, subscriber_id, max(stay) as stays
    from gone
    group by subscribable_type, subscribable_id, subscriber_id
),

memberships as (
    select
        current.subscribable_type, current.subscribable_id, current.subscriber_id,
        coalesce(stays_before.stays, 0) + 1 as stay, current.id, current.created_at, current.state, current.referrer,
        current.source, current.utm_source, current.utm_medium, current.utm_campaign, true as is_current,
        null::timestamptz as left_before, null::timestamptz as left_after
    from subscriptions as current
    left join stays_before
        on stays_before.subscribable_type = current.subscribable_type
        and stays_before.subscribable_id = current.subscribable_id
        and stays_before.subscriber_id = current.subscriber_id
    union all
    select
        gone.subscribable_type, gone.subscribable_id, gone.subscriber_id, gone.stay, gone.id, gone.created_at,
        gone.state, gone.referrer, gone.source, gone.utm_source, gone.utm_medium, gone.utm_campaign, false,
        gone.left_before, dim_pull.began_at
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
    memberships.subscriber_id,
    memberships.stay,
    memberships.id as subscription_id,
    case
        when memberships.created_at between model_settings.plausible_from and model_settings.plausible_to
        then memberships.created_at
    end as joined_at,
    memberships.state,
    memberships.referrer,
    memberships.source,
    memberships.utm_source,
    memberships.utm_medium,
    memberships.utm_campaign,
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
