-- One row per custom field of the account, with the number of people who have a value in it.
-- @key: id
-- @stored: table
-- @filter: filled > 0
-- @unknown: Labels before the first pull.
-- id: The field's id.
-- key: The key in `fields`.
-- label: Its current label.
-- former_labels: Earlier labels seen since the first pull, separated by commas.
-- filled: Active people who have a value in it.
-- distinct_values: Approximate number of distinct values.
-- active_subscribers: Active people of the account.
-- fill_rate: 100 * filled / active_subscribers.
with former as (
    select versions.id, string_agg(distinct versions.label, ', ' order by versions.label) as former_labels
    from history.custom_fields as versions
    join custom_fields on custom_fields.id = versions.id and custom_fields.label is distinct from versions.label
    group by versions.id
),

list as (
    select count(*) as active_subscribers from subscribers where state = 'active'
),

-- as a map: faster than subscriber_fields, and in less memory
maps as (
    select json_transform(fields, '"MAP(VARCHAR, VARCHAR)"') as by_key
    from subscribers
    where state = 'active'
),

field_values as (
    select unnest(map_keys(by_key)) as key, unnest(map_values(by_key)) as value
    from maps
),

used as (
    select key, count(*) as filled, approx_count_distinct(value) as distinct_values
    from field_values
    where value <> ''
    group by key
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
left join used on used.key = custom_fields.key
