-- One row per form of the account, with its members.
-- @key: id
-- @filter: members > 0
-- @unknown: Members who left before the first pull, and earlier names. Views of a form, and therefore its conversion
-- rate.
-- id: The form's id.
-- name: Its current name.
-- former_names: Earlier names seen since the first pull, separated by commas.
-- type: `embed` or `hosted` (a landing page).
-- format: How it is displayed, such as `inline` or `modal`.
-- archived: Whether it is archived.
-- created_at: When it was created.
-- members: Current members, in any state.
-- active_members: Current members who are active.
-- members_ever: People who are or ever were members.
-- last_joined_at: When the newest member joined.
-- active_subscribers: Active people of the account.
-- share_of_list_rate: 100 * active_members / active_subscribers.
select
    forms.id,
    forms.name,
    of_today.former_names,
    forms.type,
    forms.format,
    forms.archived,
    forms.created_at,
    of_today.members,
    of_today.active_members,
    of_today.members_ever,
    of_today.last_joined_at,
    of_today.active_subscribers,
    of_today.share_of_list_rate
from forms
join subscribable_members as of_today
    on of_today.subscribable_type = 'form'
    and of_today.subscribable_id = forms.id
