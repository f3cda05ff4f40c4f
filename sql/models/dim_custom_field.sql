-- One row per custom field of the account, and how many people have a value in it.
-- @key: id
-- @stored: table
-- @filter: filled > 0
-- @unknown: Labels it had before the first pull.
-- id: Its id.
-- key: The name in `fields`.
-- label: Its label now.
-- former_labels: Labels it had since the first pull, with commas between.
-- filled: Active people who have a value in it.
-- distinct_values: How many different values they have, about.
-- active_subscribers: Active people of the account.
-- fill_rate: 100 * filled / active_subscribers.
with former as (
    select versions.id, string_agg(distinct versions.label, ', ' order by versions.label) as former_labels
    from history.custom_fields as versions
    join custom_fields on custom_fields.id = versions.id and custom_fields.label is distinct from versions.label
    group by versions.id
),

active as (
    select id from subscribers where state = 'active'
),

list as (
    select count(*) as active_subscribers from active
),

used as (
    select custom_field_id, count(*) as filled, approx_count_distinct(value) as distinct_values
    from subscriber_fields
    semi join active on active.id = subscriber_fields.subscriber_id
    where value <> ''
    group by custom_field_id
)

select
    custom_fields.id,
    custom_fields.key,
    custom_fields.label,
    former.former_labels,
    coalesce(used.filled, 0) as filled,
    coalesce(used.distinct_values, 0) as distinct_values,
    list.active_subscribers,
    100 * coalesce(used.filled, 0) / nullif(list.active_subscribers, 0) as fill_rate
from custom_fields
cross join list
left join former on former.id = custom_fields.id
left join used on used.custom_field_id = custom_fields.id
