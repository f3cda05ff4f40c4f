-- One row per form of the account, with its members.
-- @key: id
-- @filter: members > 0
-- @unknown: Members who left before the first pull, and names it had before. Views of a form, and so its conversion rate.
-- id: Its id.
-- name: Its name now.
-- former_names: Names it had since the first pull, with commas between.
-- type: `embed` or `hosted` (a landing page).
-- format: How it is shown, such as `inline` or `modal`.
-- archived: Whether it is archived.
-- created_at: When it was made.
-- members: People who are in it now, in any state.
-- active_members: Those of them who are active.
-- members_ever: People who are or were in it.
-- last_joined_at: When the last of them joined.
-- active_subscribers: Active people of the account.
-- share_of_list_rate: 100 * active_members / active_subscribers.
with former as (
    select versions.id, string_agg(distinct versions.name, ', ' order by versions.name) as former_names
    from history.forms as versions
    join forms on forms.id = versions.id and forms.name is distinct from versions.name
    group by versions.id
),

list as (
    select count(*) as active_subscribers from subscribers where state = 'active'
)

select
    forms.id,
    forms.name,
    former.former_names,
    forms.type,
    forms.format,
    forms.archived,
    forms.created_at,
    coalesce(totals.members, 0) as members,
    coalesce(totals.active_members, 0) as active_members,
    coalesce(totals.members_ever, 0) as members_ever,
    totals.last_joined_at,
    list.active_subscribers,
    100 * coalesce(totals.active_members, 0) / nullif(list.active_subscribers, 0) as share_of_list_rate
from forms
cross join list
left join former on former.id = forms.id
left join membership_totals as totals
    on totals.subscribable_type = 'form'
    and totals.subscribable_id = forms.id
