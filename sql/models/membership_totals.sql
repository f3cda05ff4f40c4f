-- One row per form, sequence and tag that has or had members: how many.
-- @key: subscribable_type, subscribable_id
-- @stored: table
-- @filter: subscribable_type = 'tag'
-- @unknown: Members who left before the first pull.
-- subscribable_type: `form`, `sequence` or `tag`.
-- subscribable_id: Its id.
-- members: People who are in it now, in any state.
-- active_members: Those of them who are active.
-- members_ever: People who are or were in it.
-- first_joined_at: When the first of them joined.
-- last_joined_at: When the last of them joined.
with people as (
    select id from subscribers where state = 'active'
)

select
    bridge_membership.subscribable_type,
    bridge_membership.subscribable_id,
    count(distinct bridge_membership.subscriber_id) filter (bridge_membership.is_current) as members,
    count(distinct people.id) filter (bridge_membership.is_current) as active_members,
    count(distinct bridge_membership.subscriber_id) as members_ever,
    min(bridge_membership.joined_at) as first_joined_at,
    max(bridge_membership.joined_at) as last_joined_at
from bridge_membership
left join people on people.id = bridge_membership.subscriber_id
group by bridge_membership.subscribable_type, bridge_membership.subscribable_id
