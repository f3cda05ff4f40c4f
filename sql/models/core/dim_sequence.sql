-- One row per sequence of the account, with its members.
-- @key: id
-- @filter: members > 0
-- @unknown: Members who left before the first pull, and names it had before.
-- id: Its id.
-- name: Its name now.
-- former_names: Names it had since the first pull, with commas between.
-- hold: Whether it is on hold.
-- repeat: Whether people may go through it again.
-- created_at: When it was made.
-- members: People who are in it now, in any state.
-- active_members: Those of them who are active.
-- members_ever: People who are or were in it.
-- last_joined_at: When the last of them joined.
-- active_subscribers: Active people of the account.
-- share_of_list_rate: 100 * active_members / active_subscribers.
select
    sequences.id,
    sequences.name,
    of_today.former_names,
    sequences.hold,
    sequences.repeat,
    sequences.created_at,
    of_today.members,
    of_today.active_members,
    of_today.members_ever,
    of_today.last_joined_at,
    of_today.active_subscribers,
    of_today.share_of_list_rate
from sequences
join subscribable_members as of_today
    on of_today.subscribable_type = 'sequence'
    and of_today.subscribable_id = sequences.id
