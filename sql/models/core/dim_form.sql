-- One row per form of the account, with its members.
-- @key: id
-- @filter: members > 0
-- @unknown: Members who left before the first pull, and names it had before. Views of a form, and so its conversion
-- rate.
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
