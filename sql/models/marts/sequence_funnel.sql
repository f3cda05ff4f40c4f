-- One row per sequence: people who entered, are still in it, and bought or unsubscribed within 30 and 90 days of
-- entering; under v4 also how far its emails reach (sequence_email_performance has each).
-- @key: sequence_id
-- @stored: table
-- @filter: entered > 0
-- @unknown: A person's progress, who finished or was removed before the first pull, whether the sequence caused a
-- purchase; under v3 the emails of a sequence, their opens and clicks, and when people unsubscribed who were already
-- cancelled at the first pull: the unknown columns count them.
-- sequence_id: The sequence's id.
-- sequence: Its current name; names need not be unique.
-- entered: People who ever entered, each counted once, at the first time.
-- members: Current members, in any state.
-- active: Current members who are active.
-- active_rate: In percent: 100 * active / entered.
-- entered_30_days: People who entered at least 30 days ago.
-- bought_within_30_days: Of these, people with a counted order within 30 days of entering.
-- bought_within_30_days_rate: In percent: 100 * bought_within_30_days / entered_30_days.
-- unsubscribed_within_30_days: Of these, people cancelled 30 days after entering, by date (v4) or as the pulls
-- saw it.
-- unknown_within_30_days: Of these, people first seen after that and already cancelled, so that the time is unknown.
-- unsubscribed_within_30_days_rate: In percent, lower bound: 100 * unsubscribed_within_30_days / entered_30_days.
-- unsubscribed_within_30_days_rate_at_most: In percent, upper bound: 100 * (unsubscribed_within_30_days +
-- unknown_within_30_days) / entered_30_days.
-- entered_90_days: People who entered at least 90 days ago.
-- bought_within_90_days: Of these, people with a counted order within 90 days of entering.
-- bought_within_90_days_rate: In percent: 100 * bought_within_90_days / entered_90_days.
-- unsubscribed_within_90_days: Of these, people cancelled 90 days after entering, likewise.
-- unknown_within_90_days: Of these, people first seen after that and already cancelled, so that the time is unknown.
-- unsubscribed_within_90_days_rate: In percent, lower bound: 100 * unsubscribed_within_90_days / entered_90_days.
-- unsubscribed_within_90_days_rate_at_most: In percent, upper bound: 100 * (unsubscribed_within_90_days +
-- unknown_within_90_days) / entered_90_days.
-- emails: Its emails (v4); null under v3, as with all columns up to email_unsubscribes.
-- published_emails: Of these, published ones.
-- first_recipients: Recipients of the first email that has any.
-- last_recipients: Recipients of the last published one whose figures are known.
-- reach_rate: In percent: 100 * last_recipients / first_recipients.
-- email_recipients: Emails sent: the sum of their recipients.
-- email_opens: The sum of their opens.
-- email_open_rate: In percent: 100 * email_opens / email_recipients.
-- email_clickers: The sum of their clickers.
-- email_click_rate: In percent: 100 * email_clickers / email_recipients.
-- email_unsubscribes: People who unsubscribed from one.
-- precision: Of the unsubscribed columns: exact (all are known), interval (the rates lie between the two bounds),
-- unknown (no one is known to have unsubscribed, but some may have).
with active_people as (
    select id from subscribers where state = 'active'
),

entries as (
    select
        absences.*,
        active_people.id is not null as is_active,
        -- a person seen cancelled before entering did not unsubscribe afterwards
        coalesce(absences.state = 'cancelled' and absences.seen_from >= absences.joined_at, false) as is_unsubscribing
    from membership_absences as absences
    left join active_people on active_people.id = absences.subscriber_id
    where absences.subscribable_type = 'sequence'
),

entered as (
    -- is_first counts an entry once, regardless of the person's number of absences
    select
        subscribable_id as sequence_id,
        count(*) filter (is_first) as entered,
        count(*) filter (is_first and is_current) as members,
        count(*) filter (is_first and is_current and is_active) as active,
        count(*) filter (is_first and day_30 <= as_of) as entered_30_days,
        count(*) filter (is_unsubscribing and day_30 <= as_of and day_30 >= seen_from and day_30 < away_to)
            as unsubscribed_within_30_days,
        count(*) filter (
            is_unsubscribing and day_30 <= as_of and day_30 >= away_from and day_30 < least(seen_from, away_to)
        ) as unknown_within_30_days,
        count(*) filter (is_first and day_90 <= as_of) as entered_90_days,
        count(*) filter (is_unsubscribing and day_90 <= as_of and day_90 >= seen_from and day_90 < away_to)
            as unsubscribed_within_90_days,
        count(*) filter (
            is_unsubscribing and day_90 <= as_of and day_90 >= away_from and day_90 < least(seen_from, away_to)
        ) as unknown_within_90_days
    from entries
    cross join model_settings
    group by subscribable_id
),

orders as (
    select subscriber_id, transaction_time
    from fct_purchase
    where is_counted and subscriber_id is not null and transaction_time is not null
),

buyers_entries as (
    select subscribable_id as sequence_id, subscriber_id, min(joined_at) as entered_at
    from bridge_membership
    where subscribable_type = 'sequence' and subscriber_id in (select subscriber_id from orders)
    group by all
),

first_orders as (
    select
        buyers_entries.sequence_id,
        buyers_entries.subscriber_id,
        buyers_entries.entered_at,
        min(orders.transaction_time) as bought_at
    from orders
    join buyers_entries
        on buyers_entries.subscriber_id = orders.subscriber_id and orders.transaction_time >= buyers_entries.entered_at
    group by all
),

bought as (
    select
        sequence_id,
        count(*) filter (bought_at < entered_at + to_hours(30 * 24) and entered_at <= as_of - to_hours(30 * 24))
            as bought_within_30_days,
        count(*) filter (bought_at < entered_at + to_hours(90 * 24) and entered_at <= as_of - to_hours(90 * 24))
            as bought_within_90_days
    from first_orders
    cross join model_settings
    group by all
),

mailed as (
    select
        sequence_id,
        count(*) as emails,
        count(*) filter (is_published) as published_emails,
        max(first_recipients) as first_recipients,
        max_by(recipients, place) filter (is_published and recipients is not null) as last_recipients,
        try_cast(sum(recipients) as bigint) as email_recipients,
        try_cast(sum(opens) as bigint) as email_opens,
        try_cast(sum(clickers) as bigint) as email_clickers,
        try_cast(sum(unsubscribes) as bigint) as email_unsubscribes
    from sequence_email_performance
    group by sequence_id
),

counted as (
    select
        sequences.id as sequence_id,
        sequences.name as sequence,
        coalesce(entered, 0) as entered,
        coalesce(members, 0) as members,
        coalesce(entered.active, 0) as active,
        coalesce(entered_30_days, 0) as entered_30_days,
        coalesce(bought_within_30_days, 0) as bought_within_30_days,
        coalesce(unsubscribed_within_30_days, 0) as unsubscribed_within_30_days,
        coalesce(unknown_within_30_days, 0) as unknown_within_30_days,
        coalesce(entered_90_days, 0) as entered_90_days,
        coalesce(bought_within_90_days, 0) as bought_within_90_days,
        coalesce(unsubscribed_within_90_days, 0) as unsubscribed_within_90_days,
        coalesce(unknown_within_90_days, 0) as unknown_within_90_days,
        mailed.* exclude (sequence_id)
    from sequences
    left join mailed on mailed.sequence_id = sequences.id
    left join entered on entered.sequence_id = sequences.id
    left join bought on bought.sequence_id = sequences.id
)

select
    sequence_id,
    sequence,
    entered,
    members,
    active,
    100.0 * active / nullif(entered, 0) as active_rate,
    entered_30_days,
    bought_within_30_days,
    100.0 * bought_within_30_days / nullif(entered_30_days, 0) as bought_within_30_days_rate,
    unsubscribed_within_30_days,
    unknown_within_30_days,
    100.0 * unsubscribed_within_30_days / nullif(entered_30_days, 0) as unsubscribed_within_30_days_rate,
    100.0 * (unsubscribed_within_30_days + unknown_within_30_days) / nullif(entered_30_days, 0)
        as unsubscribed_within_30_days_rate_at_most,
    entered_90_days,
    bought_within_90_days,
    100.0 * bought_within_90_days / nullif(entered_90_days, 0) as bought_within_90_days_rate,
    unsubscribed_within_90_days,
    unknown_within_90_days,
    100.0 * unsubscribed_within_90_days / nullif(entered_90_days, 0) as unsubscribed_within_90_days_rate,
    100.0 * (unsubscribed_within_90_days + unknown_within_90_days) / nullif(entered_90_days, 0)
        as unsubscribed_within_90_days_rate_at_most,
    emails,
    published_emails,
    first_recipients,
    last_recipients,
    100.0 * last_recipients / nullif(first_recipients, 0) as reach_rate,
    email_recipients,
    email_opens,
    100.0 * email_opens / nullif(email_recipients, 0) as email_open_rate,
    email_clickers,
    100.0 * email_clickers / nullif(email_recipients, 0) as email_click_rate,
    email_unsubscribes,
    case
        when unknown_within_30_days + unknown_within_90_days = 0 then 'exact'
        when unsubscribed_within_30_days + unsubscribed_within_90_days > 0 then 'interval'
        else 'unknown'
    end as precision
from counted
