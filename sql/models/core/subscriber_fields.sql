-- One row per person and custom field that has a value.
-- @filter: subscriber_id = 412000000
-- @unknown: When a value was set: only when it was seen to have changed (hist_subscriber).
-- subscriber_id: Id of the person.
-- custom_field_id: Id of the field; null if the key belongs to no field of the account.
-- key: The field's current key.
-- label: The field's current label.
-- value: The person's value, as text.
with field_keys as (
    select id as subscriber_id, fields, unnest(list_distinct(json_keys(fields))) as key
    from subscribers
),

field_values as (
    -- a JSON pointer finds a key with any characters
    select subscriber_id, key, json_extract_string(fields, '/' || replace(replace(key, '~', '~0'), '/', '~1')) as value
    from field_keys
)

select
    field_values.subscriber_id,
    custom_fields.id as custom_field_id,
    field_values.key,
    custom_fields.label,
    field_values.value
from field_values
left join custom_fields on custom_fields.key = field_values.key
where field_values.value is not null
