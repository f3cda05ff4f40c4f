-- One row per stream: how fresh and complete it is, what changed in the last seven days, and what reading it cost.
-- @key: stream
-- @filter: not is_complete
-- @unknown: Whether the account has changed since: this is what the last pull knew.
-- stream: The stream: people, tags and so on.
-- lists: Number of lists it is read from, such as one per tag.
-- complete_lists: Lists that are proved complete.
-- is_complete: Whether all are.
-- doubt: Why not; the first reason.
-- read_to: Time up to which all of it is known: the oldest last complete read of its lists.
-- lag_hours: Hours from then to the newest observation.
-- proved_at: When the list that has waited longest was last proved, by a full scan or by samples.
-- last_success_at: When the last load that read the stream and exited with 0 ended.
-- added_7d: Rows added in the seven days up to the newest observation.
-- changed_7d: Rows that changed.
-- removed_7d: Rows removed.
-- requests_7d: Requests made for it.
-- throttled_7d: Of these, requests that the API rejected as too many (429).
-- failed_7d: Of these, requests that failed on the API's side (5xx), or got no answer.
with recent as (
    select as_of - interval 7 day as since, as_of from model_settings
),

lists as (
    select
        stream,
        count(*) as lists,
        count(*) filter (is_complete) as complete_lists,
        min_by(coalesce(doubt, 'not read to the end'), slice) filter (not is_complete) as doubt,
        min(cursor_at) as read_to,
        min(checked_at) as proved_at
    from _cksync.slices
    group by stream
),

-- every table that is read; tests/test_models.py fails if one is missing
versions as (
    select 'account' as stream, change, valid_from from history.account
    union all
    select 'subscribers', change, valid_from from history.subscribers
    union all
    select 'custom_fields', change, valid_from from history.custom_fields
    union all
    select 'forms', change, valid_from from history.forms
    union all
    select 'sequences', change, valid_from from history.sequences
    union all
    select 'tags', change, valid_from from history.tags
    union all
    select 'subscriptions', change, valid_from from history.subscriptions
    union all
    select 'broadcasts', change, valid_from from history.broadcasts
    union all
    select 'broadcast_stats', change, valid_from from history.broadcast_stats
    union all
    select 'purchases', change, valid_from from history.purchases
    union all
    select 'sequence_emails', change, valid_from from history.sequence_emails
    union all
    select 'sequence_emails', change, valid_from from history.sequence_email_stats
    union all
    select 'broadcast_links', change, valid_from from history.broadcast_links
    union all
    select 'subscriber_stats', change, valid_from from history.subscriber_stats
    union all
    select 'segments', change, valid_from from history.segments
    union all
    select 'email_templates', change, valid_from from history.email_templates
    union all
    select 'posts', change, valid_from from history.posts
    union all
    select 'snippets', change, valid_from from history.snippets
    union all
    select 'webhooks', change, valid_from from history.webhooks
),

changes as (
    select
        stream,
        count(*) filter (change = 'insert') as added,
        count(*) filter (change = 'update') as changed,
        count(*) filter (change = 'delete') as removed
    from versions
    cross join recent
    where valid_from > since
    group by stream
),

requests as (
    select
        stream,
        count(*) as requests,
        count(*) filter (status = 429) as throttled,
        count(*) filter (status >= 500 or status is null) as failed
    from _cksync.requests
    cross join recent
    where requested_at > since
    group by stream
),

successes as (
    select lists.stream, max(loads.ended_at) as last_success_at
    from lists
    join _cksync.loads as loads
        on loads.exit_status = 0
        and (loads.streams = 'all' or list_contains(string_split(loads.streams, ', '), lists.stream))
    group by lists.stream
)

select
    lists.stream,
    lists.lists,
    lists.complete_lists,
    lists.lists = lists.complete_lists as is_complete,
    lists.doubt,
    lists.read_to,
    round(date_diff('second', lists.read_to, recent.as_of) / 3600, 1) as lag_hours,
    lists.proved_at,
    successes.last_success_at,
    coalesce(changes.added, 0) as added_7d,
    coalesce(changes.changed, 0) as changed_7d,
    coalesce(changes.removed, 0) as removed_7d,
    coalesce(requests.requests, 0) as requests_7d,
    coalesce(requests.throttled, 0) as throttled_7d,
    coalesce(requests.failed, 0) as failed_7d
from lists
cross join recent
left join changes on changes.stream = lists.stream
left join requests on requests.stream = lists.stream
left join successes on successes.stream = lists.stream
