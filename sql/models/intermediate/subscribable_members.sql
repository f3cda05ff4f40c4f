-- One row per form, sequence and tag of the account, with its names and its members compared with the list. dim_form,
-- dim_sequence and dim_tag add their own columns.
-- @key: subscribable_type, subscribable_id
-- @filter: members > 0
-- @unknown: Members who left before the first pull, and earlier names.
-- subscribable_type: `form`, `sequence` or `tag`.
-- subscribable_id: Its id.
-- name: Its current name.
-- former_names: Earlier names seen since the first pull, separated by commas.
-- members: Current members, in any state.
-- active_members: Current members who are active.
-- members_ever: People who are or ever were members.
-- last_joined_at: When the newest member joined.
-- active_subscribers: Active people of the account.
-- share_of_list_rate: 100 * active_members / active_subscribers.
with today as (
    select 'form' as subscribable_type, id, name from forms
    union all
    select 'sequence', id, name from sequences
    union all
    select 'tag', id, name from tags
),

versions as (
    select 'form' as subscribable_type, id, name from history.forms
    union all
    select 'sequence', id, name from history.sequences
    union all
    select 'tag', id, name from history.tags
),

former as (
    select
        versions.subscribable_type,
        versions.id,
        string_agg(distinct versions.name, ', ' order by versions.name) as former_names
    from versions
    join today
        on today.subscribable_type = versions.subscribable_type
        and today.id = versions.id
        and today.name is distinct from versions.name
    group by versions.subscribable_type, versions.id
),

list as (
    select count(*) as active_subscribers from subscribers where state = 'active'
)

select
    today.subscribable_type,
    today.id as subscribable_id,
    today.name,
    former.former_names,
    coalesce(totals.members, 0) as members,
    coalesce(totals.active_members, 0) as active_members,
    coalesce(totals.members_ever, 0) as members_ever,
    totals.last_joined_at,
    list.active_subscribers,
    100 * coalesce(totals.active_members, 0) / nullif(list.active_subscribers, 0) as share_of_list_rate
from today
cross join list
left join former
    on former.subscribable_type = today.subscribable_type
    and former.id = today.id
left join membership_totals as totals
    on totals.subscribable_type = today.subscribable_type
    and totals.subscribable_id = today.id
