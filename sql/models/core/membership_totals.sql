-- One row per form, sequence and tag that has or had members, with their number.
-- @key: subscribable_type, subscribable_id
-- @stored: table
-- @filter: subscribable_type = 'tag'
-- @unknown: Members who left before the first pull.
-- subscribable_type: `form`, `sequence` or `tag`.
-- subscribable_id: Its id.
-- members: Current members, in any state.
-- active_members: Current members who are active.
-- members_ever: People who are or ever were members.
-- first_joined_at: When the first member joined, if known (see bridge_membership).
-- last_joined_at: When the newest member joined, likewise.
with active as (
    select id as subscriber_id from subscribers where state = 'active'
),

-- a person is in a form, sequence or tag at most once at a time
today as (
    select
        subscribable_type,
        subscribable_id,
        count(*) as members,
        count(active.subscriber_id) as active_members,
        min(created_at) filter (created_at between plausible_from and plausible_to) as first_joined_at,
        max(created_at) filter (created_at between plausible_from and plausible_to) as last_joined_at
    from subscriptions
    cross join model_settings
    left join active using (subscriber_id)
    group by subscribable_type, subscribable_id
),

gone as (
    select subscribable_type, subscribable_id, subscriber_id, joined_at
    from bridge_membership
    where not is_current
),

before as (
    select
        gone.subscribable_type,
        gone.subscribable_id,
        count(distinct gone.subscriber_id) filter (subscriptions.subscriber_id is null) as left_for_good,
        min(gone.joined_at) as first_joined_at,
        max(gone.joined_at) as last_joined_at
    from gone
    left join subscriptions
        on subscriptions.subscribable_type = gone.subscribable_type
        and subscriptions.subscribable_id = gone.subscribable_id
        and subscriptions.subscriber_id = gone.subscriber_id
    group by gone.subscribable_type, gone.subscribable_id
)

select
    subscribable_type,
    subscribable_id,
    coalesce(today.members, 0) as members,
    coalesce(today.active_members, 0) as active_members,
    coalesce(today.members, 0) + coalesce(before.left_for_good, 0) as members_ever,
    least(today.first_joined_at, before.first_joined_at) as first_joined_at,
    greatest(today.last_joined_at, before.last_joined_at) as last_joined_at
from today
full join before using (subscribable_type, subscribable_id)
