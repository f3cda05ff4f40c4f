-- One row per tag of the account, with its members.
-- @key: id
-- @filter: members > 0
-- @unknown: Members who left before the first pull, and names it had before.
-- id: Its id.
-- name: Its name now.
-- former_names: Names it had since the first pull, with commas between.
-- created_at: When it was made.
-- members: People who are in it now, in any state.
-- active_members: Those of them who are active.
-- members_ever: People who are or were in it.
-- last_joined_at: When the last of them joined.
-- active_subscribers: Active people of the account.
-- share_of_list_rate: 100 * active_members / active_subscribers.
with former as (
    select versions.id, string_agg(distinct versions.name, ', ' order by versions.name) as former_names
    from history.tags as versions
    join tags on tags.id = versions.id and tags.name is distinct from versions.name
    group by versions.id
),

list as (
    select count(*) as active_subscribers from subscribers where state = 'active'
)

select
    tags.id,
    tags.name,
    former.former_names,
    tags.created_at,
    coalesce(totals.members, 0) as members,
    coalesce(totals.active_members, 0) as active_members,
    coalesce(totals.members_ever, 0) as members_ever,
    totals.last_joined_at,
    list.active_subscribers,
    100 * coalesce(totals.active_members, 0) / nullif(list.active_subscribers, 0) as share_of_list_rate
from tags
cross join list
left join former on former.id = tags.id
left join membership_totals as totals
    on totals.subscribable_type = 'tag'
    and totals.subscribable_id = tags.id
